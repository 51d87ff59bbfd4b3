import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { cloneTenant, up } from '../src/index.ts';
import { readShapes } from '../src/structure/read-shapes.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

// With one database, the history of one test would look like a renamed one to the next.
let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const exists = async (schema: string) =>
  (await db.query(`select from pg_namespace where nspname = '${schema}'`)).length === 1;

const files = {
  'sql/public/1_plans.sql':
    'create table if not exists plans (id int primary key); insert into plans values (1) on conflict do nothing',
  'sql/tenant/1_a.sql': `create type mood as enum ('ok', 'bad');
    create table customers (id bigint generated always as identity primary key, name text, mood mood, moods mood[], plan int references plans, up bigint references customers, full_name text generated always as (name || '!') stored);
    create table orders (id serial primary key, customer bigint not null references customers, at timestamptz default now());
    create table log (what text);
    create table ring_a (id int primary key, b int); create table ring_b (id int primary key, a int references ring_a);
    alter table ring_a add foreign key (b) references ring_b;
    create table parts (id int, v text) partition by range (id); create table parts_1 partition of parts for values from (0) to (100);
    create function noted() returns trigger language plpgsql as $$ begin insert into log values (tg_op); return null; end $$;
    create trigger noted after insert or truncate on orders for each statement execute function noted();
    create materialized view totals as select count(*) as n from orders;
    create sequence tickets; insert into log values ('seed')`,
  'sql/tenant/2_index.sql': 'create index concurrently orders_at on orders (at)',
};
const rows = `set search_path = SRC, public; insert into SRC.customers (name, mood, moods, plan) select 'c' || i, 'bad', '{ok,bad}', 1 from generate_series(1, 50) i;
  update SRC.customers set up = 1 where id > 1; delete from SRC.customers where id = 50;
  insert into SRC.orders (customer) select 1 + i % 49 from generate_series(1, 500) i;
  insert into SRC.ring_a values (1, null); insert into SRC.ring_b values (1, 1); update SRC.ring_a set b = 1;
  insert into SRC.parts select i, i::text from generate_series(0, 99) i; select nextval('SRC.tickets'), nextval('SRC.tickets');
  refresh materialized view SRC.totals; reset search_path`;

