import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { type RunEvent, up } from '../src/index.ts';
import { composeUnits } from '../src/protocol/message.ts';
import { start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project, type TestProject } from './setup/project.ts';
import { applyPending, checkedScript, emptyTenant, testContext, testSession } from './setup/unit.ts';

const all = { kind: 'all', except: [] } as const;
const own = { ...testContext, ownSession: true };

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

/** File n creates the table t<n>, unless `others` has another text for it. */
function tables(files: number, others: Readonly<Record<number, string>> = {}): Record<string, string> {
  const versions = Array.from({ length: files }, (_, i) => i + 1);
  return Object.fromEntries(
    versions.map((n) => [
      `sql/tenant/${String(n).padStart(4, '0')}_t.sql`,
      others[n] ??
        `create table t${n} (at timestamptz default clock_timestamp()); insert into t${n} default values;`,
    ]),
  );
}

function fleet(tenants: readonly string[], files: Record<string, string>): TestProject {
  return project({ url: db.url, tenants: { list: tenants }, concurrency: 4 }, files);
}

/** How many transactions have created the tables of a tenant, and statements its history rows. */
const transactions = (tenant: string) =>
  db.query(`select
    (select count(distinct xmin::text)::int from pg_class where relkind = 'r' and relname ~ '^t\\d' and relnamespace = '${tenant}'::regnamespace) as tables,
    (select count(distinct (xmin::text, cmin::text))::int from ${tenant}.schema_migrations) as rows`);

const nine = await Promise.all(
  Array.from({ length: 9 }, (_, i) => checkedScript('tenant', `${i + 1}_t.sql`, `create table t${i} ()`)),
);
const last = await checkedScript('tenant', 'R__v.sql', 'create view v as select 1 as one');
const reader = await checkedScript('tenant', '10_r.sql', 'select count(*) from schema_migrations');
const ten = [...nine, last];
const tenant = {
  ...emptyTenant('acme'),
  guarded: {
    schemas: new Map([['public', '2200']]),
    perTenant: { words: [], schemas: new Map() },
    names: new Set<string>(),
    mayBeTied: false,
    mayBeCalled: false,
  },
};

test.each([
  ['ten files of a new tenant', tenant, ten, own, true],
  ['fewer files', tenant, nine, own, false],
  ['a tenant in use', { ...tenant, isInUse: true }, ten, own, false],
  ['a history that may discard rows', { ...tenant, mayDiscardRows: true }, ten, own, false],
  ['a pooled session', tenant, ten, testContext, false],
  ['Citus', tenant, ten, { ...own, isCitus: true }, false],
  ['a kind of tenants', tenant, ten, { ...own, historyTables: ['all', 'schema_migrations'] }, false],
  ['a transaction for each file', tenant, ten, { ...own, transactionPerFile: true }, false],
  ['a file that reads the history', tenant, [...nine, reader], own, false],
  ['a function that reads the history', tenant, ten, { ...own, namesHistory: true }, false],
])('whether the rows follow: %s', (_, schema, scripts, context, expected) => {
  const { record, text } = composeUnits({ schema, scripts }, context);
  expect(record !== null).toBe(expected);
  expect(/insert into "acme"\."schema_migrations"/.test(text)).toBe(!expected);
});

test('one insert writes all rows, with the time at which each file began, and how long it took', async () => {
  const p = fleet(['acme'], {
    ...tables(130, { 7: 'select pg_sleep(0.2)' }),
    'sql/tenant/R__v.sql': 'create view v as select 1',
  });
  await db.query('create schema acme');
  const result = await up(await p.config(), { select: all });
  const migrations = result.schemas.find(({ schema }) => schema === 'acme')?.migrations ?? [];
  expect(migrations).toHaveLength(131);
  expect(migrations[6]?.durationMs).toBeGreaterThanOrEqual(200);
  // A transaction has room for a limited number of locks.
  expect(await transactions('acme')).toEqual([{ tables: 3, rows: 3 }]);
  const rows = await db.query(
    'select version::int, duration_ms from acme.schema_migrations order by applied_at',
  );
  expect(rows).toEqual(
    migrations.map(({ version, durationMs }) => ({
      version: version === null ? null : Number(version),
      duration_ms: durationMs,
    })),
  );
  expect(
    await db.query(`select count(*)::int as n from acme.schema_migrations, acme.t6, acme.t8
      where (version = 6 and applied_at < t6.at) or (version = 7 and applied_at between t6.at and t8.at - interval '0.2 s') or (version = 8 and applied_at between t6.at + interval '0.2 s' and t8.at)`),
  ).toEqual([{ n: 3 }]);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
});

