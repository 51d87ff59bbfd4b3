import { afterAll, beforeAll, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
let version = 0;

beforeAll(async () => {
  db = await freshDatabase();
  await db.query(`drop role if exists sqlmig_leaver;
create role sqlmig_leaver;
create schema spy;
create table spy.once (i int unique deferrable initially immediate);
create function spy.constraints() returns text language plpgsql as $$begin
  insert into spy.once values (1), (1);
  raise division_by_zero;
exception when unique_violation then return 'immediate'; when division_by_zero then return 'deferred'; end$$;
create function spy.last_value() returns text language plpgsql as $$begin return lastval()::text;
exception when object_not_in_prerequisite_state then return 'none'; end$$;
create function spy.descriptor() returns text language plpgsql as $$begin return octet_length(loread(0, 1))::text;
exception when undefined_object then return 'none'; end$$;
create function spy.temporary(out n text) language sql as $$
  select count(*)::text from pg_depend where refclassid = 'pg_namespace'::regclass and refobjid = pg_my_temp_schema() $$;
select lo_from_bytea(77, 'x');`);
  const [row] = await db.query(`select current_setting('server_version_num')::int as v`);
  version = Number(row?.v);
});
afterAll(async () => {
  await db.query('drop role sqlmig_leaver');
});

interface Kind {
  readonly what: string;
  /** What a file does. */
  readonly set: string;
  /** SQL of type text that another file would see it by. */
  readonly seen: string;
  /** It needs a transaction to live in. */
  readonly inTransaction?: boolean;
  /** The first server that has it. */
  readonly since?: number;
}

const setting = (name: string) => `coalesce(current_setting('${name}', true), '')`;
const countOf = (from: string) => `(select count(*)::text from ${from})`;
const temporary = '(select n from spy.temporary())';
const prepared = countOf('pg_prepared_statements');
const cursors = countOf('pg_cursors where is_holdable');
const channels = countOf('pg_listening_channels()');
const locked = countOf(`pg_locks where locktype = 'advisory' and objid = 4711 and pid = pg_backend_pid()`);
const inBlock = (statement: string) => `do $do$begin execute $run$${statement}$run$; end$do$`;

const kinds: readonly Kind[] = [
  // Settings
  ...(
    [
      ['work_mem', '77MB'],
      ['statement_timeout', '77s'],
      ['lock_timeout', '77s'],
      ['idle_in_transaction_session_timeout', '77s'],
      ['synchronous_commit', 'remote_write'],
      ['plan_cache_mode', 'force_generic_plan'],
      ['row_security', 'off'],
      ['session_replication_role', 'replica'],
      ['check_function_bodies', 'off'],
      ['client_encoding', 'LATIN1'],
      ['client_min_messages', 'log'],
      ['timezone', 'Asia/Tokyo'],
      ['datestyle', 'SQL, DMY'],
      ['intervalstyle', 'iso_8601'],
      ['standard_conforming_strings', 'off'],
      ['default_transaction_deferrable', 'on'],
      ['default_with_nothing.of_ours', 'x'],
    ] as const
  ).map(([name, value]) => ({
    what: `SET ${name}`,
    set: `set ${name} = '${value}'`,
    seen: setting(name),
  })),
  {
    what: 'SET transaction_timeout',
    set: `set transaction_timeout = '77s'`,
    seen: setting('transaction_timeout'),
    since: 170_000,
  },
  {
    what: 'SET search_path',
    set: 'set search_path = pg_catalog',
    seen: `(${setting('search_path')} like '%public%')::text`,
  },
  {
    what: 'SET application_name',
    set: `set application_name = 'mine'`,
    seen: `(${setting('application_name')} like 'sqlmig %')::text`,
  },
  { what: 'SET in a DO block', set: inBlock(`set work_mem = '77MB'`), seen: setting('work_mem') },
  { what: 'SET LOCAL', set: `set local work_mem = '77MB'`, seen: setting('work_mem'), inTransaction: true },
  {
    what: 'set_config for the session',
    set: `select set_config('app.tenant', 'x', false)`,
    seen: setting('app.tenant'),
  },
  {
    what: 'set_config for the transaction',
    set: `select set_config('app.local', 'x', true)`,
    seen: setting('app.local'),
    inTransaction: true,
  },
  {
    what: 'SET FROM CURRENT',
    set: `set work_mem = '77MB'; create function f() returns text language sql set work_mem from current as 'select 1::text'`,
    seen: setting('work_mem'),
  },
  {
    what: 'RESET ALL',
    set: 'reset all',
    seen: `(${setting('search_path')} like '%$user%')::text`,
  },
  // Who it is, and how it works
  { what: 'SET ROLE', set: 'set role sqlmig_leaver', seen: 'current_user::text' },
  {
    what: 'SET LOCAL ROLE',
    set: 'set local role sqlmig_leaver',
    seen: 'current_user::text',
    inTransaction: true,
  },
  { what: 'SET ROLE in a DO block', set: inBlock('set role sqlmig_leaver'), seen: 'current_user::text' },
  {
    what: 'SET SESSION AUTHORIZATION',
    set: 'set session authorization sqlmig_leaver',
    seen: 'session_user::text',
  },
  {
    what: 'SET SESSION CHARACTERISTICS READ ONLY',
    set: 'set session characteristics as transaction read only',
    seen: setting('default_transaction_read_only'),
  },
  {
    what: 'SET SESSION CHARACTERISTICS ISOLATION LEVEL',
    set: 'set session characteristics as transaction isolation level serializable',
    seen: setting('default_transaction_isolation'),
  },
  {
    what: 'SET CONSTRAINTS',
    set: 'set constraints all deferred',
    seen: 'spy.constraints()',
    inTransaction: true,
  },
  // What it holds
  { what: 'PREPARE', set: 'prepare mine as select 1', seen: prepared },
  { what: 'PREPARE in a DO block', set: inBlock('prepare mine as select 1'), seen: prepared },
  { what: 'DECLARE CURSOR WITH HOLD', set: 'declare mine cursor with hold for select 1', seen: cursors },
  { what: 'LISTEN', set: 'listen mine', seen: channels },
  { what: 'LISTEN in a DO block', set: inBlock('listen mine'), seen: channels },
  { what: 'an advisory lock of the session', set: 'select pg_advisory_lock(4711)', seen: locked },
  {
    what: 'an advisory lock of the session, twice and shared',
    set: 'select pg_advisory_lock(4711), pg_advisory_lock(4711), pg_advisory_lock_shared(4711)',
    seen: locked,
  },
  {
    what: 'an advisory lock of the transaction',
    set: 'select pg_advisory_xact_lock(4711)',
    seen: locked,
    inTransaction: true,
  },
  {
    what: 'the last value of a sequence',
    set: `create sequence counter; select nextval('counter')`,
    seen: 'spy.last_value()',
  },
  {
    what: 'the last value of an identity',
    set: 'create table counted (i int generated always as identity); insert into counted default values',
    seen: 'spy.last_value()',
  },
  {
    what: 'a descriptor of a large object',
    set: `select lo_open(77, 262144)`,
    seen: 'spy.descriptor()',
    inTransaction: true,
  },
  // Temporary objects
  ...(
    [
      ['table', 'create temp table mine (i int)'],
      ['table by its schema', 'create table pg_temp.mine (i int)'],
      ['table AS', 'create temp table mine as select 1 as i'],
      ['SELECT INTO', 'select 1 as i into temp mine'],
      ['table in a DO block', inBlock('create temp table mine (i int)')],
      ['table with an index', 'create temp table mine (i int primary key); create index on mine (i)'],
      ['partitioned table', 'create temp table mine (i int) partition by range (i)'],
      ['view', 'create temp view mine as select 1 as i'],
      ['recursive view', 'create temp recursive view mine (i) as select 1'],
      ['view by its schema', 'create view pg_temp.mine as select 1 as i'],
      ['sequence', 'create temp sequence mine'],
      ['function', `create function pg_temp.mine() returns int language sql as 'select 1'`],
      ['procedure', `create procedure pg_temp.mine() language sql as 'select 1'`],
      ['aggregate', 'create aggregate pg_temp.mine(int) (sfunc = int4pl, stype = int, initcond = 0)'],
      ['operator', 'create operator pg_temp.<~~~> (leftarg = int, rightarg = int, function = int4pl)'],
      ['composite type', 'create type pg_temp.mine as (i int)'],
      ['enum', `create type pg_temp.mine as enum ('a')`],
      ['range', 'create type pg_temp.mine as range (subtype = int)'],
      ['shell type', 'create type pg_temp.mine'],
      ['domain', 'create domain pg_temp.mine as int'],
      ['collation', `create collation pg_temp.mine (locale = 'C')`],
      [
        'text search configuration',
        'create text search configuration pg_temp.mine (copy = pg_catalog.simple)',
      ],
      ['text search dictionary', 'create text search dictionary pg_temp.mine (template = pg_catalog.simple)'],
    ] as const
  ).map(([what, set]) => ({ what: `a temporary ${what}`, set, seen: temporary })),
];
// Not in the table: a seed (setseed changes what random() gives and nothing else), and a library (LOAD), which stays in
// a backend until its end.

let runs = 0;

/** What every file sees, before and after one that leaves something, in two tenants on one session. */
async function looks({ set, seen }: Kind, nonTransactional: boolean) {
  runs += 1;
  const directive = '-- sqlmig: no-transaction\n';
  const tenants = [`a${runs}`, `b${runs}`];
  const look = (table: string) => `create table ${table} as select ${seen} as v;`;
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 1 },
    {
      'sql/tenant/1_look.sql': look('look_1'),
      'sql/tenant/2_look.sql': directive + look('look_2'),
      'sql/tenant/3_set.sql': `${nonTransactional ? directive : ''}${set};`,
      'sql/tenant/4_look.sql': look('look_4'),
      'sql/tenant/5_look.sql': directive + look('look_5'),
    },
  );
  const result = await up(await p.config(), { select: { kind: 'all', except: [] } });
  const values = async (...tables: readonly string[]) => {
    const all = tenants.flatMap((tenant) => tables.map((table) => `select v from ${tenant}.${table}`));
    return new Set((await db.query(all.join(' union all '))).map(({ v }) => String(v)));
  };
  expect(result.schemas.map(({ error }) => error).filter((error) => error !== undefined)).toEqual([]);
  return { after: await values('look_1', 'look_4'), stepwise: await values('look_2', 'look_5') };
}

