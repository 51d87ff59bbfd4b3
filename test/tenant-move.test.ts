import { expect, test } from 'vitest';
import { SqlmigError } from '../src/errors.ts';
import {
  cloneTenant,
  finishMove,
  listTenants,
  moveTenant,
  type RunEvent,
  undoMove,
  up,
} from '../src/index.ts';
import { printedDifferently } from '../src/lifecycle/move-obstacles.ts';
import type { Config } from '../src/project/config.ts';
import { readShapes } from '../src/structure/read-shapes.ts';
import { sqlmig } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type Rows } from './setup/database.ts';
import { project } from './setup/project.ts';
import { tellingProxy } from './setup/proxy.ts';
import { testSession } from './setup/unit.ts';

const all = { kind: 'all', except: [] } as const;
const accept = () => true;
const exists = async (db: { query(text: string): Promise<Rows> }, schema = 'acme') =>
  (await db.query(`select from pg_namespace where nspname = '${schema}'`)).length === 1;

const files = {
  'sql/public/1_plans.sql': 'create table plans (id int primary key); insert into plans values (1)',
  'sql/tenant/1_a.sql': `create type mood as enum ('ok', 'bad');
    create table customers (id bigint generated always as identity primary key, name text, mood mood, moods mood[], plan int references plans, up bigint references customers, full_name text generated always as (name || '!') stored);
    create table orders (id serial primary key, customer bigint not null references customers, at timestamptz default now(), sum numeric(12,2), raw bytea, ratio float8, long interval);
    create table log (what text);
    create table ring_a (id int primary key, b int); create table ring_b (id int primary key, a int references ring_a);
    alter table ring_a add foreign key (b) references ring_b;
    create table parts (id int, v text) partition by range (id); create table parts_1 partition of parts for values from (0) to (100);
    create table bare (); create table forced (id int); alter table forced enable row level security; alter table forced force row level security;
    create table "odd ""name" ("a b" text, kind regclass);
    create function noted() returns trigger language plpgsql as $$ begin insert into log values (tg_op); return null; end $$;
    create trigger noted after insert or truncate on orders for each statement execute function noted();
    create materialized view totals as select count(*) as n from orders;
    create sequence tickets; insert into log values ('seed')`,
  'sql/tenant/2_index.sql': 'create index concurrently orders_at on orders (at)',
  'sql/tenant/R__view.sql': 'create or replace view names as select name from customers',
};
const rows = `set search_path = acme, public; insert into customers (name, mood, moods, plan) select E'c\\t\\\\' || i, 'bad', '{ok,bad}', 1 from generate_series(1, 50) i;
  update customers set up = 1 where id > 1; delete from customers where id = 50;
  insert into orders (customer, sum, raw, ratio, long) select 1 + i % 49, i / 3.0, decode(lpad(to_hex(i), 4, '0'), 'hex'), 1 / i::float8, '1 mon'::interval * i from generate_series(1, 200) i;
  insert into ring_a values (1, null); insert into ring_b values (1, 1); update ring_a set b = 1;
  insert into parts select i, i::text from generate_series(0, 99) i; select nextval('tickets'), nextval('tickets');
  insert into bare default values; insert into forced values (1); insert into "odd ""name" values (E'\\\\.', 'acme.log'), (null, 'pg_class'), ('', null);
  refresh materialized view totals; update schema_migrations set applied_at = '2001-02-03', duration_ms = 7; reset search_path`;
const tables = [
  'customers',
  'orders',
  'log',
  'ring_a',
  'ring_b',
  'parts',
  'totals',
  'bare',
  'forced',
  '"odd ""name"',
  'schema_migrations',
];

/** Two databases with public migrated, and the tenant `acme` in the first. */
async function twoDatabases() {
  const [old, other] = [await freshDatabase(), await freshDatabase()];
  const p = project({ url: old.url, tenants: { list: ['acme', 'stays'] } }, files);
  const there = project({ url: other.url, tenants: { list: ['acme'] } }, files);
  const config = await p.config();
  await up(config, { select: all });
  await up(await there.config(), { select: { kind: 'public' } });
  await old.query(rows);
  return { old, other, p, there, config, options: { name: 'acme', to: other.url, accept } };
}