test.each([
  ['a time', `select '2000-01-01' as sqlmig_at, 7 as sqlmig_ms`],
  ['its own report again', `select '5' as sqlmig_begun, '2000-01-01' as sqlmig_at`],
  ['the report of a later file', `select '9' as sqlmig_begun, '2000-01-01' as sqlmig_at`],
  ['the report of a snapshot', `select true as sqlmig_loading, '2000-01-01' as sqlmig_at`],
])('what a file returns is not taken for a report, even if it is like one: %s', async (_, text) => {
  const p = fleet(['acme'], tables(12, { 5: text }));
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await transactions('acme')).toEqual([{ tables: 1, rows: 1 }]);
  expect(
    await db.query(
      `select count(*)::int as n from acme.schema_migrations where applied_at > now() - interval '1 h'`,
    ),
  ).toEqual([{ n: 12 }]);
});

test('if a file fails, those before it stay applied, and it is blamed with its place', async () => {
  const p = fleet(['acme'], tables(12, { 9: 'create table t9 ();\ncreate index on t9 (nowhere);' }));
  const result = await up(await p.config(), { select: all });
  expect(result.schemas.find(({ schema }) => schema === 'acme')).toMatchObject({
    state: 'failed',
    version: '0008',
    error: {
      code: 'migration-failed',
      sqlstate: '42703',
      file: 'sql/tenant/0009_t.sql',
      line: 2,
      statement: 2,
    },
  });
  expect(Object.keys(await db.history('acme'))).toHaveLength(8);
  expect(await transactions('acme')).toMatchObject([{ tables: 8 }]);
});

const hide = (statement: string) =>
  `do $$ begin execute replace('${statement}', 'TABLE', 'schema_' || 'migrations'); end $$`;

test.each([
  [
    'inserts a row',
    hide(
      `insert into TABLE (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) values (99, '''', '''', '''', '''', ''applied'', ''tenant'', 1, 1)`,
    ),
  ],
  ['drops it', hide('drop table TABLE')],
  ['adds a column', hide('alter table TABLE add column mine int')],
])('a file that changes the history, which is empty until the end, is named: it %s', async (_, text) => {
  const p = fleet(['acme'], tables(12, { 9: text }));
  const result = await up(await p.config(), { select: all });
  expect(result.schemas.find(({ schema }) => schema === 'acme')?.error).toMatchObject({
    file: 'sql/tenant/0009_t.sql',
  });
  expect(Object.keys(await db.history('acme'))).toHaveLength(8);
  expect(await db.query(`select to_regclass('acme.t9') as t9, to_regclass('acme.t10') as t10`)).toEqual([
    { t9: null, t10: null },
  ]);
});

test('a file of a later message that changes a row of an earlier one is named', async () => {
  const p = fleet(['acme'], tables(112, { 109: hide(`update TABLE set checksum = '''' where version = 3`) }));
  const result = await up(await p.config(), { select: all });
  expect(result.schemas.find(({ schema }) => schema === 'acme')?.error).toMatchObject({
    code: 'changes-history',
    file: 'sql/tenant/0109_t.sql',
  });
  expect(Object.keys(await db.history('acme'))).toHaveLength(108);
});

test('a history that discards its rows keeps nothing of the files', async () => {
  const p = fleet(
    ['acme'],
    tables(12, {
      5: `create function swallow() returns trigger language plpgsql as 'begin return null; end';
    do $$ begin execute 'create trigger swallow before insert on schema_' || 'migrations for each row execute function swallow()'; end $$`,
    }),
  );
  const result = await up(await p.config(), { select: all });
  expect(result.ok).toBe(false);
  expect(result.schemas.find(({ schema }) => schema === 'acme')?.error?.file).toBe('sql/tenant/0005_t.sql');
  expect(Object.keys(await db.history('acme'))).toHaveLength(4);
});

/** Suspends a run in file 5, until the server has run all files and waits for the rows. */
async function suspended(p: TestProject) {
  const run = start(['up', '--all'], p.dir);
  const of = (condition: string) =>
    db.query(
      `select from pg_stat_activity where datname = current_database() and application_name like 'sqlmig % 1..12 %' and ${condition}`,
    );
  while ((await of(`wait_event = 'PgSleep'`)).length === 0) await delay(20);
  run.process.kill('SIGSTOP');
  while ((await of(`state = 'idle in transaction'`)).length === 0) await delay(20);
  return { run, of };
}

