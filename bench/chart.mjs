// Makes docs/performance.svg of what run.mjs wrote: node bench/chart.mjs RESULT.json ...
import { readFileSync, writeFileSync } from 'node:fs';

const wanted = [/^fresh, 100 x/, /^one new file, 1000/, /^nothing to do, 1000 tenants \(/];
const results = process.argv.slice(2).flatMap((file) => JSON.parse(readFileSync(file, 'utf8')));
const panels = wanted.flatMap((title) => results.filter((result) => title.test(result.title)).slice(0, 1));
const [left, bar, row] = [190, 420, 22];
const parts = [];
let y = 20;
for (const { title, rows } of panels) {
  parts.push(`<text x="20" y="${y}" font-weight="bold">${title.replace(/ \(.*/, '')}, seconds</text>`);
  y += 14;
  const most = Math.max(...rows.map(({ ms }) => ms));
  for (const { name, ms } of rows) {
    const fill = name.startsWith('limit') ? '#8b949e' : name === 'sqlmig' ? '#2da44e' : '#54aeff';
    const width = Math.max(1, (ms / most) * bar);
    parts.push(
      `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${name}</text><rect x="${left}" y="${y + 3}" width="${width.toFixed(1)}" height="15" fill="${fill}"/><text x="${left + width + 6}" y="${y + 15}">${(ms / 1000).toFixed(2)}</text>`,
    );
    y += row;
  }
  y += 24;
}
writeFileSync(
  new URL('../docs/performance.svg', import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" width="700" height="${y}" viewBox="0 0 700 ${y}">
<title>sqlmig, the limit of the server, and other tools</title>
<rect width="700" height="${y}" fill="#ffffff"/>
<g font-family="system-ui, sans-serif" font-size="13" fill="#1f2328">
${parts.join('\n')}
</g>
</svg>
`,
);
