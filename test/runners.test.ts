import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { up, verify } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, holdLock, lockObjectOf, waitAtGate } from './setup/gate.ts';
import { project } from './setup/project.ts';
import { applyPending, emptyTenant, testContext, testSession, uncheckedScript } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const some = (...names: string[]) => ({ kind: 'tenants', names }) as const;

async function until(condition: string): Promise<void> {
  while ((await db.query(`select (${condition}) as yes`))[0]?.yes !== true) await delay(20);
}

test('a runner whose public was applied by another one still finds the tenants that public made known', async () => {
  const p = project(
    { url: db.url, tenants: { query: 'select n from known' } },
    {
      'sql/public/1_known.sql': `create table known (n text); insert into known values ('acme'); select pg_sleep(1);`,
      'sql/tenant/1_t.sql': 'create table t ()',
    },
  );
  const config = await p.config();
  const first = up(config, { select: { kind: 'public' } });
  await until(
    `exists (select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database())`,
  );
  const second = await up(config, { select: some('acme') });
  expect(await first).toMatchObject({ ok: true, applied: 1 });
  expect(second).toMatchObject({
    ok: true,
    schemas: [{ state: 'up-to-date' }, { schema: 'acme', state: 'applied' }],
  });
});

test('--to below the first public file lets tenants go on', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/public/2_p.sql': 'create table p ()', 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  expect(await up(await p.config(), { select: all, to: '1' })).toMatchObject({
    ok: true,
    applied: 1,
    upToDate: 1,
  });
});

test('an older release leaves the repeatables of a newer one alone', async () => {
  const files = {
    'sql/tenant/1_t.sql': 'create table t (a int)',
    'sql/tenant/R__v.sql': 'create or replace view v as select a from t',
  };
  const settings = { url: db.url, tenants: { list: ['acme'] } };
  const old = project(settings, files);
  const newer = project(settings, {
    ...files,
    'sql/tenant/2_b.sql': 'alter table t add column b int',
    'sql/tenant/R__v.sql': 'create or replace view v as select a, b from t',
  });
  await up(await old.config(), { select: all });
  await up(await newer.config(), { select: all });
  expect(await up(await old.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
  expect(await verify(await newer.config())).toMatchObject({ ok: true });
});

test('a short default of statement_timeout breaks neither waiting nor long files', async () => {
  await db.query(`alter database ${db.name} set statement_timeout = '1s'`);
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_p.sql': 'select pg_sleep(1.2)',
      'sql/public/2_q.sql': 'select pg_sleep(1.2)',
      'sql/tenant/1_t.sql': 'select pg_sleep(1.2)',
    },
  );
  const config = await p.config();
  const runs = await Promise.all([up(config, { select: all }), up(config, { select: all })]);
  expect(runs.map((run) => run.ok)).toEqual([true, true]);
});

