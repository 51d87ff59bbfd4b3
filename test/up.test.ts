import { beforeAll, expect, test } from 'vitest';
import { plan, status, type UpResult, up, verify } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const states = (result: UpResult) =>
  Object.fromEntries(result.schemas.map((outcome) => [outcome.schema, outcome.state]));

test('brings public and tenants up to date, and a second run finds nothing to do', async () => {
  const p = project(
    { url: db.url, tenants: { query: 'select name from customers order by name desc' } },
    {
      'sql/public/1_customers.sql': `create type mood as enum ('glad'); create table customers (name text);
        insert into customers values ('beta'), ('alpha'), ('beta');`,
      'sql/tenant/1_things.sql': 'create table things (id int primary key, mood mood, owner text); -- no end',
      'sql/tenant/2_rows.sql': `insert into things select 1, 'glad', name from customers where name = 'alpha'`,
      'sql/tenant/10_empty.sql': '',
      'sql/tenant/11_comment.sql': '-- only a comment',
      'sql/tenant/R__names.sql': 'create or replace view names as select id from things',
    },
  );
  const config = await p.config();
  const before = await plan(config);
  expect(before).toMatchObject({ ok: true, tenantsUnknown: 'relation "customers" does not exist' });

  const first = await up(config, { select: all });
  expect(first).toMatchObject({ ok: true, applied: 3, upToDate: 0, failed: 0, skipped: 0 });
  expect(first.schemas.map((outcome) => outcome.schema)).toEqual(['public', 'beta', 'alpha']);
  expect(first.schemas[1]).toMatchObject({
    state: 'applied',
    version: '11',
    scope: 'tenant',
    migrations: [
      { version: '1', name: 'things' },
      { version: '2', name: 'rows' },
      { version: '10', name: 'empty' },
      { version: '11', name: 'comment' },
      { version: null, name: 'names' },
    ],
  });
  expect(
    await db.query('select owner from alpha.things union all select owner from beta.things'),
  ).toHaveLength(2);
  expect(await db.query(`select * from alpha.schema_migrations where version = 1`)).toMatchObject([
    { name: 'things', state: 'applied', scope: 'tenant', statements: 1, done_statements: 1 },
  ]);

  const second = await up(config, { select: all });
  expect(second).toMatchObject({ ok: true, applied: 0, upToDate: 3 });
  expect(await status(config)).toMatchObject({ ok: true });
  expect((await verify(config)).schemas.map(({ compared }) => compared)).toEqual([1, 5, 5]);

  p.write({ 'sql/tenant/R__names.sql': 'create or replace view names as select id, owner from things' });
  const third = await up(config, { select: all });
  expect(states(third)).toEqual({ public: 'up-to-date', alpha: 'applied', beta: 'applied' });
  expect(await db.history('alpha')).toEqual({ 1: 1, 2: 1, 10: 1, 11: 1, R__names: 1 });
});

test('serves tenants that appear while it runs', async () => {
  const p = project(
    {
      url: db.url,
      tenants: { query: 'select name from sprouts order by name' },
      historyTable: 'sprout_history',
    },
    {
      'sql/public/1_sprouts.sql': `create table sprouts (name text primary key); insert into sprouts values ('sprout_1')`,
      'sql/tenant/1_t.sql': `create table t (); insert into public.sprouts values ('sprout_2'), ('sprout_3') on conflict do nothing`,
    },
  );
  const result = await up(await p.config(), { select: all });
  expect(states(result)).toEqual({
    public: 'applied',
    sprout_1: 'applied',
    sprout_2: 'applied',
    sprout_3: 'applied',
  });
});

test('stops at a version, and after a number of steps', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['cut'] }, historyTable: 'cut_history' },
    {
      'sql/tenant/001_a.sql': 'create table a ()',
      'sql/tenant/002_b.sql': 'create table b ()',
      'sql/tenant/003_c.sql': 'create table c ()',
      'sql/tenant/R__v.sql': 'create or replace view v as select 1 as one from c',
    },
  );
  const config = await p.config();
  const tenant = async (options: object) => (await up(config, { select: all, ...options })).schemas[1];
  expect(await tenant({ steps: 1 })).toMatchObject({ version: '001', migrations: [{ version: '001' }] });
  expect(await tenant({ to: '2' })).toMatchObject({ version: '002', migrations: [{ version: '002' }] });
  expect(await tenant({ to: '2' })).toMatchObject({ state: 'up-to-date', version: '002' });
  expect(await tenant({ steps: 99 })).toMatchObject({ migrations: [{ version: '003' }, { version: null }] });
});

test('works with one slot, and with no tenants at all', async () => {
  const p = project(
    { url: db.url, tenants: { list: [] }, historyTable: 'lone_history', concurrency: 1 },
    { 'sql/public/1_a.sql': 'create table lone ()' },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 1 });
  p.write({
    'sqlmig.config.json': JSON.stringify({
      url: db.url,
      tenants: { list: ['l1', 'l2', 'l3'] },
      historyTable: 'lone_history',
      concurrency: 1,
    }),
  });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 3 });
});

test('a failing tenant is an outcome: the rest are not started, or go on with a higher limit', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['bad', 'good'] }, historyTable: 'fail_history', concurrency: 1 },
    {
      'sql/tenant/1_t.sql': `create table t (n int check (n > 0)); insert into t select case current_schema() when 'bad' then 0 else 1 end`,
    },
  );
  const config = await p.config();
  const stopped = await up(config, { select: all });
  expect(stopped.ok).toBe(false);
  expect(stopped.failed).toBe(1);
  const on = await up(config, { select: all, maxFailures: { percent: 100 } });
  expect(states(on)).toMatchObject({ bad: 'failed' });
  expect(on.schemas.find((outcome) => outcome.schema === 'good')?.state).not.toBe('skipped');
  expect(on.schemas.find((outcome) => outcome.schema === 'bad')?.error).toMatchObject({
    code: 'migration-failed',
    sqlstate: '23514',
    statement: 2,
    statements: 2,
    file: 'sql/tenant/1_t.sql',
    state: 'rolled back; bad is empty',
  });
});

test('without "tenants" the tenants are the schemas that have our history', async () => {
  const settings = { url: db.url, historyTable: 'own_history' };
  const files = { 'sql/public/1_p.sql': '', 'sql/tenant/1_t.sql': 'create table t ()' };
  const listed = project({ ...settings, tenants: { list: ['own_1', 'own_2'] } }, files);
  await up(await listed.config(), { select: all });
  const found = project(settings, { ...files, 'sql/tenant/2_u.sql': 'create table u ()' });
  expect(states(await up(await found.config(), { select: all }))).toEqual({
    public: 'up-to-date',
    own_1: 'applied',
    own_2: 'applied',
  });
});

test('tenants by pattern are the schemas that fit', async () => {
  await db.query('create schema fit_1; create schema fit_2; create schema unfit');
  const p = project(
    { url: db.url, historyTable: 'fit_history', tenants: { pattern: 'fit\\_%' } },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  expect(states(await up(await p.config(), { select: all }))).toEqual({
    public: 'up-to-date',
    fit_1: 'applied',
    fit_2: 'applied',
  });
});