/** What is seen in a session without sqlmig, before something is set and after it. */
async function plainly({ set, seen, inTransaction }: Kind): Promise<unknown[]> {
  const session = await testSession(db.url);
  const look = async () => (await session.run(`select ${seen} as v`))[0]?.v;
  try {
    await session.run(
      `create schema plain_${runs}; set search_path = plain_${runs}, public${inTransaction ? '; begin' : ''}`,
    );
    const before = await look();
    await session.run(set);
    return [before, await look()];
  } finally {
    await session.close();
  }
}

const cases = kinds.flatMap((kind) => [
  { ...kind, how: 'a transactional file', nonTransactional: false },
  ...(kind.inTransaction ? [] : [{ ...kind, how: 'a non-transactional file', nonTransactional: true }]),
]);

test.each(cases)('$what in $how is gone in the next file and in the next tenant', async (kind) => {
  if (kind.since !== undefined && version < kind.since) return;
  const { after, stepwise } = await looks(kind, kind.nonTransactional);
  expect([...after]).toHaveLength(1);
  expect([...stepwise]).toHaveLength(1);
  const [before, now] = await plainly(kind);
  expect(now, 'it can be seen').not.toEqual(before);
});

test('a transaction that outlives its session cannot be prepared', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['prepared'] } },
    { 'sql/tenant/1_p.sql': `create table t (); prepare transaction 'mine';` },
  );
  const refused = up(await p.config(), { select: { kind: 'all', except: [] } });
  await expect(refused).rejects.toMatchObject({ code: 'transaction-control' });
});