test('the copy equals its source, which is read-only until it is dropped', async () => {
  const { old, other, there, config, options } = await twoDatabases();
  const refused = await moveTenant(config, { ...options, accept: () => false });
  expect(refused).toMatchObject({ state: 'unchanged', accepted: false, closed: false });
  expect(refused.tables).toContainEqual({ table: 'orders', rows: 200 });
  let writer: Promise<unknown> | null = null;
  const moved = await moveTenant(config, {
    ...options,
    onEvent: (event) => {
      if (event.type === 'rows-copied')
        writer ??= old.query(`insert into acme.log values ('during')`).catch(String);
    },
  });
  expect(moved).toMatchObject({ state: 'moved', closed: true, version: '2', tables: refused.tables });
  expect(moved).not.toHaveProperty('error');
  // It waited, and was refused: nothing that was acknowledged is missing in the copy.
  expect(await writer).toContain('was moved to another database, and is read-only here');
  const of = async (db: typeof old, table: string) =>
    (
      await db.query(
        `select x::text as r from acme.${table} x where x is null or x::text !~ 'sqlmig/' order by 1`,
      )
    ).map(({ r }) => r);
  for (const table of tables) expect(await of(other, table)).toEqual(await of(old, table));
  const next = `select nextval('acme.tickets')::int as t, nextval('acme.orders_id_seq')::int as o, nextval('acme.customers_id_seq')::int as c`;
  expect(await other.query(next)).toEqual(await old.query(next));
  const shapeOf = async (db: typeof old) => {
    const session = await testSession(db.url);
    const request = { schemas: ['acme'], ignore: new Set<never>(), historyTable: 'schema_migrations' };
    const shapes = await readShapes(session, request);
    await session.close();
    return shapes
      .get('acme')
      ?.map((object) => JSON.stringify(object))
      .filter((text) => !text.includes('sqlmig_moved'))
      .sort();
  };
  expect(await shapeOf(other)).toEqual(await shapeOf(old));

  for (const write of [
    'truncate acme.log',
    'delete from acme.parts_1',
    'set session_replication_role = replica; update acme.bare set ctid = ctid',
    'insert into acme.parts values (1)',
  ])
    await expect(old.query(write)).rejects.toThrow(/read-only here|cannot assign to system column/);
  expect(await up(config, { select: all })).toMatchObject({ ok: false, failed: 1 });
  expect(await listTenants(config)).toMatchObject([
    {
      schema: 'acme',
      version: '2',
      error: { code: 'tenant-moved', message: expect.stringContaining(`moved to ${other.name} on `) },
    },
    { schema: 'stays' },
  ]);
  await expect(cloneTenant(config, { name: 'acme', to: 'stays' })).rejects.toMatchObject({
    code: 'tenant-moved',
  });
  expect(await up(await there.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
  // Again: it is done.
  expect(await moveTenant(config, { ...options, accept: () => false })).toMatchObject({
    state: 'moved',
    tables: moved.tables,
  });

  await other.query(`insert into acme.log values ('only there')`);
  expect(await undoMove(config, options)).toMatchObject({
    state: 'failed',
    changed: ['log'],
    error: { code: 'copy-changed' },
  });
  await old.query(
    `alter table acme.log disable trigger sqlmig_moved; insert into acme.log values ('only here')`,
  );
  expect(await finishMove(config, options)).toMatchObject({
    state: 'failed',
    changed: ['log'],
    error: { code: 'copy-changed' },
  });
  await old.query(`delete from acme.log where what = 'only here'`);
  const both = project(
    {
      databases: [
        { name: 'old', url: old.url, tenants: { list: ['stays'] } },
        { name: 'new', url: other.url, tenants: { list: ['acme'] } },
      ],
    },
    files,
  );
  expect(
    await sqlmig(['tenant', 'move', 'acme', '--to', 'new', '--finish', '--yes'], both.dir),
  ).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^acme {2}is now only in new on \S+\n/),
  });
  expect([await exists(old), await exists(other)]).toEqual([false, true]);
  expect(await finishMove(config, options)).toMatchObject({ state: 'finished', drops: null });
  await expect(undoMove(config, options)).rejects.toMatchObject({ code: 'not-moved' });
  expect(await other.query(`select from acme.log where what = 'only there'`)).toHaveLength(1);
});

