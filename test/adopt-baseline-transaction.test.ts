import { afterAll, beforeEach, expect, test } from 'vitest';
import { adoptBaseline } from '../src/operations/adopt-baseline.ts';
import { sqlmig } from './setup/cli.ts';
import { emptiedDatabase } from './setup/histories.ts';
import { project, type TestProject } from './setup/project.ts';

const { db } = await emptiedDatabase();
const role = `sqlmig_test_plain_${process.pid}`;
const url = Object.assign(new URL(db.url), { username: role, password: 'x' }).href;
const tenants = ['acme', 'we"ird Ü'];
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

await db.query(
  `create role ${role} login password 'x' nosuperuser nocreatedb;
  do $$ begin execute format('grant create on database %I to ${role}', current_database()); end $$`,
);
beforeEach(() => db.query(`alter schema public owner to ${role}; create extension citext schema public`));
afterAll(async () => {
  const schemas = ['public', ...tenants].map((name) => `drop schema if exists ${quoted(name)} cascade;`);
  await db.query(`${schemas.join('')} drop owned by ${role}; drop role ${role}`);
});

const files = {
  'sql/public/0001_plans.sql': `create table plans (id int primary key, name citext not null);
    create function shout(text) returns text language sql immutable as 'select upper($1)';
    grant select on plans to public;`,
  'sql/tenant/0001_users.sql': `create table users (id bigserial primary key, email public.citext, plan int references public.plans);
    create view mine as select shout(email::text) from users;`,
  'sql/tenant/0002_color.sql': `create type color as enum ('red'); alter type color add value 'green'; alter table users add color color;`,
  'sql/tenant/0003_index.sql': 'create index concurrently users_plan on users (plan); vacuum users;',
  'sql/tenant/0004_phone.sql': `drop view if exists nothing; alter table users add phone text; insert into users (email) values ('a'); select setval('users_id_seq', 7);`,
  'sql/tenant/0005_own.sql': `select setval(pg_get_serial_sequence('users', 'id'), 8); create sequence own;
    create table numbered (id bigint default nextval('own'::regclass)); insert into numbered default values;
    create function named(t text) returns void language plpgsql set search_path = public as $f$ begin execute format('select nextval(%L)', t); end $f$;
    do $$ begin execute 'create table made (id int)'; end $$;`,
  'sql/tenant/R__red.sql': `create or replace view red as select id, email from users where email like 'red%';`,
};

async function build(own: Record<string, string> = files): Promise<TestProject> {
  const schemas = [...tenants, 'public'].map(
    (name) => `drop table if exists ${quoted(name)}.schema_migrations;`,
  );
  const p = project({ url, tenants: { list: tenants }, vars: { plans: 'Plans', role } }, own);
  expect(await sqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0 });
  await db.query(schemas.join(''));
  return p;
}

async function adopt(p: TestProject) {
  return adoptBaseline(await p.config(), {
    version: '9',
    select: { kind: 'all', except: [] },
    accept: () => true,
  });
}

const nine = { 'sql/tenant/0009_last.sql': 'create table last ()' };

test('a role that may not create a database compares in a transaction that is rolled back', async () => {
  const p = await build({ ...files, ...nine });
  const before = await state();
  await db.query('alter table acme.users alter phone type varchar(9)');
  expect(await adopt(p)).toMatchObject({
    accepted: false,
    replayedIn: 'transaction',
    replayError: null,
    differences: [
      { schemas: ['acme'], object: 'users.phone', expected: 'text', actual: 'character varying(9)' },
    ],
  });
  await db.query('alter table acme.users alter phone type text');
  const { code, stdout, stderr } = await sqlmig(['adopt', '--baseline', '9', '--all', '--yes'], p.dir);
  expect(stderr).not.toContain('NOTICE');
  expect(stdout).toContain('replayed in a transaction that was rolled back');
  expect({ code, stdout }).toMatchObject({ code: 0 });
  expect(stdout).toContain('adopted  3 schemas');
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(await state()).toEqual(before);
});

