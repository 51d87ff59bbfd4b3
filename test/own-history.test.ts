import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const hits = 'create table if not exists hits (i int); insert into hits values (1);';
const beside = 'create table beside (i int); ';

// What a file may do to its own history, wherever it stands in a message.
const touches = [
  'drop table if exists schema_migrations',
  'drop table schema_migrations cascade',
  'alter table schema_migrations rename to x',
  'alter table schema_migrations drop column checksum',
  'alter table schema_migrations rename column checksum to y',
  'alter table schema_migrations add column more text',
  'alter table schema_migrations disable trigger all',
  'truncate schema_migrations',
  'delete from schema_migrations',
  'delete from schema_migrations where version = 2',
  'delete from schema_migrations where version = 1',
  `update schema_migrations set checksum = 'mine' where version = 1`,
  `update schema_migrations set checksum = 'mine' where version = 2`,
  `update schema_migrations set name = 'mine' where version = 1`,
  `update schema_migrations set name = 'mine'`,
  `insert into schema_migrations select 99, name, checksum, applied_at, 0, applied_by, run_id, state, scope, 1, null, 1 from schema_migrations where version = 1`,
  'do $$ begin drop table schema_migrations; end $$',
  `do $$ begin execute 'alter table schema_' || 'migrations rename to x'; end $$`,
  `do $$ begin begin delete from schema_migrations; exception when others then null; end; end $$`,
  'alter schema acme rename to elsewhere',
  'drop schema acme cascade',
  `alter table schema_migrations enable row level security; alter table schema_migrations force row level security`,
];

test.for(
  touches.flatMap((touch) =>
    (['first', 'middle', 'last', 'alone'] as const).map((place) => [touch, place] as const),
  ),
)('rolled back, with the file named: %s, %s', async ([touch, place]) => {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_hits.sql': hits });
  if (place !== 'first') {
    if (place === 'alone') await up(await p.config(), { select: all });
  }
  p.write({
    'sql/tenant/2_touch.sql': `${beside}${touch};`,
    ...(place === 'last' || place === 'alone' ? {} : { 'sql/tenant/3_after.sql': 'create table c ()' }),
    ...(place === 'middle' ? { 'sql/tenant/4_after.sql': 'create table d ()' } : {}),
  });
  const config = await p.config();
  for (let run = 0; run < 2; run++) {
    const result = await up(config, { select: all });
    const acme = result.schemas.find(({ schema }) => schema === 'acme');
    expect(acme?.error).toMatchObject({ code: 'changes-history', file: 'sql/tenant/2_touch.sql', line: 1 });
    expect(acme?.error?.state).toBe('rolled back; acme is at 1');
    expect(await db.query('select count(*)::int as n from acme.hits')).toEqual([{ n: 1 }]);
    expect(await db.history('acme')).toEqual({ 1: 1 });
    expect(await db.query(`select to_regclass('acme.beside') as t`)).toEqual([{ t: null }]);
  }
});

// What each file is told; the same in a rehearsal.
const elsewhere = `if the file means another tool's table of that name, rename sqlmig's with historyTable`;
const change = 'a migration must not change acme.schema_migrations, which records what is applied';
const drop = 'a migration must not drop or rename its schema: acme.schema_migrations records what is applied';
const hide = 'a migration must not enable row security on acme.schema_migrations: it hides what is applied';
const takeOut = 'remove the statement; to empty the schema, drop everything in it except schema_migrations';
const leaveOut = `exclude schema_migrations from the tables that the statement changes, for example: where tablename <> 'schema_migrations'`;
const everyTable = (statement: string) => `do $$ declare t name; begin
  for t in select tablename from pg_tables where schemaname = current_schema() loop
    execute format('${statement}', t); end loop; end $$`;

test.for([
  ['drop table schema_migrations', change, elsewhere, 2],
  ['drop table schema_migrations; select * from schema_migrations', change, elsewhere, 2],
  ['drop table schema_migrations; alter table schema_migrations add i int', change, elsewhere, 2],
  ['drop table schema_migrations; create table schema_migrations (version text)', change, elsewhere, 2],
  ['delete from schema_migrations where version = 1', change, elsewhere, 2],
  ['drop schema acme', drop, takeOut, 2],
  ['drop schema if exists acme cascade; create schema acme', drop, takeOut, 2],
  ['alter schema acme rename to elsewhere', drop, takeOut, 2],
  [everyTable('alter table %I enable row level security, force row level security'), hide, leaveOut, 2],
  [everyTable('alter table %I add column tenant_id int'), change, leaveOut, 2],
  ['drop owned by current_user cascade', change, leaveOut, 2],
] as const)('names statement and way out: %s', async ([touch, message, hint, line]) => {
  // A superuser sees rows whatever row security says.
  await db.query(`create role ${db.name} login password 'x'; grant create on database ${db.name} to ${db.name};
    grant create on schema public to ${db.name}`);
  const url = Object.assign(new URL(db.url), { username: db.name, password: 'x' }).href;
  const p = project({ url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_hits.sql': hits });
  const config = await p.config();
  await up(config, { select: all });
  p.write({ 'sql/tenant/2_touch.sql': `create table beside ();\n${touch};` });
  for (const rehearse of [true, false]) {
    const { schemas } = await up(config, { select: all, rehearse });
    expect(schemas[1]?.error).toMatchObject({ code: 'changes-history', message, hint, line, statement: 2 });
    expect(schemas[1]?.error?.state).toBe('rolled back; acme is at 1');
  }
  await db.query(`drop owned by ${db.name} cascade; drop role ${db.name}`);
});

test.for([
  'drop table schema_migrations_old',
  'alter table schema_migrations_old add i int',
  'do $$ begin drop table schema_migrations_old; end $$',
])('a table whose name only begins like it is the file’s own affair: %s', async (text) => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_x.sql': `create table beside ();\n${text};` },
  );
  expect((await up(await p.config(), { select: all })).schemas[1]?.error).toMatchObject({
    code: 'migration-failed',
    sqlstate: '42P01',
    file: 'sql/tenant/1_x.sql',
    line: 2,
  });
});