test('waiting long for a busy schema leaves all tries for other trouble', async () => {
  await db.query('create schema acme');
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_t.sql': waitAtGate() });
  const open = await closeGate(db);
  const release = await holdLock(db.url, lockObjectOf('acme'));
  const run = up(await p.config(), { select: all });
  await delay(6_000);
  await release();
  await until(
    `exists (select from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database())`,
  );
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`,
  );
  await open();
  expect(await run).toMatchObject({ ok: true, applied: 1 });
});

test('a lock that a statement never gets is told with file and line, and with who holds it', async () => {
  const files = { 'sql/tenant/1_t.sql': 'create table t ()' };
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  const config = await p.config();
  await up(config, { select: all });
  p.write({
    'sql/tenant/2_u.sql': 'create table u ()',
    'sql/tenant/3_v.sql': '\n  alter table t add column v int;',
  });
  const holder = await testSession(db.url);
  const [row] = await holder.run('begin; lock table acme.t; select pg_backend_pid() as pid');
  const result = await up(config, { select: all, lockTimeoutMs: 400 });
  await holder.close();
  expect(result.schemas[1]).toMatchObject({
    state: 'failed',
    version: '2',
    migrations: [{ version: '2' }],
    error: {
      sqlstate: '55P03',
      message: expect.stringMatching(
        new RegExp(
          `lock timeout: blocked by backend ${row?.pid} \\(\\w+, sqlmig test, .*\\), idle in transaction for \\d+ s: .*lock table acme.t.*$`,
        ),
      ),
      hint: expect.stringContaining('raise --lock-timeout'),
      file: 'sql/tenant/3_v.sql',
      line: 2,
      column: 3,
      state: 'rolled back; acme is at 2',
    },
  });
});

test('a right that sqlmig itself lacks is not blamed on a file', async () => {
  await db.query(
    `create schema acme; drop role if exists sqlmig_poor; create role sqlmig_poor; grant usage, create on schema acme, public to sqlmig_poor`,
  );
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  const config = await p.config();
  await up(config, { select: all });
  p.write({ 'sql/tenant/2_u.sql': 'create table u ()' });
  await db.query(
    `grant select on acme.schema_migrations to sqlmig_poor; alter database ${db.name} set role = 'sqlmig_poor'`,
  );
  const result = await up(config, { select: all });
  await db.query(`alter database ${db.name} reset role; drop owned by sqlmig_poor; drop role sqlmig_poor`);
  const error = result.schemas[1]?.error;
  expect(error).toMatchObject({ code: 'server-refused', sqlstate: '42501' });
  expect(error?.file).toBe(undefined);
});

test('a cursor left open on a temporary table is no obstacle', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_t.sql': 'create temp table x (); declare c cursor for select * from x; fetch 1 from c' },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
});

test('a deadlock is told with the other session', async () => {
  await db.query('create table one (); create table two ()');
  const other = await testSession(db.url);
  // The one that looks first is the one that gives up.
  const [row] = await other.run(
    `begin; set local deadlock_timeout = '1min'; lock table two; select pg_backend_pid() as pid`,
  );
  const session = await testSession(db.url);
  const script = uncheckedScript(
    '1',
    `set local deadlock_timeout = '2s'; lock table public.one; lock table public.two`,
  );
  const none = new AbortController().signal;
  const attempt = applyPending(
    session,
    { schema: emptyTenant('acme'), scripts: [script], bootstrap: true },
    { context: testContext, signal: none },
  );
  await until(
    `exists (select from pg_locks where relation = 'two'::regclass and database = (select oid from pg_database where datname = current_database()) and not granted)`,
  );
  await other.run('lock table one');
  expect(await attempt).toMatchObject({
    kind: 'retry',
    error: {
      message: expect.stringMatching(
        new RegExp(`deadlock detected.*backend ${row?.pid} \\(\\w+, sqlmig test, .*lock table one`, 's'),
      ),
      details: { sqlstate: '40P01', hint: expect.stringContaining('run sqlmig up again') },
    },
  });
  await session.close();
  await other.close();
});

test('a statement that a timeout ends is told where the timeout comes from', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_t.sql': `select 1;\nset local statement_timeout = '500ms';\nselect pg_sleep(5)` },
  );
  expect((await up(await p.config(), { select: all })).schemas[1]?.error).toMatchObject({
    sqlstate: '57014',
    hint: expect.stringContaining('raise statement_timeout at sql/tenant/1_t.sql:2'),
  });
  const query = { query: 'select pg_sleep(30)::text as tenant' };
  const asked = project({ url: db.url, tenants: query });
  await db.query(`alter database ${db.name} set statement_timeout = '1s'`);
  await expect(up(await asked.config(), { select: all })).rejects.toMatchObject({
    details: {
      sqlstate: '57014',
      hint: `statement_timeout is 1000ms, set for the database "${db.name}" (ALTER DATABASE); raise it for sqlmig's role`,
    },
  });
});

test('an index build that waits for an old snapshot is told with who holds it, by locks as well', async () => {
  const files = { 'sql/tenant/1_t.sql': 'create table t (id int)' };
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  const config = await p.config();
  await up(config, { select: all });
  p.write({ 'sql/tenant/2_i.sql': 'create index concurrently t_i on t (id)' });
  const holder = await testSession(db.url);
  const [row] = await holder.run(
    'begin isolation level repeatable read; select pg_backend_pid() as pid from acme.t right join (select 1) one on true',
  );
  const told: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'waiting') told.push(`${event.schema}: ${event.holders}`);
  };
  const run = up(config, { select: all, onEvent });
  for (let tries = 0; told.length === 0 && tries < 2_000; tries++) await delay(25);
  const listed = await sqlmig(['locks'], p.dir);
  await holder.run('commit');
  await holder.close();
  expect(await run).toMatchObject({ ok: true, applied: 1 });
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(
    new RegExp(`^acme: index build, waiting .*: backend ${row?.pid} \\(.*sqlmig test.*idle in transaction`),
  );
  expect(listed.stdout).toMatch(new RegExp(`^acme: backend \\d+ waits for backend ${row?.pid} \\(`, 'm'));
});
