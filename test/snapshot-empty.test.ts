import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { createSnapshots } from '../src/fleet/snapshots.ts';
import { createHistoryTable } from '../src/history/history.ts';
import { createTenant, type RunEvent, type UpOptions, up, verify, writeSnapshot } from '../src/index.ts';
import { readMigrations } from '../src/project/migrations.ts';
import { parseSnapshot, snapshotText } from '../src/project/snapshot-file.ts';
import { lockObjects } from '../src/protocol/keys.ts';
import { readTargets } from '../src/state/target.ts';
import { start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, holdLock, waitAtGate } from './setup/gate.ts';
import { numbered, project, type TestProject } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

// `up` loads the snapshot into a schema that somebody else has created, if it is as CREATE SCHEMA leaves it.

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const some = (...names: string[]) => ({ kind: 'tenants', names }) as const;
const files = {
  'sql/public/1_base.sql': 'create table regions (id int primary key)',
  'sql/tenant/1_users.sql': 'create table users (id int generated always as identity, email text)',
  'sql/tenant/1_users.down.sql': 'drop table users',
  'sql/tenant/2_rows.sql':
    "insert into users (email) values ('x'); create index concurrently on users (email)",
  'sql/tenant/3_orders.sql': 'create table orders (region int references regions)',
};
const newer = {
  'sql/tenant/4_more.sql': 'alter table users add note text',
  'sql/tenant/R__v.sql': 'create or replace view v as select email, note from users',
};
const isWaiting = (object: number) =>
  `exists (select from pg_locks l join pg_database d on d.oid = l.database where locktype = 'advisory' and objid = ${object} and not granted and datname = current_database())`;
const isAtGate = `exists (select from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database())`;

async function until(condition: string): Promise<void> {
  while ((await db.query(`select (${condition}) as yes`))[0]?.yes !== true) await delay(20);
}

/**
 * A project with a snapshot, which migrates one tenant after the other. In the database, public is up to date, and the
 * schemas of the tenants are there.
 */
async function fleet(tenants: readonly string[], concurrency = 1): Promise<TestProject> {
  const p = project({ url: db.url, tenants: { list: tenants }, concurrency }, files);
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  await writeSnapshot(config);
  await db.query(tenants.map((tenant) => `create schema ${tenant};`).join(''));
  return p;
}

/** Lets the snapshot run these statements before its own, and build a table as well, by which its use is noticed. */
function mark({ dir }: TestProject, before = ''): void {
  const file = join(dir, 'sql/tenant.snapshot.sql');
  const found = parseSnapshot(readFileSync(file, 'utf8'), '');
  const sql = `${before}\n${found.sql}\ncreate table from_snapshot ();\n`;
  writeFileSync(file, snapshotText({ ...found, sql }));
}

/** Runs `up`; returns the states of the tenants, and what was said. */
async function migrate(p: TestProject, options: Partial<UpOptions> = {}) {
  const said: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') said.push(event.message);
  };
  const result = await up(await p.config(), { select: all, onEvent, ...options });
  const tenants = result.schemas.filter(({ scope }) => scope === 'tenant');
  return { states: Object.fromEntries(tenants.map(({ schema, state }) => [schema, state])), said };
}

/** The tenants that were built from the snapshot. */
async function bySnapshot(): Promise<unknown[]> {
  const found = await db.query(
    `select relnamespace::regnamespace::text as tenant from pg_class where relname = 'from_snapshot' order by 1`,
  );
  return found.map(({ tenant }) => tenant);
}

const history = (tenant: string) =>
  db.query(
    `select version, name, checksum, state, scope, statements, done_statements, down, down_checksum from ${tenant}.schema_migrations order by 1, 2`,
  );

test('an empty schema gets what its files would have built, with the same history', async () => {
  const p = await fleet(['by_files', 'by_snapshot']);
  expect(await migrate(p, { select: some('by_snapshot') })).toEqual({
    states: { by_snapshot: 'applied' },
    said: [],
  });
  // All rows of one transaction, which files with CONCURRENTLY do not share.
  expect(
    await db.query(`select count(distinct xmin::text)::int as n from by_snapshot.schema_migrations`),
  ).toEqual([{ n: 1 }]);
  p.remove('sql/tenant.snapshot.sql');
  await migrate(p);
  expect(await history('by_snapshot')).toEqual(await history('by_files'));
  expect(await db.query('select id, email from by_snapshot.users')).toEqual([{ id: 1, email: 'x' }]);
  expect(await verify(await p.config(), { structure: 'files' })).toMatchObject({ ok: true, findings: [] });
});