test('undo goes back, and a tenant that cannot be moved stays as it is', async () => {
  const { old, other, p, config, options } = await twoDatabases();
  await expect(finishMove(config, options)).rejects.toMatchObject({ code: 'not-moved' });
  expect(await moveTenant(config, options)).toMatchObject({ state: 'moved' });
  const third = await freshDatabase();
  for (const to of [third.url, old.url])
    await expect(undoMove(config, { ...options, to })).rejects.toMatchObject({ code: 'not-moved' });
  expect(await undoMove(config, options)).toMatchObject({ state: 'undone', drops: { database: other.name } });
  expect(await exists(other)).toBe(false);
  expect(await undoMove(config, options)).toMatchObject({ state: 'undone' });
  await old.query(`insert into acme.log values ('again')`);
  expect(await old.query(`select from pg_trigger where tgname = 'sqlmig_moved'`)).toEqual([]);
  expect(await up(config, { select: all })).toMatchObject({ ok: true, applied: 0 });

  const message = async (change: string, back: string, to = options.to) => {
    await old.query(change);
    const { state, closed, error } = await moveTenant(config, { ...options, to });
    await old.query(back);
    expect({ state, closed }).toEqual({ state: 'failed', closed: false });
    expect(await exists(other)).toBe(false);
    return error?.message;
  };
  expect(await message('create index by_hand on acme.log (what)', 'drop index acme.by_hand')).toContain(
    'by_hand',
  );
  expect(
    await message(
      `insert into acme.customers (plan) values (1); alter table acme.customers drop constraint customers_plan_fkey, alter plan set default 1, add constraint customers_plan_fkey foreign key (plan) references public.plans; insert into public.plans values (2); update acme.customers set plan = 2 where name is null`,
      `delete from acme.customers where plan = 2; alter table acme.customers alter plan drop default`,
    ),
  ).toContain('differs');
  expect(
    await message(
      `insert into public.plans values (3); insert into acme.customers (plan) values (3)`,
      `delete from acme.customers where plan = 3`,
    ),
  ).toContain('violates foreign key constraint');
  await expect(moveTenant(config, { ...options, to: old.url })).rejects.toMatchObject({
    code: 'tenant-exists',
  });
  await expect(moveTenant(config, { ...options, to: third.url })).rejects.toMatchObject({
    code: 'public-behind',
    details: { hint: `run sqlmig up --public in ${third.name} on ${new URL(third.url).host}` },
  });
  p.remove('sql/tenant/2_index.sql');
  await expect(moveTenant(await p.config(), options)).rejects.toMatchObject({
    code: 'not-reproducible',
    message: expect.stringContaining('has no file'),
  });
  expect(await other.query('select state from public.sqlmig_moves')).toEqual([{ state: 'undone' }]);
  await old.query(`insert into acme.log values ('still writable')`);
  const hidden = await moveTenant(config, { ...options, to: 'postgres://u:secret@127.0.0.1:1/x' }).catch(
    String,
  );
  expect(hidden).toMatch(/^SqlmigError: cannot connect to 127\.0\.0\.1:1: (?!.*secret)/);
  await expect(moveTenant(config, { ...options, to: 'secret' })).rejects.toMatchObject({
    code: 'bad-usage',
    message: expect.not.stringContaining('secret'),
  });
  const named = { databases: [{ name: 'old', url: old.url }] };
  await expect(
    moveTenant(await project(named, files).config(), { ...options, to: 'app:secret@db/prod' }),
  ).rejects.toMatchObject({ code: 'bad-usage', message: expect.not.stringContaining('secret') });
});

test('a structure that differs between two major versions of the server is said to', () => {
  const error = new SqlmigError('not-reproducible', 'view v differs', { hint: 'look' });
  expect(printedDifferently(error, 160_004, 160_009)).toBe(error);
  expect(printedDifferently(error, 150_004, 160_001)).toMatchObject({
    message: 'view v differs',
    details: { hint: expect.stringContaining('PostgreSQL 15 and 16') },
  });
});

