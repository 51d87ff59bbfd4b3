import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { createTenant, type RunEvent, up } from '../src/index.ts';
import { nameHistory } from '../src/protocol/history-readers.ts';
import { nameKey } from '../src/protocol/keys.ts';
import { readShapes } from '../src/structure/read-shapes.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, holdKey, waitAtGate } from './setup/gate.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const exists = async (schema: string) =>
  (await db.query(`select from pg_namespace where nspname = '${schema}'`)).length === 1;

test('of many that create one tenant at once, one does and the others say that it exists', async () => {
  const p = project(
    { url: db.url, historyTable: 'once', tenants: { list: ['once'] } },
    { 'sql/tenant/1_t.sql': 'create table t ()', 'sql/tenant/2_u.sql': 'create table u ()' },
  );
  const config = await p.config();
  const ends = await Promise.allSettled(
    Array.from({ length: 12 }, () => createTenant(config, { name: 'once' })),
  );
  const won = ends.filter((end) => end.status === 'fulfilled');
  expect(won.map(({ value }) => [value.state, value.migrations.length])).toEqual([['applied', 2]]);
  const lost = ends.filter((end) => end.status === 'rejected');
  expect(new Set(lost.map(({ reason }) => reason.code))).toEqual(new Set(['tenant-exists']));
  expect(lost).toHaveLength(11);
});

test('a file that fails leaves nothing, whichever it is, and the error names it', async () => {
  const p = project(
    { url: db.url, historyTable: 'failing', tenants: { list: ['failing'] } },
    {
      'sql/tenant/1_a.sql': 'create table a (id int primary key);\ninsert into a values (1)',
      'sql/tenant/2_b.sql': 'create table b ();\nselect 1 / 0',
      'sql/tenant/3_c.sql': 'create table c ()',
    },
  );
  const config = await p.config();
  const outcome = await createTenant(config, { name: 'failing' });
  expect(outcome).toMatchObject({ state: 'failed', version: null, migrations: [] });
  expect(outcome.error).toMatchObject({
    code: 'migration-failed',
    sqlstate: '22012',
    file: 'sql/tenant/2_b.sql',
    line: 2,
    statement: 2,
    state: 'rolled back; failing does not exist',
  });
  expect(await exists('failing')).toBe(false);
  p.write({ 'sql/tenant/2_b.sql': 'create table b ();\ncreat table c ()' });
  await expect(createTenant(await p.config(), { name: 'failing' })).rejects.toMatchObject({
    code: 'sql-syntax',
  });
  p.write({ 'sql/tenant/2_b.sql': 'create table b (a int references a);\ninsert into b values (2)' });
  expect((await createTenant(await p.config(), { name: 'failing' })).error).toMatchObject({
    sqlstate: '23503',
  });
  expect(await exists('failing')).toBe(false);
});

test('a killed process leaves nothing, and the next one creates the tenant', async () => {
  const p = project(
    { url: db.url, historyTable: 'killed', tenants: { list: ['killed'] } },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/tenant/2_b.sql': waitAtGate() },
  );
  await sqlmig(['up', '--public'], p.dir);
  const open = await closeGate(db);
  const first = start(['tenant', 'create', 'killed'], p.dir);
  while ((await db.query(atGate)).length === 0) await delay(20);
  first.process.kill('SIGKILL');
  await first.ended;
  while ((await db.leftovers()).length > 0) await delay(20);
  expect(await exists('killed')).toBe(false);
  // A run whose backend is terminated tries again.
  const second = start(['tenant', 'create', 'killed'], p.dir);
  let ended: Record<string, unknown>[] = [];
  while (ended.length === 0) ended = await db.query(`select pg_terminate_backend(pid) from (${atGate}) g`);
  await open();
  expect(await second.ended).toMatchObject({ code: 0 });
  expect(await db.query('select count(*)::int as n from killed.killed')).toEqual([{ n: 2 }]);
});

