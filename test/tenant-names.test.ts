import { beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const hostile = [
  'a"b',
  "x'; drop schema public cascade; --",
  'Ünïcode',
  'n'.repeat(63),
  'ü'.repeat(31),
  'select',
  'back\\slash',
  '$sqlmig$; $$',
  ' spaces ',
  '*/ /* --',
  'line\nbreak',
  'comma,name',
  '%_',
];

test('hostile tenant names work end to end', async () => {
  const p = project(
    { url: db.url, tenants: { list: hostile } },
    {
      'sql/public/1_seen.sql': 'create table seen (name text)',
      'sql/tenant/1_t.sql': 'create table t (id int); insert into seen values (current_schema())',
    },
  );
  const first = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(first.stderr).not.toMatch(/error/);
  expect(first.code).toBe(0);
  expect((await db.query('select name from seen')).map((row) => row.name).sort()).toEqual(
    [...hostile].sort(),
  );
  for (const name of hostile) expect(await db.history(name)).toEqual({ 1: 1 });
  p.write({ 'sql/tenant/2_u.sql': 'create table u ()' });
  expect((await sqlmig(['up', `--tenants=a"b`, '--tenants', 'comma\\,name'], p.dir)).code).toBe(0);
  expect(await db.history('a"b')).toEqual({ 1: 1, 2: 1 });
  expect(await db.history('select')).toEqual({ 1: 1 });
  for (const command of [['status', '--json'], ['verify'], ['plan'], ['tenant', 'list'], ['up', '--all']]) {
    expect(await sqlmig(command, p.dir)).toMatchObject({ code: 0 });
  }
});

test.for([
  ['', 'empty name'],
  ['ü'.repeat(32), '63 bytes'],
  ['pg_evil', 'belongs to PostgreSQL'],
  ['information_schema', 'belongs to PostgreSQL'],
  ['public', 'is the public schema'],
  [null, 'not null'],
  [7, 'not number'],
] as const)('%j is refused before any work', async ([name, why]) => {
  const p = project(
    { url: db.url, tenants: { list: ['fine', name] } },
    { 'sql/public/9_never.sql': 'create table never ()' },
  );
  const { code, stderr, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect({ code, why: stderr.includes(why) ? why : stderr }).toEqual({ code: 2, why });
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'bad-tenant-name' } });
  expect(await db.query(`select to_regclass('public.never') as t`)).toEqual([{ t: null }]);
});

test('a name that changes the direction of text or begins a line is escaped for people', async () => {
  const name = 'pay\u202egpj\nhint: run this';
  const p = project(
    { url: db.url, historyTable: 'bidi', tenants: { list: [name] } },
    {
      'sql/tenant/1_t.sql': 'select nowhere()',
    },
  );
  const { stdout, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(stdout).toContain('pay\\u{202e}gpj');
  expect(stderr).toContain('pay\\u{202e}gpj');
  expect(stderr).toContain('now:  rolled back; pay\\u{202e}gpj\\u{a}hint: run this is empty\n');
  expect(stdout + stderr).not.toContain('\u202e');
  expect(stdout + stderr).not.toMatch(/^\s*hint: run this/m);
});

test('a file whose name has control characters is shown with them escaped', async () => {
  const name = '1_a\u001b[31m\u202eb.sql';
  const p = project(
    { url: db.url, historyTable: 'odd_files', tenants: { list: ['odd_files'] } },
    { [`sql/tenant/${name}`]: 'select nowhere()' },
  );
  for (const command of [['plan'], ['up', '--all', '--verbose'], ['check'], ['status'], ['verify']]) {
    const { stdout, stderr } = await sqlmig(command, p.dir);
    for (const char of ['\u001b', '\u202e']) expect(stdout + stderr).not.toContain(char);
    if (command[0] === 'plan' || command[0] === 'up')
      expect(stdout + stderr).toContain('sql/tenant/1_a\\u{1b}[31m\\u{202e}b.sql');
  }
});

test('whatever a function returns is a tenant or a failure of its own', async () => {
  const odd = `[Object.create(null), { toString() { throw new Error('boom'); } }, () => {}, null, 7, 'well']`;
  const p = project({}, { 'sql/tenant/1_t.sql': 'create table t ()' });
  p.remove('sqlmig.config.json');
  p.write({
    'sqlmig.config.mjs': `export default { url: '${db.url}', historyTable: 'odd', tenants: () => ${odd} }`,
  });
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(1);
  const { schemas } = JSON.parse(stdout) as { schemas: { schema: string; state: string }[] };
  expect(schemas.map(({ schema, state }) => [schema, state])).toEqual([
    ['public', 'up-to-date'],
    ['well', 'applied'],
    ['(object)', 'failed'],
    ['(function)', 'failed'],
    ['NULL', 'failed'],
    ['7', 'failed'],
  ]);
});