test('a move beside another one, or one that lost a side, leaves one writable tenant', async () => {
  const [old, other] = [await freshDatabase(), await freshDatabase()];
  const files = {
    'sql/public/1_a.sql': 'create table plans (id int primary key); insert into plans values (1), (2)',
    'sql/tenant/1_a.sql':
      'create table a (id int primary key, plan int references plans on delete cascade); insert into a values (1, 1)',
  };
  const config = await project({ url: old.url, tenants: { list: ['acme'] } }, files).config();
  await up(config, { select: all });
  await up(await project({ url: other.url }, files).config(), { select: { kind: 'public' } });
  const options = { name: 'acme', to: other.url, accept };
  const isOpen = (db: typeof old) =>
    db.query('update acme.a set plan = plan').then(
      () => true,
      () => false,
    );
  const undone = { state: 'undone' };

  // A run that began before another one was interrupted between its two commits keeps that one's record.
  const interrupt = async () => {
    await moveTenant(config, options);
    await other.query(
      `drop schema acme cascade; update sqlmig_moves set state = 'copying', schema_oid = null, tables = '{}'`,
    );
    return true;
  };
  expect(await moveTenant(config, { ...options, accept: interrupt })).toMatchObject({
    state: 'failed',
    error: { code: 'tenant-moved' },
  });
  expect(await other.query('select state from sqlmig_moves')).toEqual([{ state: 'copying' }]);
  // Read-only does not reach other schemas.
  await old.query('delete from plans where id = 2');
  expect(await isOpen(old)).toBe(false);

  // An empty tenant in its place is not taken for the copy, and the error says which of the two has the rows.
  await other.query('create schema acme');
  await expect(moveTenant(config, options)).rejects.toMatchObject({
    code: 'tenant-exists',
    details: {
      state: expect.stringContaining('read-only'),
      hint: expect.stringContaining('tenant drop acme'),
    },
  });
  await other.query('drop schema acme');

  // The move is completed between what --undo read and what it does.
  const complete = async () => (await moveTenant(config, options)).state === 'moved';
  expect(await undoMove(config, { ...options, accept: complete })).toMatchObject({
    state: 'failed',
    error: { code: 'not-moved', hint: 'run the command again' },
  });
  expect([await isOpen(old), await isOpen(other)]).toEqual([false, true]);

  // A column that came later has values that exist nowhere else.
  await other.query('alter table acme.a add more int default 5');
  expect(await undoMove(config, options)).toMatchObject({ state: 'failed', changed: ['a'] });
  // Another move has closed it since.
  const mark = `update acme.schema_migrations set checksum = translate(checksum, '0123456789abcdef', '123456789abcdef0') where version is null`;
  const closeAgain = async () => (await old.query(mark)).length === 0;
  expect(await undoMove(config, { ...options, acceptChanges: true, accept: closeAgain })).toMatchObject({
    state: 'failed',
    error: { code: 'tenant-moved' },
  });
  expect(await isOpen(old)).toBe(false);
  await old.query(mark.replace(/'(\w+)', '(\w+)'/, "'$2', '$1'"));
  expect(await undoMove(config, options)).toMatchObject(undone);
  expect(await isOpen(old)).toBe(true);

  // The copy is gone, or the tenant is back from a backup.
  expect(await moveTenant(config, options)).toMatchObject({ state: 'moved' });
  await other.query('alter schema acme rename to aside');
  await old.query(`drop function acme.sqlmig_moved() cascade; create table kept as select * from acme.schema_migrations;
    delete from acme.schema_migrations where version is null`);
  await expect(moveTenant(config, options)).rejects.toThrow('both databases have "acme"');
  await old.query(
    'insert into acme.schema_migrations select * from kept where version is null; drop table kept',
  );
  await other.query('drop schema aside cascade');
  await expect(moveTenant(config, options)).rejects.toThrow('is gone');
  await other.query(`update sqlmig_moves set state = 'finished'`);
  const byHand = { details: { hint: expect.stringContaining('reopen the tenant with the SQL') } };
  for (const end of [finishMove, undoMove]) await expect(end(config, options)).rejects.toMatchObject(byHand);
  await other.query(`update sqlmig_moves set state = 'copied'`);
  // It may have been restored: both would be writable.
  await other.query('create schema acme');
  await expect(undoMove(config, options)).rejects.toThrow('is gone');
  await other.query('drop schema acme');
  expect(await undoMove(config, options)).toMatchObject(undone);

  // It was undone while it was copied.
  await other.query(`create function undone() returns trigger language plpgsql as $$ begin new.state := 'undone'; return new; end $$;
    create trigger undone before insert on sqlmig_moves for each row execute function undone()`);
  expect(await moveTenant(config, options)).toMatchObject({
    state: 'failed',
    closed: false,
    error: { code: 'not-moved' },
  });
  expect([await isOpen(old), await exists(other)]).toEqual([true, false]);
});