test('what looks suspicious in the first tenant does not keep the snapshot from the others', async () => {
  const p = await fleet(['a', 'b', 'c']);
  mark(p);
  // The first key to a table of public changes the description of that table.
  p.write({ 'sql/tenant/4_code.sql': 'do $$ begin perform 1; end $$' });
  expect(await migrate(p)).toEqual({ states: { a: 'applied', b: 'applied', c: 'applied' }, said: [] });
  expect(await bySnapshot()).toHaveLength(2);
  expect(Object.keys(await db.history('a'))).toHaveLength(4);
});

test('a snapshot that looks suspicious again and again is not used any more', async () => {
  const p = await fleet([]);
  const config = await p.config();
  const migrations = await readMigrations(config);
  const options = { to: null, steps: null, outOfOrder: false, ignoreChanged: false };
  const snapshots = createSnapshots({ migrations, config, options }, () => {});
  const basis = { scope: 'tenant', files: migrations.tenant, options } as const;
  const session = await testSession(db.url);
  const reader = { session, spares: async () => [] };
  const [target] = await readTargets([{ schema: 'fresh', basis }], reader, config.historyTable);
  await session.close();
  if (target === undefined) throw new Error('one request gives one target');
  for (let times = 1; times < 8; times++) snapshots.giveUp(null);
  expect(snapshots.of(target)?.covered).toHaveLength(3);
  snapshots.giveUp(null);
  expect(snapshots.of(target)).toBeNull();
});

test('newer files and repeatables follow the snapshot, and a version before it is built from files', async () => {
  const p = await fleet(['earlier', 'whole']);
  mark(p);
  p.write(newer);
  await migrate(p, { select: some('earlier'), to: '2' });
  expect(await db.history('earlier')).toEqual({ 1: 1, 2: 1 });
  expect(await migrate(p)).toEqual({ states: { earlier: 'applied', whole: 'applied' }, said: [] });
  expect(await bySnapshot()).toEqual(['whole']);
  expect(await history('whole')).toEqual(await history('earlier'));
  expect(await db.query('select email, note from whole.v')).toEqual([{ email: 'x', note: null }]);
});

const prepared: Readonly<Record<string, string>> = {
  untouched: '',
  has_history: createHistoryTable('has_history', 'schema_migrations'),
  is_owned: 'alter schema is_owned owner to pg_monitor',
  is_granted: 'grant usage on schema is_granted to pg_monitor',
  is_revoked: 'revoke create on schema is_revoked from current_user',
  has_comment: "comment on schema has_comment is 'x'",
  has_privileges: 'alter default privileges in schema has_privileges grant select on tables to pg_monitor',
  has_publication: 'create publication all_of for tables in schema has_publication',
  has_extension: 'create extension pg_trgm schema has_extension',
  has_table: 'create table has_table.t ()',
  has_view: 'create view has_view.v as select 1 as one',
  has_sequence: 'create sequence has_sequence.s',
  has_type: 'create type has_type.e as enum ()',
  has_domain: 'create domain has_domain.d as int',
  has_function: "create function has_function.f() returns int language sql as 'select 1'",
  has_operator: 'create operator has_operator.=== (leftarg = int, rightarg = int, function = int4pl)',
  has_collation: 'create collation has_collation.c from "C"',
  has_parser: 'create text search configuration has_parser.c (copy = simple)',
  has_statistics: 'create statistics has_statistics.s on relname, relkind from public.facts',
  has_older_history: `${createHistoryTable('has_older_history', 'schema_migrations')}; alter table has_older_history.schema_migrations drop column down, drop column down_checksum`,
};

test('only a schema that is as CREATE SCHEMA leaves it, apart from its history, gets the snapshot', async () => {
  const p = await fleet(Object.keys(prepared));
  mark(p);
  await db.query(
    `create table public.facts (relname name, relkind "char"); ${Object.values(prepared).join(';\n')}`,
  );
  const { states, said } = await migrate(p);
  expect(states).toEqual(Object.fromEntries(Object.keys(prepared).map((tenant) => [tenant, 'applied'])));
  expect(said).toEqual([]);
  expect(await bySnapshot()).toEqual(['has_history', 'untouched']);
});

test('a session that is said to be pooled loads it as well', async () => {
  const p = await fleet(['acme']);
  mark(p);
  const url = new URL(db.url);
  url.searchParams.set('pgbouncer', 'true');
  p.write({
    'sqlmig.config.json': JSON.stringify({ url: url.href, directUrl: db.url, tenants: { list: ['acme'] } }),
  });
  expect(await migrate(p)).toEqual({ states: { acme: 'applied' }, said: [] });
  expect(await bySnapshot()).toEqual(['acme']);
});