const atGate = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
  and wait_event = 'PgSleep' and application_name like 'sqlmig % create %'`;

test('a process that is suspended before the rows are written leaves no lock, and then starts again', async () => {
  const p = project(
    { url: db.url, historyTable: 'suspended', tenants: { list: ['suspended'] } },
    { 'sql/tenant/1_a.sql': 'select pg_sleep(2)', 'sql/tenant/2_b.sql': 'create table b ()' },
  );
  await up(await p.config(), { select: { kind: 'public' } });
  const first = start(['tenant', 'create', 'suspended'], p.dir);
  const of = (condition: string) =>
    db.query(
      `select from pg_stat_activity where datname = current_database() and application_name like 'sqlmig % create %' and ${condition}`,
    );
  while ((await of(`wait_event = 'PgSleep'`)).length === 0) await delay(20);
  first.process.kill('SIGSTOP');
  while ((await of(`state = 'idle in transaction'`)).length === 0) await delay(20);
  while ((await of('true')).length > 0) await delay(100);
  first.process.kill('SIGCONT');
  expect(await first.ended).toMatchObject({ code: 0 });
  expect(await db.query('select count(*)::int as n from suspended.suspended')).toEqual([{ n: 2 }]);
});

test('both ways to build a tenant give the same structure, non-transactional files included', async () => {
  const files = {
    'sql/public/1_plans.sql': 'create table plans (id int primary key)',
    'sql/tenant/1_a.sql': `create type mood as enum ('ok'); create table a (id bigint generated always as identity primary key, m mood, plan int references plans);
      create table parts (id int, at int) partition by range (at); create table part1 partition of parts for values from (0) to (9);`,
    'sql/tenant/2_value.sql': `alter type mood add value 'bad'`,
    'sql/tenant/4_index.sql':
      'create index concurrently if not exists a_m on a (m);\ncreate index /* CONCURRENTLY */ concurrently on a (plan);\nvacuum analyze a;\ndrop index concurrently a_m',
    'sql/tenant/3_default.sql': `alter table a alter m set default 'bad'`,
    'sql/tenant/5_detach.sql': 'alter table parts detach partition part1 concurrently',
    'sql/tenant/6_code.sql': `do $$ begin create table b (id int); insert into b values (1); end $$;
      create function f() returns int language sql as 'select count(*)::int from b';`,
    'sql/tenant/7_shared.sql':
      '-- sqlmig: allow-public\ncomment on table plans is $$of all$$; update plans set id = id',
    'sql/tenant/8_rows.sql': 'insert into b values (2); drop table part1',
    'sql/tenant/R__v.sql': 'create or replace view v as select f() as n',
  };
  const p = project({ url: db.url, historyTable: 'ways', tenants: { list: ['by_up', 'by_create'] } }, files);
  const config = await p.config();
  expect(await up(config, { select: { kind: 'tenants', names: ['by_up'] } })).toMatchObject({ ok: true });
  const events: RunEvent[] = [];
  const outcome = await createTenant(config, { name: 'by_create', onEvent: (event) => events.push(event) });
  expect(outcome).not.toHaveProperty('error');
  expect(outcome.migrations.map(({ name }) => name)).toHaveLength(9);
  expect(events.filter(({ type }) => type === 'retrying')).toEqual([]);
  const session = await testSession(db.url);
  const schemas = ['by_up', 'by_create'];
  const shapes = await readShapes(session, { schemas, ignore: new Set(), historyTable: 'ways' });
  await session.close();
  const sorted = (schema: string) =>
    shapes
      .get(schema)
      ?.map((object) => JSON.stringify(object))
      .sort();
  expect(sorted('by_create')).toEqual(sorted('by_up'));
  expect(sorted('by_up')?.length).toBeGreaterThan(10);
  const rows = (schema: string) =>
    db.query(
      `select version, name, checksum, state, scope, statements, done_statements from ${schema}.ways order by 1, 2`,
    );
  expect(await rows('by_create')).toEqual(await rows('by_up'));
  // One transaction wrote all of it.
  const [{ n }] = (await db.query('select count(distinct xmin::text)::int as n from by_create.ways')) as [
    { n: number },
  ];
  expect(n).toBe(1);
  expect(await up(config, { select: all })).toMatchObject({ ok: true, applied: 0 });
});

test('a file that changes public without saying so fails, and nothing is left', async () => {
  const p = project(
    { url: db.url, historyTable: 'trespass', tenants: { list: ['trespass'] } },
    {
      'sql/public/1_x.sql': 'create table shared_x (id int)',
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': `do $$ begin execute 'comment on table public.shared_x is ''mine'''; end $$`,
      'sql/tenant/3_c.sql': 'do $$ begin null; end $$',
    },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  expect((await createTenant(config, { name: 'trespass' })).error).toMatchObject({
    code: 'changes-public',
    file: 'sql/tenant/2_b.sql',
  });
  expect(await exists('trespass')).toBe(false);
});

// The text of the file does not name the history, which `%s` stands for.
const dynamic = (statement: string) =>
  `do $$ begin execute format('${statement.replaceAll("'", "''")}', 'schema_' || 'migrations'); end $$`;

test('a file that changes the history is named, although the guard comes after the last one', async () => {
  const touches = [
    'delete from schema_migrations where version = 1',
    'do $$ begin delete from schema_migrations where version = 2; end $$',
    'alter table schema_migrations rename to x',
    'do $$ begin alter table schema_migrations rename column checksum to y; end $$',
    ...['drop table %s', 'alter table %s rename to x'].map(dynamic),
    dynamic(`insert into %s select 99, 'b', '', now(), 0, '', '', 'applied', 'tenant', 1, null, 1`),
  ];
  const p = project(
    { url: db.url, tenants: { list: ['touched'] } },
    {
      'sql/tenant/1_a.sql': 'do $$ begin create table a (); end $$',
      'sql/tenant/3_c.sql': 'do $$ begin create table c (); end $$',
      'sql/tenant/4_d.sql': 'create table d ()',
    },
  );
  for (const touch of touches) {
    p.write({ 'sql/tenant/2_b.sql': touch });
    const { error } = await createTenant(await p.config(), { name: 'touched' });
    expect(error, touch).toMatchObject({ code: 'changes-history', file: 'sql/tenant/2_b.sql' });
    expect(await exists('touched')).toBe(false);
  }
});

test('a file that takes rights on the history away is named, and not the last one', async () => {
  await db.query(`create role ${db.name}_plain login password 'x'; grant create on database ${db.name} to ${db.name}_plain;
    grant create on schema public to ${db.name}_plain`);
  const url = Object.assign(new URL(db.url), { username: `${db.name}_plain`, password: 'x' }).href;
  const p = project(
    { url, historyTable: 'revoked', tenants: { list: ['revoked'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': `do $$ declare t name; begin for t in select tablename from pg_tables where schemaname = current_schema() loop
        execute format('revoke all on %I from current_user', t); end loop; end $$`,
      'sql/tenant/3_c.sql': 'do $$ begin create table c (); end $$',
      'sql/tenant/4_d.sql': 'create table d ()',
    },
  );
  const { error } = await createTenant(await p.config(), { name: 'revoked' });
  expect(error).toMatchObject({ file: 'sql/tenant/2_b.sql', state: 'rolled back; revoked does not exist' });
  await db.query(`drop owned by ${db.name}_plain cascade; drop role ${db.name}_plain`);
});

test('a file that reads the history finds the rows of those before it and its own', async () => {
  const p = project(
    { url: db.url, historyTable: 'reading', tenants: { list: ['reading'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': 'create table seen as select version, name, state from reading',
      'sql/tenant/3_c.sql': 'create table c ()',
    },
  );
  expect(await createTenant(await p.config(), { name: 'reading' })).toMatchObject({ state: 'applied' });
  expect(await db.query('select * from reading.seen order by 1')).toEqual([
    { version: '1', name: 'a', state: 'applied' },
    { version: '2', name: 'b', state: 'applied' },
  ]);
});

test('the statement that failed is found by running the file again as it ran', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['again'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': `select 1;\n${dynamic('select 1 / count(*) from %s')}`,
    },
  );
  expect(await createTenant(await p.config(), { name: 'again' })).toMatchObject({
    error: { sqlstate: '22012', line: 2, statement: 2 },
  });
});

test('a function of public that reads the history finds the same rows', async () => {
  const p = project(
    { url: db.url, historyTable: 'Looked up', tenants: { list: ['looking'] } },
    {
      'sql/public/1_latest.sql': `create function latest_version() returns bigint language plpgsql as $$
        begin return (select max(version) from "Looked up"); end $$`,
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': 'create table seen as select latest_version() as version',
    },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  expect(await createTenant(config, { name: 'looking' })).toMatchObject({ state: 'applied' });
  expect(await db.query('select version from looking.seen')).toEqual([{ version: '2' }]);
});

test.each([
  ['select * from hist', true],
  ['select * from acme.HIST', true],
  ['do $$begin perform from hist$$', true],
  [`select 'hist'`, true],
  ['select * from "my ""own"" hist"', true],
  ['create table order_hist ()', false],
  ['create table hist_old (); create table history ()', false],
])('whether a file names the history: %s', (text, expected) =>
  expect(nameHistory([{ text: '' }, { text }], ['hist', 'my "own" hist'])).toBe(expected),
);

// A trigger on each table of a schema that discards what is inserted.
const discard = `create trigger discard before insert on %s for each row execute function public.discard()`;
const discardFunction = `create function public.discard() returns trigger language plpgsql as 'begin return null; end'`;

test('a tenant whose history does not keep the rows is not created, and the error names the first', async () => {
  const own = await freshDatabase();
  await own.query(discardFunction);
  const p = project(
    { url: own.url, tenants: { list: ['lossy'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': `do $$ declare t regclass; begin
        for t in select oid from pg_class where relnamespace = 'lossy'::regnamespace and relkind = 'r'
        loop execute format('${discard}', t); end loop; end $$`,
      'sql/tenant/3_c.sql': 'create table c ()',
      'sql/tenant/4_d.sql': 'create table d ()',
    },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  const lost = (file: string) => ({
    state: 'failed',
    error: { code: 'history-not-kept', file, state: 'rolled back; lossy does not exist' },
  });
  expect(await createTenant(config, { name: 'lossy' })).toMatchObject(lost('sql/tenant/3_c.sql'));
  p.write({ 'sql/tenant/2_b.sql': 'create table b ()' });
  await own.query(`create function public.each() returns event_trigger language plpgsql as $$ declare t text; begin
      for t in select object_identity from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE'
      loop execute format('${discard}', t); end loop; end $$;
    create event trigger each on ddl_command_end when tag in ('CREATE TABLE') execute function public.each()`);
  expect(await createTenant(await p.config(), { name: 'lossy' })).toMatchObject(lost('sql/tenant/1_a.sql'));
});

test('if the statement that inserts the history rows is canceled, nothing is sent again', async () => {
  const own = await freshDatabase();
  const open = await closeGate(own);
  await own.query(`create function public.wait() returns trigger language plpgsql as
      $f$ begin execute $g$${waitAtGate()}$g$; return new; end $f$;
    create function public.slow() returns event_trigger language plpgsql as $$ begin
      if to_regclass('stopped.schema_migrations') is not null then
        create trigger wait before insert on stopped.schema_migrations for each row execute function public.wait();
        alter event trigger slow disable;
      end if; end $$;
    create event trigger slow on ddl_command_end when tag in ('CREATE TABLE') execute function public.slow()`);
  const p = project(
    { url: own.url, tenants: { list: ['stopped'] } },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/tenant/2_b.sql': 'create table b ()' },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  const created = createTenant(config, { name: 'stopped' });
  const canceled = `select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and query ~ 'insert into "stopped"' and wait_event = 'PgSleep'`;
  await expect.poll(async () => (await own.query(canceled)).length).toBe(1);
  await open();
  expect(await created).toMatchObject({ state: 'failed', error: { sqlstate: '57014' } });
});

test('each row has the time at which its file began, and how long it took', async () => {
  const p = project(
    { url: db.url, historyTable: 'timed', tenants: { list: ['timed'] } },
    {
      'sql/tenant/1_a.sql': 'create table a (at timestamptz); insert into a values (clock_timestamp())',
      'sql/tenant/2_b.sql': 'select pg_sleep(0.2)',
      'sql/tenant/3_c.sql': 'create table c (at timestamptz); insert into c values (clock_timestamp())',
      'sql/tenant/R__d.sql': 'select pg_sleep(0.2)',
    },
  );
  const { migrations } = await createTenant(await p.config(), { name: 'timed' });
  const rows = await db.query('select duration_ms from timed.timed order by applied_at');
  expect(migrations.map(({ durationMs }) => durationMs)).toEqual(rows.map((row) => row.duration_ms));
  for (const slept of [1, 3]) expect(migrations[slept]?.durationMs).toBeGreaterThanOrEqual(200);
  expect(
    await db.query(`select name from timed.timed, timed.a, timed.c
      where applied_at <= a.at and version = 1
        or applied_at between a.at and c.at - interval '0.2 s' and version = 2
        or applied_at between a.at + interval '0.2 s' and c.at and version = 3
        or applied_at > c.at and version is null order by version`),
  ).toEqual(['a', 'b', 'c', 'd'].map((name) => ({ name })));
});

test('files that cannot share a transaction are applied one by one', async () => {
  const p = project(
    { url: db.url, historyTable: 'apart', tenants: { list: ['apart', 'too'] } },
    {
      'sql/tenant/1_a.sql': `create table a (id int); create procedure p() language plpgsql as $$ begin insert into a values (1); commit; end $$`,
      'sql/tenant/2_b.sql': '-- sqlmig: no-transaction\ncall p()',
    },
  );
  const config = await p.config();
  expect(await createTenant(config, { name: 'apart' })).toMatchObject({ state: 'applied', version: '2' });
  p.write({ 'sql/tenant/2_b.sql': 'reindex (concurrently) table a' });
  expect(await createTenant(await p.config(), { name: 'too' })).toMatchObject({
    state: 'applied',
    version: '2',
  });
});

test('a run of the whole fleet and a sign-up of one of its tenants do not disturb each other', async () => {
  const list = Array.from({ length: 12 }, (_, i) => `both_${i}`);
  const p = project(
    { url: db.url, historyTable: 'both', tenants: { list } },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/tenant/2_b.sql': 'create table b ()' },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  const [result, ...created] = await Promise.all([
    up(config, { select: all }),
    ...list.map((name) => createTenant(config, { name, ifNotExists: true })),
  ]);
  expect(result).toMatchObject({ ok: true, failed: 0 });
  expect(created.filter(({ error }) => error !== undefined)).toEqual([]);
  for (const name of list)
    expect(await db.query(`select count(*)::int as n from ${name}.both`)).toEqual([{ n: 2 }]);
});

test('a name that another session is about to give away is waited for, and named by locks', async () => {
  const p = project(
    { url: db.url, historyTable: 'held', tenants: { list: ['held'] } },
    { 'sql/tenant/1_a.sql': '' },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  const release = await holdKey(db.url, nameKey('held'), { name: 'sqlmig 1234 create web-1' });
  expect(await createTenant(config, { name: 'held', waitForLockMs: 100 })).toMatchObject({
    state: 'failed',
    error: { code: 'lock-timeout', message: expect.stringContaining('(name) is held by') },
  });
  expect((await sqlmig(['locks'], p.dir)).stdout).toContain('(name)');
  await release();
  expect(await createTenant(config, { name: 'held' })).toMatchObject({ state: 'applied' });
});

test('a new tenant whose files need several messages is not retried', async () => {
  const { url } = await freshDatabase();
  const p = project(
    { url, tenants: { list: ['by_up', 'by_create'] } },
    {
      'sql/tenant/1_a.sql':
        'create table a (id int); create procedure ends() language plpgsql as $$ begin commit; end $$',
      'sql/tenant/2_i.sql': 'create index concurrently on a (id)',
      'sql/tenant/3_p.sql': '-- sqlmig: no-transaction\ncall ends()',
      'sql/tenant/4_b.sql': 'create table b ()',
    },
  );
  const config = await p.config();
  const retries: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'retrying') retries.push(`${event.schema}: ${event.reason}`);
  };
  expect(await up(config, { select: { kind: 'tenants', names: ['by_up'] }, onEvent })).toMatchObject({
    ok: true,
  });
  expect(await createTenant(config, { name: 'by_create', onEvent })).toMatchObject({ state: 'applied' });
  expect(retries).toEqual([]);
});
