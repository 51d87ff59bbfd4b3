import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { up, verify } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

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
  await db.query(`alter database ${db.name} set statement_timeout = '300ms'`);
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_p.sql': 'select pg_sleep(0.6)',
      'sql/public/2_q.sql': 'select pg_sleep(0.6)',
      'sql/tenant/1_t.sql': 'select pg_sleep(0.6)',
    },
  );
  const config = await p.config();
  const runs = await Promise.all([up(config, { select: all }), up(config, { select: all })]);
  expect(runs.map((run) => run.ok)).toEqual([true, true]);
});

test('waiting long for a busy schema leaves all tries for other trouble', async () => {
  await db.query('create schema acme');
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_t.sql': 'select pg_sleep(0.5)' },
  );
  const holding = db.query(
    `do $$ begin perform pg_advisory_lock(1936813165, 'acme'::regnamespace::oid::int4), pg_sleep(6), pg_advisory_unlock_all(); end $$`,
  );
  const run = up(await p.config(), { select: all });
  await holding;
  await until(
    `exists (select from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database())`,
  );
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`,
  );
  expect(await run).toMatchObject({ ok: true, applied: 1 });
});

test('a lock that a statement never gets is told with file and line', async () => {
  const files = { 'sql/tenant/1_t.sql': 'create table t ()' };
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  const config = await p.config();
  await up(config, { select: all });
  p.write({
    'sql/tenant/2_u.sql': 'create table u ()',
    'sql/tenant/3_v.sql': '\n  alter table t add column v int;',
  });
  const holding = db.query('start transaction; lock table acme.t; select pg_sleep(4); commit');
  const result = await up(config, { select: all, lockTimeoutMs: 50 });
  await holding;
  expect(result.schemas[1]).toMatchObject({
    state: 'failed',
    version: '2',
    migrations: [{ version: '2' }],
    error: {
      sqlstate: '55P03',
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
