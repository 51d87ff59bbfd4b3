// The picture of the README: seconds by tool.

const [left, bar, row] = [220, 390, 22];

function fillOf(name) {
  if (name.startsWith('limit')) return '#8b949e';
  return name.startsWith('sqlmig') ? '#2da44e' : '#54aeff';
}

/** An SVG with a panel for each of some tables. */
export function chart(tables) {
  const parts = [];
  let y = 20;
  for (const { title, rows } of tables) {
    parts.push(`<text x="20" y="${y}" font-weight="bold">${title}, seconds</text>`);
    y += 14;
    const most = Math.max(...rows.map(({ ms }) => ms));
    for (const { name, ms } of rows) {
      const width = Math.max(1, (ms / most) * bar);
      parts.push(
        `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${name}</text><rect x="${left}" y="${y + 3}" width="${width.toFixed(1)}" height="15" fill="${fillOf(name)}"/><text x="${(left + width + 6).toFixed(1)}" y="${y + 15}">${(ms / 1000).toFixed(2)}</text>`,
      );
      y += row;
    }
    y += 24;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="700" height="${y}" viewBox="0 0 700 ${y}">
<title>sqlmig, the limit of the server, and other tools</title>
<rect width="700" height="${y}" fill="#ffffff"/>
<g font-family="system-ui, sans-serif" font-size="13" fill="#1f2328">
${parts.join('\n')}
</g>
</svg>
`;
}
