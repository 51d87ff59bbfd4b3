import { expect, test } from 'vitest';
import { commandHelp, groupHelp, overviewHelp } from '../src/cli/help.ts';
import { commands } from '../src/cli/registry.ts';

const all = await Promise.all(Object.values(commands).map((load) => load()));
const texts = (columns: number) => [
  overviewHelp(all, columns),
  groupHelp('tenant', all, columns),
  ...all.map((command) => commandHelp(command, columns)),
];

test.for([40, 60, 80, 110, 200])('in a terminal of %i columns, no line of help is longer', (columns) => {
  const long = texts(columns).flatMap((text) =>
    text.split('\n').filter((line) => line.length > columns && line.trim().includes(' ')),
  );
  expect(long).toEqual([]);
});

test('a command shows its own flags first, and only the names of the global ones', () => {
  for (const command of all) {
    const text = commandHelp(command, 80);
    const flags = text.indexOf('\nFlags:\n');
    const global = text.indexOf('\nGlobal flags, explained by sqlmig --help: --config --env-file');
    expect(global).toBeGreaterThan(Math.max(flags, text.indexOf('\nExamples:\n')));
    expect(flags === -1).toBe(Object.keys(command.options).length === 0);
    expect(text).not.toContain('Database URL (also read');
  }
});

test('every flag that takes a value says which', () => {
  const [up = '', , , , ...more] = all.map((command) => commandHelp(command, 200));
  for (const flag of [
    '--to VERSION',
    '--steps N',
    '--canary N|P%|NAMES',
    '--lock-timeout DURATION',
    '--metrics FILE',
  ])
    expect(up).toContain(`  ${flag} `);
  expect(more.join('')).toMatch(/--tenants-from QUERY .*[\s\S]*--kill PID /);
  expect(overviewHelp(all, 200)).toMatch(
    /--config FILE [\s\S]*--env-file FILE [\s\S]*--url URL [\s\S]*--public-dir DIR /,
  );
  expect(texts(200).join('')).not.toContain(' VALUE');
});
