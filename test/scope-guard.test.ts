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
const shared = `create table cron_jobs (id int primary key, name text check (name <> ''));
create index cron_jobs_name on cron_jobs (name);
create function f() returns int language sql as 'select 1';
create type mood as enum ('good');
create view jobs as select id from cron_jobs;`;
const shape = `select string_agg(d, ',' order by d) as d from (
  select pg_describe_object(classid, objid, 0) as d from pg_depend where refobjid = 'public'::regnamespace and refclassid = 'pg_namespace'::regclass
  union all select attname from pg_attribute where attrelid = to_regclass('public.cron_jobs') and attnum > 0 and not attisdropped
  union all select indexrelid::regclass::text from pg_index where indrelid = to_regclass('public.cron_jobs')
  union all select prosrc from pg_proc where pronamespace = 'public'::regnamespace) x`;

test.for([
  ['drops table public.cron_jobs', 'drop table if exists cron_jobs cascade;', 2],
  ['changes table public.cron_jobs', 'alter table cron_jobs add column tenant text;', 2],
  [
    'changes function public.f()',
    `create or replace function public.f() returns int language sql as 'select 2';`,
    2,
  ],
  ['changes function public.f()', 'alter function f() stable;', 2],
  ['drops function public.f()', 'drop function if exists f();', 2],
  ['changes type public.mood', `alter type mood add value 'bad';`, 2],
  ['changes table public.cron_jobs', 'drop index cron_jobs_name;', undefined],
  ['changes table public.cron_jobs', 'create index on cron_jobs (id, name);', 2],
  [
    'changes table public.cron_jobs',
    'create trigger t before update on cron_jobs for each row execute function suppress_redundant_updates_trigger();',
    2,
  ],
  [
    'changes view public.jobs',
    'create or replace view public.jobs as select id, 1 as one from cron_jobs;',
    2,
  ],
  ['creates table', 'create table public.mine (id int);', 2],
  ['creates extension citext', `do $$ begin create extension citext schema public; end $$;`, 2],
  ['creates table public.mine', `do $$ begin execute 'create table ' || 'pub' || 'lic.mine ()'; end $$;`, 2],
  ['drops table public.cron_jobs', `do $$ begin execute 'drop table cron' || '_jobs cascade'; end $$;`, 2],
  ['creates table public.mine', 'set search_path = public; create table mine ();', 2],
] as const)('refused, and public untouched: %s by %s', async ([what, text, line]) => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    { 'sql/public/1_shared.sql': shared },
  );
  const config = await p.config();
  await up(config, { select: all });
  const before = await db.query(shape);
  p.write({ 'sql/tenant/1_t.sql': `create table own (id int references public.cron_jobs);\n${text}\n` });
  const run = await up(config, { select: all });
  const failed = run.schemas.find(({ state }) => state === 'failed');
  expect(failed?.error).toMatchObject({ code: 'changes-public', file: 'sql/tenant/1_t.sql' });
  expect(failed?.error?.message).toContain(what);
  expect(failed?.error?.line).toBe(line);
  expect(failed?.error?.state).toMatch(/^rolled back/);
  expect(await db.query(shape)).toEqual(before);
  expect(await db.query(`select count(*)::int as n from pg_class where relname in ('own', 'mine')`)).toEqual([
    { n: 0 },
  ]);
});

test.for([
  'alter function f() stable',
  `create or replace function public.f() returns int language sql as 'select 2'`,
  'drop function f()',
  'create table public.mine ()',
  'drop view jobs',
  'create type public.m as enum ()',
  'alter function f() rename to g',
  'create sequence public.s',
  'create index concurrently on public.cron_jobs (id, name)',
])('alone in its file, without a lock on a table of public: %s', async (text) => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/public/1_shared.sql': shared, 'sql/tenant/1_t.sql': text },
  );
  const run = await up(await p.config(), { select: all });
  expect(run.schemas[1]?.error).toMatchObject({ code: 'changes-public', line: 1 });
  expect(run.schemas[1]?.error?.state).toMatch(/^(rolled back|not touched)/);
});