test('in public as well, and in a repeatable', async () => {
  const p = project(
    { url: db.url, tenants: { list: [] } },
    {
      'sql/public/1_hits.sql': hits,
      'sql/public/2_drop.sql': 'drop table if exists schema_migrations',
      'sql/public/3_c.sql': 'create table c ()',
    },
  );
  const config = await p.config();
  for (let run = 0; run < 2; run++) {
    const { schemas } = await up(config, { select: all });
    expect(schemas[0]?.error).toMatchObject({ code: 'changes-history', file: 'sql/public/2_drop.sql' });
  }
  expect(await db.query('select count(*)::int as n from public.hits')).toEqual([{ n: 1 }]);
  p.remove('sql/public/2_drop.sql');
  p.write({ 'sql/public/R__r.sql': 'delete from schema_migrations where version is null' });
  const { schemas } = await up(config, { select: all });
  expect(schemas[0]?.error).toMatchObject({ code: 'changes-history', file: 'sql/public/R__r.sql' });
});

test('a table of that name elsewhere, and reading one’s own history, are fine', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, historyTable: 'sqlmig_history' },
    {
      'sql/tenant/1_other.sql': 'create table schema_migrations (version text)',
      'sql/tenant/2_drop.sql': `create table seen as select count(*)::int as n from sqlmig_history; drop table schema_migrations;`,
      'sql/tenant/R__r.sql': 'create or replace view v as select 1 as one',
    },
  );
  const config = await p.config();
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  p.write({ 'sql/tenant/R__r.sql': 'create or replace view v as select 2 as one; select 1' });
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  expect(await db.query('select n from acme.seen')).toEqual([{ n: 2 }]);
});

test('a non-transactional file: refused before the statement where its syntax tells, and named after it', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_hits.sql': hits,
      'sql/tenant/2_n.sql': '-- sqlmig: no-transaction\ndrop table schema_migrations;',
    },
  );
  const config = await p.config();
  expect((await up(config, { select: all })).schemas[1]?.error).toMatchObject({
    code: 'changes-history',
    state: 'not touched; acme is at 1',
    line: 2,
  });
  p.write({
    'sql/tenant/2_n.sql':
      '-- sqlmig: no-transaction\ndo $$ begin delete from schema_migrations where version = 2; end $$;',
  });
  expect((await up(config, { select: all })).schemas[1]?.error).toMatchObject({
    code: 'changes-history',
    state: expect.stringMatching(/^statement 1 cannot be rolled back/),
  });
});

test.for([
  ['drop schema acme cascade', 'not touched; acme is at 1'],
  [
    'do $$ begin delete from schema_migrations where version = 1; end $$',
    'statement 1 cannot be rolled back; acme is empty',
  ],
])('a non-transactional file that takes the rows of others: %s', async ([statement, state]) => {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_hits.sql': hits });
  await up(await p.config(), { select: all });
  p.write({ 'sql/tenant/2_n.sql': `-- sqlmig: no-transaction\n${statement};\nselect 1;` });
  expect((await up(await p.config(), { select: all })).schemas[1]?.error).toMatchObject({
    code: 'changes-history',
    file: 'sql/tenant/2_n.sql',
    line: 2,
    state,
  });
});

test('a history that somebody drops while its tenant waits is not taken for an empty one', async () => {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_hits.sql': hits });
  await up(await p.config(), { select: all });
  p.write({ 'sql/tenant/2_b.sql': 'create table b ()' });
  // The tenant is busy for the run's first look at it, and has no history any more at the second.
  await db.query(`select pg_advisory_lock(1936813165, 'acme'::regnamespace::oid::int4)`);
  const result = await up(await p.config(), {
    select: all,
    onEvent: (event) => {
      if (event.type === 'retrying') {
        void db.query(
          `alter table if exists acme.schema_migrations rename to aside; select pg_advisory_unlock_all()`,
        );
      }
    },
  });
  expect(result.schemas[1]?.error).toMatchObject({ code: 'history-missing' });
  expect(await db.query('select count(*)::int as n from acme.hits')).toEqual([{ n: 1 }]);
});