test('a move loses and doubles no row when either server is killed', async () => {
  const [db, server] = [await freshDatabase(), await ownServer()];
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql':
        'create table a (id serial primary key); create table b (id serial primary key, a int references a)',
    },
  );
  const here = await p.config();
  const there = await project({ url: server.url, tenants: { list: ['acme'] } }, {}).config();
  const back: Config = { ...there, publicDir: here.publicDir, tenantDir: here.tenantDir };
  await up(here, { select: all });
  await up(back, { select: { kind: 'public' } });
  await db.query(
    'insert into acme.a select from generate_series(1, 1000); insert into acme.b (a) select id from acme.a',
  );
  const content = `select (select count(*) from acme.a)::int as a, (select sum(id) from acme.a)::int as sum, (select count(*) from acme.b)::int as b`;
  const whole = { a: 1000, sum: 500_500, b: 1000 };
  const killed = (stop?: AbortController) => () => {
    server.kill();
    stop?.abort();
  };
  /** Kills the server in the middle of the copy; nobody waits until it is back. */
  const inTheMiddle = () => {
    const stop = new AbortController();
    const kill = killed(stop);
    return {
      signal: stop.signal,
      onEvent: (event: RunEvent) => void (event.type === 'rows-copied' && !stop.signal.aborted && kill()),
    };
  };
  const atCommit = (url: string, stop?: AbortController) => tellingProxy(url, 'COMMIT;\n', killed(stop));
  const out = { name: 'acme', to: server.url, accept };

  // The target is killed in the middle: nothing has changed.
  expect(await moveTenant(here, { ...out, ...inTheMiddle() })).toMatchObject({
    state: 'failed',
    closed: false,
  });
  await server.start();
  expect(await exists(server)).toBe(false);
  await db.query('insert into acme.a default values; delete from acme.a where id = 1001');
  // It is killed after the source was closed, before its own commit.
  const stop = new AbortController();
  expect(
    await moveTenant(here, { ...out, to: await atCommit(server.url, stop), signal: stop.signal }),
  ).toMatchObject({
    state: 'failed',
    closed: true,
    error: { hint: expect.stringContaining('run the same command again') },
  });
  await server.start();
  expect(await exists(server)).toBe(false);
  await expect(db.query('insert into acme.a default values')).rejects.toThrow('read-only');
  await expect(finishMove(here, out)).rejects.toMatchObject({ code: 'not-moved' });
  expect(await moveTenant(here, out)).toMatchObject({ state: 'moved' });
  expect(await server.query(content)).toEqual([whole]);
  expect(await finishMove(here, out)).toMatchObject({ state: 'finished' });
  expect(await exists(db)).toBe(false);

  // Back again, with the source killed: first in the middle, then when it is closed and the copy is not committed.
  const home = { name: 'acme', to: db.url, accept };
  expect(await moveTenant(back, { ...home, ...inTheMiddle() })).toMatchObject({
    state: 'failed',
    closed: false,
  });
  await server.start();
  expect(await exists(db)).toBe(false);
  await server.query('insert into acme.a default values; delete from acme.a where id > 1000');
  expect(await moveTenant(back, { ...home, to: await atCommit(db.url) })).toMatchObject({ state: 'moved' });
  await server.start();
  await expect(server.query('insert into acme.a default values')).rejects.toThrow('read-only');
  expect(await moveTenant(back, home)).toMatchObject({ state: 'moved' });
  expect(await db.query(content)).toEqual([whole]);
  expect(await finishMove(back, home)).toMatchObject({ state: 'finished' });
  expect([await exists(db), await exists(server)]).toEqual([true, false]);
  expect(await up(here, { select: all })).toMatchObject({ ok: true, applied: 0 });
});
