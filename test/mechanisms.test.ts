import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeEach, expect, test } from 'vitest';
import { completePlan } from '../src/decide/plan.ts';
import { readHistoryDigests } from '../src/history/read-histories.ts';
import { up } from '../src/index.ts';
import { readMigrations } from '../src/project/migrations.ts';
import type { UnitSchema } from '../src/protocol/unit-context.ts';
import type { Session } from '../src/server/session.ts';
import { readFleetState } from '../src/state/fleet-state.ts';
import { rereadTarget } from '../src/state/target.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { applyPending, emptyTenant, testContext, testSession, uncheckedScript } from './setup/unit.ts';

// Each of these fails when one mechanism of the lock protocol is taken out, and no other one hides it.

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const never = new AbortController().signal;
const acme = emptyTenant('acme');
const row = (values: string) =>
  `insert into acme.schema_migrations (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) values (${values}, 1, 0)`;
const nothingMade = async () =>
  expect(await db.query(`select to_regclass('acme.b') as b`)).toEqual([{ b: null }]);

/** Sends scripts to acme, which is created if need be. */
async function send(schema: UnitSchema, scripts: ReturnType<typeof uncheckedScript>[], bootstrap = true) {
  const session = await testSession(db.url);
  try {
    return await applyPending(
      session,
      { schema, scripts, bootstrap },
      { context: testContext, signal: never },
    );
  } finally {
    await session.close();
  }
}

async function oidOf(schema: string): Promise<string> {
  const [found] = await db.query(`select '${schema}'::regnamespace::oid::text as oid`);
  return String(found?.oid);
}

/** Sends scripts, the first of which waits while `change` is made in another session. */
async function sendWhile(change: string, schema: UnitSchema, scripts: ReturnType<typeof uncheckedScript>[]) {
  const blocker = postgres(db.url, { max: 1, onnotice: () => {} });
  await blocker`select pg_advisory_lock(42)`;
  const waits = uncheckedScript('1', 'select pg_advisory_xact_lock(42)');
  const attempt = send(schema, [waits, ...scripts], schema.oid === null);
  const waiting = `select count(*)::int as n from pg_locks l join pg_database d on d.oid = l.database
    where locktype = 'advisory' and objid = 42 and not granted and datname = current_database()`;
  while ((await db.query(waiting))[0]?.n !== 1) await delay(10);
  await db.query(change);
  await blocker.end();
  return attempt;
}

test('between two units of a message: a row of another run stops the second', async () => {
  await send(acme, []);
  const alien = row(`9, 'alien', 'x', 'x', 'x', 'incomplete', 'tenant'`);
  const schema = { ...acme, oid: await oidOf('acme') };
  const attempt = await sendWhile(alien, schema, [uncheckedScript('2', 'create table b ()')]);
  expect(attempt).toMatchObject({ kind: 'retry', reason: 'stale' });
  await nothingMade();
});

test('a repeatable that another run has replaced meanwhile is not run', async () => {
  await send(acme, []);
  await db.query(row(`null, 'v', 'old', 'x', 'x', 'applied', 'tenant'`));
  const history = [{ version: null, name: 'v', checksum: 'old', state: 'applied' }] as const;
  const change = `update acme.schema_migrations set checksum = 'other' where name = 'v'`;
  const plain = uncheckedScript('1', 'create table b ()');
  const v = { ...plain, migration: { ...plain.migration, version: null, name: 'v', checksum: 'new' } };
  const attempt = await sendWhile(change, { ...acme, oid: await oidOf('acme'), history }, [v]);
  expect(attempt).toMatchObject({ kind: 'retry', reason: 'stale' });
  await nothingMade();
});

test('a history that was changed without a change of its length stops the unit', async () => {
  await send(acme, [uncheckedScript('1', '')]);
  const session = await testSession(db.url);
  const { read: digests } = await readHistoryDigests(
    { session, spares: async () => [] },
    ['acme'],
    testContext.table,
  );
  await session.close();
  const known = { ...acme, oid: await oidOf('acme'), digest: digests.get('acme')?.digest ?? '' };
  await db.query(`update acme.schema_migrations set checksum = 'other'`);
  expect(await send(known, [uncheckedScript('2', 'create table b ()')], false)).toMatchObject({
    kind: 'retry',
    reason: 'stale',
  });
  await nothingMade();
});

test('public that holds something else than it held keeps a tenant from running', async () => {
  await send({ ...acme, schema: 'public', scope: 'public' }, []);
  const attempt = await send({ ...acme, requires: { upTo: '1', digest: 'another' } }, [
    uncheckedScript('1', 'create table b ()'),
  ]);
  expect(attempt).toMatchObject({ kind: 'retry', reason: 'public' });
  await nothingMade();
});

test('a schema replaced while its lock is taken gets nothing', async () => {
  for (const schema of ['acme', 'acme_new']) await send({ ...acme, schema }, []);
  const oid = await oidOf('acme');
  // A body in SQL, since the server knows its own functions by more than their source.
  await db.query(`set allow_system_table_mods = on; create function public.swap() returns boolean language plpgsql as
    $$ begin alter schema acme rename to acme_old; alter schema acme_new rename to acme; return true; end $$;
    create or replace function pg_catalog.pg_try_advisory_xact_lock(int, int) returns boolean language sql as 'select public.swap()'; reset allow_system_table_mods`);
  const attempt = await send({ ...acme, oid }, [uncheckedScript('1', 'create table b ()')], false);
  expect(attempt).toMatchObject({ kind: 'retry', reason: 'stale' });
  await nothingMade();
});