test('a history under another name is not taken for none', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_hits.sql': hits },
  );
  await up(await p.config(), { select: all });
  await db.query('alter table acme.schema_migrations rename to aside');
  for (const command of [['up', '--all'], ['plan'], ['status', '--check'], ['verify']]) {
    const ended = await sqlmig(command, p.dir);
    expect(ended.code).toBe(1);
    expect(ended.stdout + ended.stderr).toMatch(/"aside" records files of this project|history-missing/);
  }
  expect(await db.query('select count(*)::int as n from acme.hits')).toEqual([{ n: 1 }]);
  // A name that was mistyped would run everything again, everywhere.
  const typo = await sqlmig(['up', '--all', '--history-table', 'schema_migration'], p.dir);
  expect(typo).toMatchObject({ code: 1, stderr: expect.stringContaining('history-missing') });
  // Another project's table in the same schemas is none of ours.
  const other = project(
    { url: db.url, tenants: { list: ['acme'] }, historyTable: 'other' },
    { 'sql/tenant/1_else.sql': 'create table elsewhere ()' },
  );
  expect(await up(await other.config(), { select: all })).toMatchObject({ ok: true });
});

test('a row that the history does not keep is never reported as applied', async () => {
  const tenants = Array.from({ length: 80 }, (_, i) => `t${i}`);
  const p = project(
    { url: db.url, tenants: { list: tenants } },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  await up(await p.config(), { select: all });
  await db.query(`create function public.swallow() returns trigger language plpgsql as 'begin return null; end';
    create trigger swallow before insert on t40.schema_migrations for each row execute function public.swallow()`);
  p.write({ 'sql/tenant/2_u.sql': 'create table u ()' });
  const result = await up(await p.config(), { select: all, maxFailures: { count: 5 } });
  expect(result).toMatchObject({ ok: false, failed: 1, applied: 79 });
  expect(result.schemas.find(({ schema }) => schema === 't40')?.error).toMatchObject({
    code: 'history-not-kept',
    state: 'rolled back; t40 is at 1',
  });
  expect(await db.query(`select to_regclass('t40.u') as u`)).toEqual([{ u: null }]);
  // A trigger on UPDATE takes nothing but the duration away.
  await db.query(`drop trigger swallow on t40.schema_migrations;
    create trigger swallow before update on t41.schema_migrations for each row execute function public.swallow()`);
  p.write({ 'sql/tenant/3_v.sql': 'create table v ()' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 80 });
});

test('a row that the history of a new schema does not keep is not reported as applied either', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['fresh'] } },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  await up(await p.config(), { select: { kind: 'public' } });
  await db.query(`create function public.swallow() returns trigger language plpgsql as 'begin return null; end';
    create function public.guarded() returns event_trigger language plpgsql as $$ declare t record; begin
      for t in select objid::regclass as name from pg_event_trigger_ddl_commands() where object_type = 'table' loop
        execute format('create trigger swallow before insert on %s for each row execute function public.swallow()', t.name);
      end loop; end $$;
    create event trigger guarded on ddl_command_end when tag in ('CREATE TABLE') execute function public.guarded()`);
  const { ok, schemas } = await up(await p.config(), { select: all });
  expect(ok).toBe(false);
  expect(schemas.find(({ schema }) => schema === 'fresh')?.error).toMatchObject({ code: 'history-not-kept' });
  expect(await db.query(`select to_regclass('fresh.t') as t`)).toEqual([{ t: null }]);
  await db.query('drop event trigger guarded');
});

test('a copied digest is not believed: it names the table that it is of', async () => {
  // Few histories are read without a look at digests.
  const others = Array.from({ length: 12 }, (_, i) => `o${i}`);
  const p = project(
    { url: db.url, tenants: { list: ['acme', ...others] }, digest: true },
    { 'sql/tenant/1_t.sql': 'create table t (); insert into t default values' },
  );
  await up(await p.config(), { select: all });
  const [kept] = await db.query(`select obj_description('acme.schema_migrations'::regclass) as text`);
  expect(kept?.text).toMatch(/^sqlmig digest/);
  // As pg_dump -s and psql do it: structure, trigger and comment, and no row.
  await db.query(`create schema clone; create table clone.schema_migrations (like acme.schema_migrations including all);
    create trigger sqlmig_digest after insert or update or delete or truncate on clone.schema_migrations
      for each statement execute function public.sqlmig_forget_digest();
    alter table clone.schema_migrations enable always trigger sqlmig_digest;
    create table clone.t (); comment on table clone.schema_migrations is '${kept?.text}'`);
  const more = project(
    { url: db.url, tenants: { list: ['acme', ...others, 'clone'] }, digest: true },
    { 'sql/tenant/1_t.sql': 'create table if not exists t (); insert into t default values' },
  );
  const run = await sqlmig(['up', '--all', '--json', '--ignore-changed'], more.dir);
  const { schemas } = JSON.parse(run.stdout) as { schemas: { schema: string; state: string }[] };
  expect(schemas.find(({ schema }) => schema === 'clone')).toMatchObject({ state: 'applied' });
  expect(schemas.find(({ schema }) => schema === 'acme')).toMatchObject({ state: 'up-to-date' });
});