test('a runner that is suspended before it writes the rows leaves no lock after ten seconds, and then starts again', async () => {
  const p = fleet(['acme'], tables(12, { 5: 'select pg_sleep(1)' }));
  const { run, of } = await suspended(p);
  while ((await of('true')).length > 0) await delay(100);
  expect(await db.query(`select to_regclass('acme.t1') as t1`)).toEqual([{ t1: null }]);
  run.process.kill('SIGCONT');
  expect(await run.ended).toMatchObject({ code: 0 });
  expect(Object.keys(await db.history('acme'))).toHaveLength(12);
  expect(await db.leftovers()).toEqual([]);
});

test('a runner that is killed before it writes the rows leaves nothing, and the next one applies everything', async () => {
  const p = fleet(['acme'], tables(12, { 5: 'select pg_sleep(1)' }));
  const { run, of } = await suspended(p);
  run.process.kill('SIGKILL');
  await run.ended;
  while ((await of('true')).length > 0) await delay(20);
  expect(
    await db.query(
      `select to_regclass('acme.t1') as t1, (select count(*)::int from acme.schema_migrations) as rows`,
    ),
  ).toEqual([{ t1: null, rows: 0 }]);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(Object.keys(await db.history('acme'))).toHaveLength(12);
});

test('a second session without any lock fails on the history, and what it has done is rolled back', async () => {
  await db.query(`set allow_system_table_mods = on;
    create or replace function pg_catalog.pg_try_advisory_xact_lock(int, int) returns boolean language sql as 'select true';
    reset allow_system_table_mods; create table public.effects (n int); create schema acme`);
  // They meet only in the history: nothing else is created twice.
  const scripts = await Promise.all(
    numbered('f', 12).map((_, i) =>
      checkedScript(
        'tenant',
        `${i + 1}_f.sql`,
        `insert into public.effects values (${i}); select pg_sleep(0.05);`,
      ),
    ),
  );
  const [row] = await db.query(`select 'acme'::regnamespace::oid::text as oid`);
  const schema = { ...tenant, oid: String(row?.oid) };
  const sessions = await Promise.all([1, 2].map(() => testSession(db.url)));
  const attempts = await Promise.all(
    sessions.map((session) =>
      applyPending(
        session,
        { schema, scripts, bootstrap: true },
        { context: testContext, signal: new AbortController().signal },
      ),
    ),
  );
  for (const session of sessions) await session.close();
  expect(attempts.map(({ kind }) => kind).sort()).toEqual(['done', 'retry']);
  expect(await db.query('select count(*)::int as n, count(distinct n)::int as files from effects')).toEqual([
    { n: 12, files: 12 },
  ]);
  expect(Object.keys(await db.history('acme'))).toHaveLength(12);
});

test('what the server says when the rows are committed is about the tenant', async () => {
  const server = await ownServer();
  await server.query('create schema acme');
  const p = project({ url: server.url, tenants: { list: ['acme'] } }, tables(12));
  // Nobody is there to confirm a commit, so each of them waits until it is canceled.
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  await server.query(`alter system set synchronous_standby_names = 'nobody'`);
  await server.query('select pg_reload_conf()');
  const said: RunEvent[] = [];
  let isOver = false;
  const run = up(config, { select: all, sync: true, onEvent: (event) => void said.push(event) }).finally(
    () => {
      isOver = true;
    },
  );
  while (!isOver) {
    await server.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep' and application_name like 'sqlmig%'`,
    );
    await delay(20);
  }
  expect(await run).toMatchObject({ ok: true, applied: 1 });
  const warnings = said.filter((event) => event.type === 'server-notice');
  expect(warnings.filter(({ schema }) => schema === 'acme')).toHaveLength(1);
});

test('many runs at once on new tenants: each file once', async () => {
  const tenants = numbered('t', 12);
  await db.query(
    tenants
      .slice(6)
      .map((name) => `create schema ${name};`)
      .join(''),
  );
  const p = fleet(tenants, tables(12));
  const config = await p.config();
  const runs = await Promise.all(Array.from({ length: 3 }, () => up(config, { select: all })));
  expect(runs.map(({ ok }) => ok)).toEqual([true, true, true]);
  expect(runs.reduce((sum, { applied }) => sum + applied, 0)).toBe(12);
  for (const name of tenants) expect(await transactions(name)).toEqual([{ tables: 1, rows: 1 }]);
});