test('a migration that is finished between two looks is not taken for an interrupted one', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_n.sql': 'create table t ()' },
  );
  const config = await p.config();
  await up(config, { select: all });
  await db.query(`update acme.schema_migrations set state = 'incomplete'`);
  const session = await testSession(db.url);
  const finishing: Session = {
    ...session,
    run: async (text, onRow) => {
      if (text.includes('pg_locks')) await db.query(`update acme.schema_migrations set state = 'applied'`);
      return session.run(text, onRow);
    },
  };
  const look = { scope: 'tenant', files: [], options: completePlan({}, config) } as const;
  const now = await rereadTarget(
    { session: finishing, spares: async () => [] },
    { schema: 'acme', basis: look },
    config.historyTable,
  );
  await session.close();
  expect(now.rows.map(({ state }) => state)).toEqual(['applied']);
});

test('public that another run applies between the list of tenants and the look at public makes them known', async () => {
  const p = project(
    { url: db.url, tenants: { query: 'select n from known' } },
    {
      'sql/public/1_known.sql': `create table known (n text); insert into known values ('acme')`,
      'sql/tenant/1_t.sql': 'create table t ()',
    },
  );
  const config = await p.config();
  const session = await testSession(db.url);
  let listed = false;
  const beaten: Session = {
    ...session,
    statement: async (text) => {
      if (listed) return session.statement(text);
      listed = true;
      return session.statement(text).finally(() => up(config, { select: { kind: 'public' } }));
    },
  };
  const reader = { session: beaten, spares: async () => [] };
  const found = await readFleetState(
    reader,
    { config, migrations: await readMigrations(config), options: completePlan({}, config) },
    { selection: all },
  );
  await session.close();
  expect(found.tenants.map(({ schema }) => schema)).toEqual(['acme']);
});

test('a scan that meets a full lock table, or a table that is gone, reads in smaller pieces', async () => {
  const names = numbered('s', 8);
  const p = project({ url: db.url, tenants: { list: names } }, { 'sql/tenant/1_t.sql': '' });
  await up(await p.config(), { select: all });
  const session = await testSession(db.url);
  const small: Session = {
    ...session,
    run: (text, onRow) => {
      const many = (text.match(/union all/g)?.length ?? 0) >= 2;
      return session.run(many ? `do $$ begin raise exception using errcode = '53200'; end $$` : text, onRow);
    },
  };
  const scan = (on: Session) =>
    readHistoryDigests({ session: on, spares: async () => [] }, names, testContext.table);
  expect([...(await scan(small)).read.keys()].sort()).toEqual(names);
  await db.query('drop schema s_3 cascade');
  expect([...(await scan(session)).read.keys()].sort()).toEqual(names.filter((name) => name !== 's_3'));
  await session.close();
});

test.for(['53200', '40P01', '55P03'])('%s in a file is tried again', async (code) => {
  await db.query('create sequence tries');
  const text = `do $$ begin if nextval('public.tries') < 3 then raise exception using errcode = '${code}'; end if; end $$`;
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_t.sql': text });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 1 });
});

test('a database that is read-only by default is written where that is asked for', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_p.sql': 'create table p ()',
      'sql/tenant/1_t.sql': 'create table t (id int)',
      'sql/tenant/2_i.sql': 'create index concurrently i on t (id)',
    },
  );
  await db.query(`alter database ${db.name} set default_transaction_read_only = on`);
  const run = up(await p.config(), { select: all, ignoreReadOnly: true });
  expect(await run).toMatchObject({ ok: true, applied: 2 });
});

test('session authorization, listening and the settings of a non-transactional file end with it', async () => {
  await db.query('drop role if exists sqlmig_x; create role sqlmig_x');
  const p = project(
    { url: db.url, tenants: { list: ['l1', 'l2'] }, concurrency: 1 },
    {
      'sql/tenant/1_sets.sql': 'listen leak; set session authorization sqlmig_x;',
      'sql/tenant/2_sees.sql':
        'create table seen as select session_user = current_user as self, session_user as who, (select count(*)::int from pg_listening_channels()) as listening',
      'sql/tenant/3_sets.sql': `-- sqlmig: no-transaction\nset work_mem = '7MB'; create temp table leak (); prepare leak as select 1; listen leak; set role none; select pg_advisory_lock(42);`,
      'sql/tenant/4_sees.sql': `create table seen_too as select current_setting('work_mem') as mem, to_regclass('pg_temp.leak') as temp, (select count(*)::int from pg_prepared_statements) as prepared,
        (select count(*)::int from pg_listening_channels()) as listening, (select count(*)::int from pg_locks where locktype = 'advisory' and objid = 42 and pid = pg_backend_pid()) as locks`,
    },
  );
  const run = await up(await p.config(), { select: all });
  const seen = run.ok ? await db.query('select self, who, listening from l2.seen') : [];
  await db.query('drop owned by sqlmig_x; drop role sqlmig_x');
  expect(run).toMatchObject({ ok: true, applied: 2 });
  expect(seen).toEqual([{ self: true, who: 'postgres', listening: 0 }]);
  expect(await db.query('select * from l2.seen_too')).toEqual([
    { mem: '4MB', temp: null, prepared: 0, listening: 0, locks: 0 },
  ]);
});
