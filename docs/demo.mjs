// Records docs/demo.svg in a real terminal: node docs/demo.mjs (needs `npm run build`, and `script` from util-linux).
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'sqlmig-demo-'));
cpSync(join(root, 'sql'), join(dir, 'sql'), { recursive: true });
copyFileSync(join(root, 'sqlmig.config.json'), join(dir, 'sqlmig.config.json'));
symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
mkdirSync(join(dir, 'bin'));
symlinkSync(join(root, 'dist/cli.js'), join(dir, 'bin/sqlmig'));

/** Returns what a command writes to a terminal, with colors. */
function record(command) {
  const typed = ['-qec', command, '/dev/null'];
  const env = {
    ...process.env,
    PATH: `${join(dir, 'bin')}:${process.env.PATH}`,
    TERM: 'xterm-256color',
    COLUMNS: '100',
  };
  try {
    return execFileSync('script', typed, {
      cwd: dir,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    return error.stdout;
  }
}

/** Returns the final lines of a terminal, without overwritten text. */
function screen(output) {
  return output
    .split(/\r?\n/)
    .map((line) => line.slice(line.lastIndexOf('\x1b[2K') === -1 ? 0 : line.lastIndexOf('\x1b[2K') + 4))
    .map((line) => line.replace(/\r/g, ''))
    .filter((line, i, all) => line !== '' || i < all.length - 1);
}

const escapeCharacter = String.fromCharCode(27);
const color = new RegExp(`(${escapeCharacter}\\[[\\d;]*m)`);
const colors = { 31: '#f47067', 32: '#57ab5a', 33: '#c69026', 36: '#39c5cf', 2: '#768390' };

function spans(line) {
  const safe = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
  let fill = null;
  return line
    .split(color)
    .map((part) => {
      const code = color.test(part) ? part.slice(2, -1) : undefined;
      if (code === undefined)
        return part === '' ? '' : `<tspan${fill === null ? '' : ` fill="${fill}"`}>${safe(part)}</tspan>`;
      fill = colors[code] ?? null;
      return '';
    })
    .join('');
}

const lines = [];
const show = (command) => lines.push(`\x1b[32m$\x1b[0m ${command}`, ...screen(record(command)), '');
try {
  show('sqlmig up --all --embedded');
  writeFileSync(
    join(dir, 'sql/tenant/0012_discounts.sql'),
    "alter table subscriptions add column discount numeric(4, 2);\n\nupdate subscriptions\nset discount = 0.1\nwhere start_on < '2026-01-01';\n",
  );
  show('sqlmig up --all --embedded');
  lines.pop();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const [width, height] = [900, lines.length * 20 + 40];
writeFileSync(
  join(root, 'docs/demo.svg'),
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>sqlmig up --all: one run applies every migration; the next one reports a mistake with file and line</title>
<rect width="${width}" height="${height}" rx="8" fill="#1c2128"/>
<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#cdd9e5" xml:space="preserve">
${lines.map((line, i) => `<text x="20" y="${i * 20 + 32}">${spans(line)}</text>`).join('\n')}
</g>
</svg>
`,
);
