import { expect, test } from 'vitest';
import type { Command } from '../src/cli/command.ts';
import type { OptionSet } from '../src/cli/flag.ts';
import { globalOptions } from '../src/cli/options.ts';
import { parse } from '../src/cli/parse.ts';
import { quickly } from '../src/cli/quick.ts';
import { commands } from '../src/cli/registry.ts';

test.for([
  ['up', '--all'],
  ['up', '--all', '--json', '--quiet'],
  ['up', '--tenants', 'a,b', '--tenants=c', '--to', '0012', '--steps=3'],
  ['up', '--all', '--except-tenants', 'x', '--max-failures', '5%', '--canary', '2', '--concurrency', '4'],
  ['up', '--all', '--lock-timeout=2s', '--wait-for-lock', '1m', '--out-of-order', '--ignore-changed'],
  ['plan', '--url', 'postgres://x', '--log-format', 'json'],
  ['status', '--check', '--config=a.json'],
  ['verify', '--strict', '--verbose', '--color'],
  ['locks', '--kill', '12', '--yes'],
  ['status', '--env-file', '.env', '--env-file=.env.local'],
  ['up', '--all', '-q', '-u', 'postgres://x'],
  ['status', '-qv'],
  ['status', '-u=postgres://x'],
])('a plain command line means the same to both parsers: %j', async (argv) => {
  const full = await parse(argv, () => {});
  if (full === null) throw new Error('a parser did not take it');
  const quick = await quickly(argv);
  if (quick === null) return expect(argv.some((arg) => /^-[^-]./.test(arg))).toBe(true);
  expect(quick.command).toBe(full.command);
  const flags = Object.keys(quick.args);
  expect(Object.fromEntries(flags.map((flag) => [flag, full.args[flag]]))).toEqual(quick.args);
});

/** All flags of a command with a value each, as `--flag value` and as `--flag=value`, and by their short names. */
function everyFlag({ options }: Command): string[][] {
  const flags = Object.entries({ ...globalOptions, ...options } as OptionSet).map(
    ([flag, { type, choices, alias }]) => {
      const value = choices === undefined ? (type === 'number' ? '3' : 'a,b') : String(choices[0]);
      return { words: type === 'boolean' ? [`--${flag}`] : [`--${flag}`, value], alias };
    },
  );
  const short = flags.flatMap(({ words: [, ...value], alias }) =>
    alias === undefined ? [] : [`${alias.length === 1 ? '-' : '--'}${alias}`, ...value],
  );
  return [flags.flatMap(({ words }) => words), flags.map(({ words }) => words.join('=')), short];
}

test.for(Object.entries(commands))('both parsers read every flag of %s alike', async ([name, load]) => {
  const command = await load();
  for (const line of everyFlag(command)) {
    const quick = await quickly([...name.split(' '), ...line]);
    const isPlain = name.split(' ').length === 1 && name !== 'new';
    expect(quick !== null).toBe(isPlain);
    if (quick === null) continue;
    const full = await parse([...name.split(' '), ...line], () => {});
    const flags = Object.keys(quick.args);
    expect(Object.fromEntries(flags.map((flag) => [flag, full?.args[flag]]))).toEqual(quick.args);
  }
});

test.for([
  [],
  ['--help'],
  ['up', '--help'],
  ['upp'],
  ['up', '--al'],
  ['up', '--all', '--no-color'],
  ['up', '--tenants', 'a', 'b'],
  ['up', '--to', '1', '--to', '2'],
  ['up', '--steps', 'many'],
  ['up', '--all', '--log-format', 'xml'],
  ['up', '--all=yes'],
  ['up', '--to', ''],
  ['tenant', 'list'],
  ['tenant list'],
  ['new', 'x', '--tenant'],
  ['constructor'],
])('what is not plain is left to yargs: %j', async (argv) => {
  expect(await quickly(argv)).toBe(null);
});

test.for([
  ['up', '--all', '--rehearse=1'],
  ['up', '--all', '--dry-run=yes'],
  ['status', '--check='],
  ['up', '--no-all=x'],
  ['locks', '--json=TRUE'],
  ['up', '--all', '--dryRun=1'],
  ['up', '--all', '--sync=1'],
])('a switch with a value that is neither true nor false is refused: %j', async (argv) => {
  await expect(parse(argv, () => {})).rejects.toMatchObject({
    code: 'bad-usage',
    message: expect.stringMatching(/^--\S+ takes true, false or no value at all$/),
  });
});

test.for([
  [['up', '--all', '--steps'], 'run sqlmig up --help'],
  [['up', '--all', '--rehearse=1'], 'run sqlmig up --help'],
  [['plan', '--log-format', 'xml'], 'run sqlmig plan --help'],
  [['tenant', 'create', 'a', '--nonsense'], 'run sqlmig tenant create --help'],
  [['tenant'], 'run sqlmig --help'],
  [['up', '--al'], 'did you mean --all?'],
] as const)('the hint for %j is "%s"', async ([argv, hint]) => {
  await expect(parse(argv, () => {})).rejects.toMatchObject({ code: 'bad-usage', details: { hint } });
});

test('a switch takes true and false', async () => {
  const read = async (value: string) =>
    (await parse(['up', '--all', `--rehearse=${value}`], () => {}))?.args.rehearse;
  expect([await read('true'), await read('false')]).toEqual([true, false]);
});

test('every command is called what the registry calls it', async () => {
  for (const [name, load] of Object.entries(commands)) expect((await load()).name).toBe(name);
});