test('tenant create --if-not-exists loads it as well', async () => {
  const p = await fleet(['acme']);
  mark(p);
  expect(await createTenant(await p.config(), { name: 'acme', ifNotExists: true })).toMatchObject({
    state: 'applied',
  });
  expect(await bySnapshot()).toEqual(['acme']);
});

// Otherwise the order is random.
const acmeFirst = { canary: { names: ['acme'] } };
const table = 'create table acme.by_app (id int)';
test.for<[what: string, sql: string, used: string[]]>([
  ['a table', table, ['quiet']],
  ['a privilege', 'grant usage on schema acme to pg_monitor', ['quiet']],
  ['the history', createHistoryTable('acme', 'schema_migrations'), ['acme', 'quiet']],
  ['the schema, anew', 'drop schema acme; create schema acme', ['acme', 'quiet']],
  ['the schema, anew, with a table', `drop schema acme; create schema acme; ${table}`, ['quiet']],
])(
  'somebody creates %s after the schema was read: the snapshot is used where it may be',
  async ([_, sql, used]) => {
    const p = await fleet(['acme', 'quiet']);
    mark(p);
    const letGo = await holdLock(db.url, String(lockObjects.bootstrap));
    const run = migrate(p, acmeFirst);
    await until(isWaiting(lockObjects.bootstrap));
    await db.query(sql);
    await letGo();
    expect(await run).toEqual({ states: { acme: 'applied', quiet: 'applied' }, said: [] });
    expect(await bySnapshot()).toEqual(used);
    expect(await history('acme')).toEqual(await history('quiet'));
  },
);

test('another run applies a file after the schema was read: the rest is built from files', async () => {
  const p = await fleet(['acme', 'quiet']);
  mark(p);
  await db.query(createHistoryTable('acme', 'schema_migrations'));
  const letGo = await holdLock(db.url, String(lockObjects.bootstrap));
  const run = migrate(p, acmeFirst);
  await until(isWaiting(lockObjects.bootstrap));
  // It has a history already, so this run does not wait.
  await migrate(p, { select: some('acme'), to: '1' });
  await letGo();
  expect(await run).toEqual({ states: { acme: 'applied', quiet: 'applied' }, said: [] });
  expect(await bySnapshot()).toEqual(['quiet']);
  expect(await history('acme')).toEqual(await history('quiet'));
});

test('a table that somebody creates while the snapshot is loaded: a warning, and the files', async () => {
  const p = await fleet(['acme']);
  mark(p, waitAtGate());
  const open = await closeGate(db);
  const run = migrate(p);
  await until(isAtGate);
  await db.query('create table acme.from_snapshot (id int)');
  await open();
  expect(await run).toEqual({
    states: { acme: 'applied' },
    said: [expect.stringMatching(/^ignoring sql\/tenant\.snapshot\.sql: .*"from_snapshot" already exists;/)],
  });
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1 });
});

test('a runner killed while it loads the snapshot leaves nothing, and the next run does all of it', async () => {
  const p = await fleet(['acme']);
  mark(p, `create table before_gate ();\n${waitAtGate()}`);
  const open = await closeGate(db);
  const killed = start(['up', '--all'], p.dir);
  await until(isAtGate);
  killed.process.kill('SIGKILL');
  await killed.ended;
  await until(`not ${isAtGate}`);
  expect(await db.query(`select relname from pg_class where relname in ('before_gate', 'users')`)).toEqual(
    [],
  );
  expect(await db.history('acme')).toEqual({});
  await open();
  expect(await migrate(p)).toEqual({ states: { acme: 'applied' }, said: [] });
  expect(await bySnapshot()).toEqual(['acme']);
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1 });
});

test('two runs on empty schemas at once build each of them once, and equal', async () => {
  const names = numbered('t', 20);
  const p = await fleet(names, 4);
  p.write(newer);
  const config = await p.config();
  const runs = await Promise.all([up(config, { select: all }), up(config, { select: all })]);
  expect(runs.map(({ ok }) => ok)).toEqual([true, true]);
  expect(runs[0].applied + runs[1].applied).toBe(names.length);
  for (const name of names) {
    expect(await db.history(name)).toEqual({ 1: 1, 2: 1, 3: 1, 4: 1, R__v: 1 });
    expect(
      await db.query(
        `select count(*)::int as rows, (select count(distinct xmin::text)::int from ${name}.schema_migrations) as transactions from ${name}.users`,
      ),
    ).toEqual([{ rows: 1, transactions: 1 }]);
  }
  expect(await verify(config, { structure: 'files' })).toMatchObject({ ok: true, findings: [] });
});
