import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeEach, expect, test } from 'vitest';
import { spawnSqlmig, sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { effectsTable, expectExactlyOnce, leavesEffect } from './setup/effects.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { numbered, project } from './setup/project.ts';

const missing = poolerMissing();
if (missing !== null) console.log(`skipped: ${missing}`);
const it = missing === null ? test : test.skip;

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

it('four runners through PgBouncer in transaction mode: exactly once, nothing of a session left on the server', async () => {
  const url = await startPooler(db.url, 'transaction', 6);
  const tenants = numbered('t', 60);
  const p = project(
    { url, tenants: { list: tenants }, concurrency: 4 },
    {
      'sql/public/1_effects.sql': effectsTable,
      'sql/tenant/1_a.sql': leavesEffect(
        'tenant',
        1,
        `set statement_timeout = '1h'; set role none; create table a (id int primary key);`,
      ),
      'sql/tenant/2_b.sql': leavesEffect('tenant', 2, 'create table b (id int references a);'),
    },
  );
  const runs = await Promise.all(Array.from({ length: 4 }, () => spawnSqlmig(['up', '--all'], p.dir)));
  expect(runs.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0, 0]);
  await expectExactlyOnce(db, tenants, [1, 2]);
  const locks = await db.query(
    `select count(*)::int as n from pg_locks l join pg_database d on d.oid = l.database where locktype = 'advisory' and datname = current_database()`,
  );
  expect(locks).toEqual([{ n: 0 }]);
  // The pooler keeps its server sessions: whoever comes next must find them as new.
  const next = postgres(url, { max: 6, fetch_types: false, prepare: false });
  const left = `select pg_sleep(0.1), current_setting('search_path') as path, current_setting('statement_timeout') as timeout,
    current_setting('lock_timeout') as lock, current_user = session_user as self, (select count(*) from pg_prepared_statements)::int as prepared`;
  const rows = await Promise.all(Array.from({ length: 6 }, () => next.unsafe(left).simple()));
  await next.end();
  const fresh = { pg_sleep: '', path: '"$user", public', timeout: '0', lock: '0', self: true, prepared: 0 };
  expect(rows.map(([row]) => row)).toEqual(rows.map(() => fresh));
});

it('a file that fails leaves no advisory lock and no prepared statement on the server', async () => {
  const url = await startPooler(db.url, 'transaction', 6);
  const p = project(
    { url, tenants: { list: numbered('t', 6) }, concurrency: 4 },
    { 'sql/tenant/1_fails.sql': 'prepare q as select 1;\nselect pg_advisory_lock(42);\nselect 1 / 0;' },
  );
  const run = await sqlmig(['up', '--all', '--max-failures', '100%', '--json'], p.dir);
  const errors = JSON.parse(run.stdout).schemas.flatMap(({ error }: { error?: object }) => error ?? []);
  expect(errors).toMatchObject(Array.from({ length: 6 }, () => ({ sqlstate: '22012', line: 3 })));
  expect(
    await db.query(`select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = 42`),
  ).toEqual([{ n: 0 }]);
  const next = postgres(url, { max: 6, fetch_types: false, prepare: false });
  const rows = await Promise.all(
    Array.from({ length: 6 }, () =>
      next.unsafe('select pg_sleep(0.1), (select count(*)::int from pg_prepared_statements) as n').simple(),
    ),
  );
  await next.end();
  expect(rows.map(([row]) => row?.n)).toEqual([0, 0, 0, 0, 0, 0]);
});

it('SIGTERM behind PgBouncer leaves no statement on the server', async () => {
  const url = await startPooler(db.url, 'transaction', 6);
  const p = project(
    { url, tenants: { list: ['a', 'b'] } },
    { 'sql/tenant/1_slow.sql': 'create table slow (); select pg_sleep(600)' },
  );
  const run = start(['up', '--all'], p.dir);
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 2) await delay(20);
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ code: 143 });
  expect(await db.query(sleeping)).toEqual([{ n: 0 }]);
  expect(await db.query(`select count(*)::int as n from pg_class where relname = 'slow'`)).toEqual([
    { n: 0 },
  ]);
});

const indexFiles = {
  'sql/tenant/1_a.sql': 'create table a (id int)',
  'sql/tenant/2_i.sql': 'create index concurrently a_id on a (id)',
};

it('a non-transactional file behind PgBouncer in transaction mode asks for a direct URL before anything is touched', async () => {
  const url = await startPooler(db.url, 'transaction', 10);
  const p = project({ url, tenants: { list: ['acme'] } }, indexFiles);
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(2);
  expect(stderr).toContain('error[direct-url-needed]');
  expect(await db.query(`select count(*)::int as n from pg_namespace where nspname = 'acme'`)).toEqual([
    { n: 0 },
  ]);
  const direct = await sqlmig(['up', '--all', '--direct-url', db.url], p.dir);
  expect({ code: direct.code, stderr: direct.stderr }).toMatchObject({ code: 0 });
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1 });
});

it('a pooler in session mode is told from one in transaction mode, whatever backends it gives', async () => {
  const url = await startPooler(db.url, 'session', 10);
  const p = project({ url, tenants: { list: ['acme'] } }, indexFiles);
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1 });
  p.write({ 'sql/tenant/3_j.sql': 'create index concurrently a_j on a (id)' });
  const told = await sqlmig(['up', '--all', '--pool-mode', 'transaction'], p.dir);
  expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining('error[direct-url-needed]') });
  expect(await sqlmig(['up', '--all', '--pool-mode', 'session'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1 });
});