test('foreign keys to public, data in it, and all that is the tenant’s own are fine', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_shared.sql': shared,
      'sql/tenant/1_fk.sql':
        'create table own (id int references cron_jobs); create table other (id int references cron_jobs, m mood);',
      'sql/tenant/2_data.sql': `insert into cron_jobs values (1, 'a'); insert into own values (1); truncate own; grant select on cron_jobs to public;`,
      'sql/tenant/3_shadow.sql': `create table cron_jobs (id int); alter table cron_jobs add column x int; create index on cron_jobs (x); drop table cron_jobs;
create or replace function f() returns int language sql as 'select 3'; drop function f(); create type mood as enum ('x'); drop type mood;`,
      'sql/tenant/4_drop.sql': 'drop table own; alter table other drop constraint other_id_fkey;',
      'sql/tenant/5_block.sql': `do $$ begin if not exists (select from pg_class where relname = 'x' and relnamespace = current_schema()::regnamespace) then create table x (); end if; end $$;`,
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 2 });
});

test('-- sqlmig: allow-public lifts it for its file', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    {
      'sql/public/1_shared.sql': shared,
      'sql/tenant/1_t.sql':
        '-- moves the jobs away\n-- sqlmig: allow-public\ndrop table if exists public.cron_jobs cascade;',
      'sql/tenant/2_t.sql': 'create table t ()',
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await db.query(`select to_regclass('public.cron_jobs') as gone`)).toEqual([{ gone: null }]);
});

test('somebody else who changes public meanwhile is not blamed on a file', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_shared.sql': shared,
      'sql/tenant/1_slow.sql': 'create table t (); select pg_sleep(1)',
    },
  );
  const run = up(await p.config(), { select: all });
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
  await db.query('create table by_hand ()');
  expect(await run).toMatchObject({ ok: true });
  expect(await db.history('acme')).toEqual({ 1: 1 });
});

test('a non-transactional file: what would fall through is refused before it runs, the rest right after', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_shared.sql': shared,
      'sql/tenant/1_t.sql': 'create table t (id int)',
      'sql/tenant/2_i.sql':
        'create index concurrently on t (id);\n create index concurrently on cron_jobs (id, name);',
    },
  );
  const config = await p.config();
  const before = up(config, { select: all });
  expect((await before).schemas[1]?.error).toMatchObject({
    code: 'changes-public',
    line: 2,
    column: 2,
    statement: 2,
    statements: 2,
  });
  expect(
    await db.query(`select count(*)::int as n from pg_index where indrelid = 'cron_jobs'::regclass`),
  ).toEqual([{ n: 2 }]);
  await db.query('drop schema acme cascade');
  p.write({
    'sql/tenant/2_i.sql': '-- sqlmig: no-transaction\ndo $$ begin create table public.mine (); end $$',
  });
  expect((await up(config, { select: all })).schemas[1]?.error).toMatchObject({
    code: 'changes-public',
    state: 'statement 1 cannot be rolled back, and the migration is marked as incomplete; acme is at 1',
  });
});

test('searchPath keeps public out; --rehearse finds what would be refused', async () => {
  const files = {
    'sql/public/1_shared.sql': shared,
    'sql/tenant/1_drop.sql': 'drop table if exists cron_jobs cascade;',
  };
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  const rehearsal = await sqlmig(['up', '--all', '--rehearse'], p.dir);
  expect(rehearsal.code).toBe(1);
  expect(rehearsal.stderr).toContain('error[changes-public]');
  expect(rehearsal.stderr).toContain('sql/tenant/1_drop.sql:1:1');
  const out = project({ url: db.url, tenants: { list: ['acme'] }, searchPath: ['tenant'] }, files);
  expect(await up(await out.config(), { select: all })).toMatchObject({ ok: true });
  expect(await db.query(`select to_regclass('public.cron_jobs') is not null as there`)).toEqual([
    { there: true },
  ]);
  out.write({ 'sql/tenant/2_path.sql': `create table seen as select current_setting('search_path') as p` });
  await up(await out.config(), { select: all });
  expect(await db.query('select p from acme.seen')).toEqual([{ p: 'acme' }]);
});