test('with --data a clone equals its source, and triggers are not fired', async () => {
  const p = project(
    { url: db.url, historyTable: 'equal', tenants: { list: ['eq_a', 'eq_b', 'eq_c'] } },
    files,
  );
  const config = await p.config();
  await up(config, { select: { kind: 'tenants', names: ['eq_a'] } });
  await db.query(rows.replaceAll('SRC', 'eq_a'));
  const cloned = await cloneTenant(config, { name: 'eq_a', to: 'eq_b', data: true });
  expect(cloned).not.toHaveProperty('error');
  expect(cloned).toMatchObject({ state: 'cloned', version: '2' });
  expect(Object.fromEntries(cloned.tables.map(({ table, rows }) => [table, rows]))).toEqual({
    customers: 49,
    orders: 500,
    log: 2,
    ring_a: 1,
    ring_b: 1,
    parts: 100,
  });
  for (const table of ['customers', 'orders', 'log', 'ring_a', 'ring_b', 'parts', 'totals']) {
    const of = async (schema: string) =>
      (await db.query(`select x::text as r from ${schema}.${table} x order by 1`)).map(({ r }) => r);
    expect(await of('eq_b')).toEqual(await of('eq_a'));
  }
  const next = async (schema: string) =>
    db.query(
      `select nextval('${schema}.tickets')::int as t, nextval('${schema}.orders_id_seq')::int as o, nextval('${schema}.customers_id_seq')::int as c`,
    );
  expect(await next('eq_b')).toEqual(await next('eq_a'));
  const session = await testSession(db.url);
  const shapes = await readShapes(session, {
    schemas: ['eq_a', 'eq_b'],
    ignore: new Set(),
    historyTable: 'equal',
  });
  await session.close();
  const sorted = (schema: string) =>
    shapes
      .get(schema)
      ?.map((object) => JSON.stringify(object))
      .sort();
  expect(sorted('eq_b')).toEqual(sorted('eq_a'));
  const history = (schema: string) =>
    db.query(`select version, name, checksum, state, scope from ${schema}.equal order by 1`);
  expect(await history('eq_b')).toEqual(await history('eq_a'));
  // Without rows, a clone has what the files insert.
  expect(await sqlmig(['tenant', 'clone', 'eq_a', 'eq_c'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'eq_c  cloned from eq_a  at 2\n',
  });
  expect(
    await db.query(
      'select (select count(*) from eq_c.log)::int as log, (select count(*) from eq_c.orders)::int as orders',
    ),
  ).toEqual([{ log: 1, orders: 0 }]);
  expect(await sqlmig(['tenant', 'clone', 'eq_a', 'eq_c'], p.dir)).toMatchObject({ code: 1 });
  expect(await up(config, { select: all })).toMatchObject({ ok: true, applied: 0 });
});

test('it has what its source has applied, and no more', async () => {
  const p = project({ url: db.url, historyTable: 'older', tenants: { list: ['old_a', 'old_b'] } }, files);
  await up(await p.config(), { select: { kind: 'tenants', names: ['old_a'] } });
  p.write({ 'sql/tenant/3_more.sql': 'create table more ()' });
  expect(await cloneTenant(await p.config(), { name: 'old_a', to: 'old_b' })).toMatchObject({ version: '2' });
  expect(await db.query(`select to_regclass('old_b.more') as more`)).toEqual([{ more: null }]);
});

test('a tenant that its files do not build is refused, and nothing is left', async () => {
  const p = project({ url: db.url, historyTable: 'drift', tenants: { list: ['dr_a', 'dr_b'] } }, files);
  const config = await p.config();
  await up(config, { select: { kind: 'tenants', names: ['dr_a'] } });
  await db.query('create index by_hand on dr_a.orders (customer)');
  const { state, error } = await cloneTenant(config, { name: 'dr_a', to: 'dr_b', data: true });
  expect(state).toBe('failed');
  expect(error).toMatchObject({ code: 'not-reproducible', message: expect.stringContaining('by_hand') });
  expect(await exists('dr_b')).toBe(false);
  await db.query('drop index dr_a.by_hand');
  await expect(cloneTenant(config, { name: 'dr_a', to: 'dr_x' })).rejects.toMatchObject({
    code: 'unlisted-tenant',
  });
  p.remove('sql/tenant/2_index.sql');
  await expect(cloneTenant(await p.config(), { name: 'dr_a', to: 'dr_b' })).rejects.toMatchObject({
    code: 'not-reproducible',
    message: expect.stringContaining('has no file'),
  });
});

test('writers of the source wait, readers do not, and a killed clone leaves nothing', async () => {
  const p = project(
    { url: db.url, historyTable: 'killed', tenants: { list: ['ki_a', 'ki_b'] } },
    {
      'sql/tenant/1_a.sql': `create table a (id int); create table slow (id int, v text generated always as (public.slowly(id)) stored)`,
      'sql/public/1_f.sql': `create sequence pace; create function slowly(int) returns text immutable language plpgsql as $$ begin
        while (select last_value from public.pace) = 2 loop perform pg_sleep(0.02); end loop; return 'x'; end $$`,
    },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'tenants', names: ['ki_a'] } });
  await db.query(
    `insert into ki_a.a values (1); insert into ki_a.slow values (1); select setval('public.pace', 2)`,
  );
  const copying = `select pid from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig % create %' and datname = current_database()`;
  const first = start(['tenant', 'clone', 'ki_a', 'ki_b', '--data'], p.dir);
  while ((await db.query(copying)).length === 0) await delay(20);
  await expect(db.query(`set lock_timeout = '100ms'; insert into ki_a.a values (2)`)).rejects.toThrow(
    'lock timeout',
  );
  expect(await db.query('select count(*)::int as n from ki_a.a')).toEqual([{ n: 1 }]);
  first.process.kill('SIGKILL');
  await first.ended;
  while ((await db.leftovers()).length > 0) await delay(20);
  expect(await exists('ki_b')).toBe(false);
  const second = start(['tenant', 'clone', 'ki_a', 'ki_b', '--data'], p.dir);
  let ended: unknown[] = [];
  while (ended.length === 0) ended = await db.query(`select pg_terminate_backend(pid) from (${copying}) c`);
  await db.query(`select setval('public.pace', 3)`);
  expect(await second.ended).toMatchObject({
    code: 0,
    stdout: 'ki_b  cloned from ki_a  at 1  2 rows in 2 tables\n',
  });
  expect(await db.leftovers()).toEqual([]);
});

test.for([
  ['migrated or undone', `delete from "from".meanwhile where version = 2`],
  ['dropped', 'drop schema "from" cascade'],
] as const)('a tenant that is %s while it is cloned is named, and nothing is left', async ([, change]) => {
  const own = await freshDatabase();
  const p = project(
    { url: own.url, historyTable: 'meanwhile', tenants: { list: ['from', 'new'] } },
    {
      'sql/public/1_f.sql': `create sequence pace; create function wait() returns void language plpgsql as $$ begin
        while (select last_value from public.pace) = 2 loop perform pg_sleep(0.02); end loop; end $$`,
      'sql/tenant/1_a.sql': 'select public.wait()',
      'sql/tenant/2_b.sql': 'create table b ()',
    },
  );
  await up(await p.config(), { select: { kind: 'tenants', names: ['from'] } });
  await own.query(`select setval('public.pace', 2)`);
  const clone = start(['tenant', 'clone', 'from', 'new'], p.dir);
  const waiting = `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  while ((await own.query(waiting)).length === 0) await delay(20);
  await own.query(change);
  await own.query(`select setval('public.pace', 3)`);
  const { code, stderr } = await clone.ended;
  expect(code).toBe(1);
  expect(stderr).toContain('error[not-reproducible]: "from" was changed by another run in the meantime');
  expect(stderr).toContain('hint: run the command again');
  expect(await own.query(`select to_regnamespace('new') as schema`)).toEqual([{ schema: null }]);
});
