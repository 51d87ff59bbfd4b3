import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadEnvFiles } from '../src/cli/env-file.ts';
import { spawnSqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const node = (code: string) => ['--', process.execPath, '-e', code];
const files = { 'sql/tenant/1_t.sql': 'create table t ()' };

test('after success the program runs in our place: output, arguments, exit code', async () => {
  const p = project({ url: db.url, tenants: { list: ['a'] } }, files);
  const code = `console.log('app', process.argv.slice(1).join(' ')); console.error('said'); process.exit(7)`;
  const run = await spawnSqlmig(['up', '--all', '--quiet', ...node(code), 'x', '--all'], p.dir);
  expect(run).toMatchObject({ code: 7, stderr: 'said\n' });
  expect(run.stdout).toContain('app x --all\n');
});

test('--env-file sets variables for us and the program: a later file wins, what is set already stays', async () => {
  const p = project({ tenants: { list: ['a'] } }, { ...files, 'b.env': "WHO='b' # not c\nSET=b\n" });
  p.write({ 'a.env': `DATABASE_URL="${db.url}"\nexport WHO=a\nONLY=a\n` });
  const code = `console.log('app', process.env.WHO, process.env.SET, process.env.ONLY)`;
  const flags = ['--env-file', 'a.env', '--env-file=b.env'];
  const run = await spawnSqlmig(['up', '--all', '--quiet', ...flags, ...node(code)], p.dir, {
    SET: 'outside',
  });
  expect(run).toMatchObject({ code: 0, stderr: '' });
  expect(run.stdout).toContain('app b outside a\n');
  const first = await spawnSqlmig(['--env-file', 'a.env', 'status', '--json'], p.dir);
  expect(first).toMatchObject({ code: 0 });
  // Node looks for the file itself, wherever in the command line the flag stands.
  const missing = await spawnSqlmig(['status', '--env-file', 'none.env'], p.dir);
  expect(missing).toMatchObject({ code: 9, stderr: expect.stringContaining('none.env: not found') });
  expect(() => loadEnvFiles(['none.env'])).toThrow('--env-file none.env cannot be read (ENOENT)');
});

test('a byte order mark in an env file is ignored, and a file that is not UTF-8 is refused', () => {
  const bytes = (text: string, encoding: BufferEncoding) => Buffer.from(`\uFEFF${text}`, encoding);
  const p = project({}, {});
  const [marked, wide] = [join(p.dir, 'marked.env'), join(p.dir, 'wide.env')];
  writeFileSync(marked, bytes('SQLMIG_TEST_MARKED="s3cret"\r\n', 'utf8'));
  writeFileSync(wide, bytes('SQLMIG_TEST_MARKED=s3cret', 'utf16le'));
  onTestFinished(() => {
    delete process.env.SQLMIG_TEST_MARKED;
  });
  loadEnvFiles([marked]);
  expect(process.env.SQLMIG_TEST_MARKED).toBe('s3cret');
  expect(() => loadEnvFiles([wide])).toThrow(`--env-file ${wide} is not UTF-8`);
});

test('--embedded with a program is refused, because its server stops before the program starts', async () => {
  const p = project({ tenants: { list: ['a'] } }, files);
  const run = await spawnSqlmig(['up', '--all', '--embedded', ...node(`console.log('app')`)], p.dir);
  expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--embedded') });
});

test('after a failure it does not run', async () => {
  const p = project({ url: db.url, tenants: { list: ['b'] } }, { 'sql/tenant/1_t.sql': 'select nowhere' });
  const run = await spawnSqlmig(['up', '--all', ...node(`console.log('app')`)], p.dir);
  expect(run.code).toBe(1);
  expect(run.stdout).not.toContain('app');
  expect(run.stderr).toContain('sql/tenant/1_t.sql:1:8');
});

test.for([
  ['SIGTERM', 143, `process.on('SIGTERM', () => process.exit(3))`, 3],
  ['SIGTERM', 143, '', 143],
  ['SIGINT', 130, `process.on('SIGINT', () => process.exit(4))`, 4],
  ['SIGHUP', 129, '', 129],
] as const)('%s reaches the program (%s), and its end is ours', async ([signal, , handler, code]) => {
  const p = project({ url: db.url, tenants: { list: ['a'] } }, files);
  const run = start(
    ['up', '--all', '--quiet', ...node(`${handler}; console.log('ready'); setInterval(() => {}, 1000)`)],
    p.dir,
  );
  let out = '';
  run.process.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  while (!out.includes('ready')) await delay(20);
  run.process.kill(signal);
  expect((await run.ended).code).toBe(code);
});

test('SIGTERM while migrating: 143, and the program is never started', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['c'] } },
    { 'sql/tenant/1_t.sql': 'select pg_sleep(60)' },
  );
  const run = start(['up', '--all', ...node(`console.log('app')`)], p.dir);
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
  run.process.kill('SIGTERM');
  const ended = await run.ended;
  expect(ended.code).toBe(143);
  expect(ended.stdout).not.toContain('app');
});

test('a signal that comes once all is done: exit 0, but no program is started', async () => {
  const p = project({}, files);
  p.remove('sqlmig.config.json');
  // Sends the signal just before the answer is written.
  p.write({
    'sqlmig.config.mjs': `const { write } = process.stdout;
      process.stdout.write = (text) => { process.emit('SIGTERM'); return write.call(process.stdout, text); };
      export default { url: '${db.url}', historyTable: 'late', tenants: { list: ['late'] } };`,
  });
  const ended = await spawnSqlmig(['up', '--all', '--json'], p.dir);
  expect([ended.code, JSON.parse(ended.stdout).ok]).toEqual([0, true]);
  const run = await spawnSqlmig(['up', '--all', ...node(`console.log('started')`)], p.dir);
  expect(run.code).toBe(143);
  expect(run.stdout).not.toContain('started');
});

test('a program that is not there is 127; another command than up takes none', async () => {
  const p = project({ url: db.url, tenants: { list: ['a'] } }, files);
  const run = await spawnSqlmig(['up', '--all', '--quiet', '--', 'sqlmig-no-such-program'], p.dir);
  expect(run).toMatchObject({ code: 127, stderr: expect.stringContaining('sqlmig-no-such-program') });
  expect(await spawnSqlmig(['status', '--', 'true'], p.dir)).toMatchObject({ code: 2 });
  expect(await spawnSqlmig(['up', '--all', '--'], p.dir)).toMatchObject({ code: 2 });
});

test.for(['--rehearse', '--dry-run'])('with %s it never runs: nothing was applied', async (flag) => {
  const p = project({ url: db.url, tenants: { list: ['rehearsed'] } }, files);
  const run = await spawnSqlmig(['up', '--all', flag, ...node(`console.log('app')`)], p.dir);
  expect(run).toMatchObject({ code: 2, stdout: '' });
  expect(run.stderr).toContain(
    `error[bad-usage]: ${flag} applies nothing, so no program is started after it`,
  );
  expect(await db.query(`select 1 from pg_namespace where nspname = 'rehearsed'`)).toEqual([]);
});