test('the transaction runs files with the values of their placeholders', async () => {
  const p = await build({
    'sql/public/0001_plans.sql': "create table {{plans}} (id int primary key, at text default {{'plans'}})",
    'sql/tenant/0001_users.sql':
      'create table {{tenant}}.users (id int references {{plans}}, n text default {{\'plans\'}}); grant select on users to "{{role}}"',
    'sql/tenant/0009_index.sql': 'create index concurrently users_{{plans}} on users (id)',
  });
  expect(await adopt(p)).toMatchObject({
    accepted: true,
    replayedIn: 'transaction',
    replayError: null,
    differences: [],
  });
});

const state = () =>
  db.query(`select (select json_agg(nspname order by nspname) from pg_namespace where nspname !~ '^pg_(temp|toast_temp)') as schemas,
    (select last_value from acme.users_id_seq) as sequence, (select count(*) from acme.users) as users`);

test.each([
  ['begin; create table t (); commit;', 'has transaction control'],
  ['create procedure p() language sql as $$ select 1 $$; call p();', 'has CALL of a procedure'],
  ['do $$ begin commit; end $$;', 'has a DO block that may commit'],
  ['drop table if exists stray; create table stray ();', 'uses stray before the files create it'],
  ['create table t (id int); alter table stray add x int;', 'uses stray before the files create it'],
  [`create table t (); select setval('stray_id_seq', 3);`, 'uses stray_id_seq before the files create it'],
  ['create table t (); do $$ begin perform 1 from stray; end $$;', 'uses stray before the files create it'],
  ['alter table public.stray add x int;', 'names schema public'],
  [
    'create function f() returns int language sql as $$ select count(*)::int from other.things $$;',
    'names schema other',
  ],
  [`select set_config('search_path', 'other, x', false);`, 'sets search_path'],
  ["select setval(oid::regclass, 9) from pg_class where relkind = 'S';", 'computes the name of a sequence'],
  ["select nextval(('ot' || 'her.stray_id_seq')::regclass);", 'computes the name of a sequence'],
  ["do $$ begin execute 'drop table oth' || 'er.things'; end $$;", 'runs SQL that it computes'],
  [
    "create function f(s regclass) returns bigint language sql as 'select nextval(s)'; select f(oid) from pg_class where relkind = 'S';",
    'calls f, which computes the name of a sequence',
  ],
  [
    "create function f() returns bigint language sql set search_path = other as 'select count(*) from things'; select f();",
    'calls f, which sets search_path',
  ],
  [
    "create table t (id int default nextval('stray_id_seq'));",
    'uses stray_id_seq before the files create it',
  ],
  ['select bump();', 'uses bump before the files create it'],
  ['create table t (m mood);', 'uses mood before the files create it'],
  ["create extension dblink; select dblink_exec('host=other', 'drop table t');", 'calls dblink'],
  ['reassign owned by current_user to current_user;', 'changes all objects of a role'],
])('%s needs a database of its own', async (sql, why) => {
  await db.query(
    'create table public.stray (id serial); create type public.mood as enum (); create function public.bump() returns int language sql return 1; create schema other; create table other.things (id int)',
  );
  try {
    const own = { 'sql/public/0001_first.sql': 'create table kept ()', 'sql/tenant/0009_it.sql': sql };
    const p = project({ url, tenants: { list: tenants } }, own);
    await db.query(
      'create table if not exists public.kept (); create schema if not exists acme; create table if not exists acme.t ()',
    );
    await db.query(
      `create schema if not exists "we""ird Ü"; create table if not exists "we""ird Ü".t (); drop table if exists acme.schema_migrations, public.schema_migrations, "we""ird Ü".schema_migrations`,
    );
    await expect(adopt(p)).rejects.toMatchObject({
      code: 'server-refused',
      message: expect.stringContaining(`sql/tenant/0009_it.sql:1 ${why}`),
      details: { hint: `have a superuser run: ALTER ROLE "${role}" CREATEDB;` },
    });
  } finally {
    await db.query(
      'drop table public.stray; drop type public.mood; drop function public.bump; drop schema other cascade',
    );
  }
});
