import { readFileSync } from 'node:fs';
import postgres from 'postgres';
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { adopt } from '../src/operations/adopt.ts';
import { type AdoptPublicOptions, adoptPublic, type PublicMove } from '../src/operations/adopt-public.ts';
import { createTenant } from '../src/operations/create-tenant.ts';
import { up } from '../src/operations/up.ts';
import { verify } from '../src/operations/verify.ts';
import type { Config } from '../src/project/config.ts';
import { everySchema } from '../src/project/selection.ts';
import { lockObjects } from '../src/protocol/keys.ts';
import { sqlmig, start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type Rows, type TestDatabase } from './setup/database.ts';
import { holdLock } from './setup/gate.ts';
import { project } from './setup/project.ts';

const everyKind = readFileSync(new URL('./fixtures/every-kind.sql', import.meta.url), 'utf8');

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
beforeEach(async () => {
  const schemas = await db.query(
    `select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'`,
  );
  for (const { nspname } of schemas) await db.query(`drop schema ${quoted(String(nspname))} cascade`);
  await db.query(
    `create schema public; grant usage on schema public to public; comment on schema public is 'standard public schema'`,
  );
});

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Number of rows and checksum of every table, by name. */
async function contents(schema: string): Promise<Record<string, string>> {
  const tables = await db.query(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = '${schema.replaceAll("'", "''")}' and c.relkind in ('r', 'p', 'm', 'v') and c.relname <> 'schema_migrations'`,
  );
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await db.query(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as sum from ${quoted(schema)}.${quoted(String(name))} t`,
    );
    found[String(name)] = String(row?.sum);
  }
  return found;
}

/** Objects of a schema by kind, but those of extensions. */
function objects(schema: string): Promise<Rows> {
  return db.query(`select i.type, count(*)::int as n from pg_depend d cross join lateral pg_identify_object(d.classid, d.objid, 0) i
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = '${schema}'::regnamespace and d.deptype = 'n' and i.type not in ('default acl', 'extension')
    and not exists (select from pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e') group by 1 order by 1`);
}

const adoptArgs = ['adopt', '--public-as', 'acme', '--keep', 'plans,countries', '--json'];
const allYes = [...adoptArgs, '--yes'];

test.for(['rename', 'move'])('every kind of object goes by way of a %s', async (way) => {
  await db.query(everyKind);
  // This extension cannot be moved to the new public.
  if (way === 'move') await db.query('create extension xml2');
  const p = project({ url: db.url, tenants: { list: ['acme'] } });
  const before = await contents('public');
  const rehearsed = await sqlmig([...adoptArgs, '--rehearse'], p.dir);
  expect(rehearsed).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(rehearsed.stdout)).toMatchObject({ ok: true, way, moved: null, rehearsal: { way } });
  expect(await contents('public')).toEqual(before);
  const kinds = await objects('public');

  const { code, stdout } = await sqlmig(allYes, p.dir);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, way, moved: { tries: 1 } });
  expect(code).toBe(0);
  const kept = await contents('public');
  expect(Object.keys(kept).sort()).toEqual(['countries', 'plans']);
  expect({ ...(await contents('acme')), ...kept }).toEqual(before);
  const sum = (rows: Rows) => rows.reduce((total, { n }) => total + Number(n), 0);
  expect(sum(await objects('acme')) + sum(await objects('public'))).toBe(sum(kinds));

  await db.query(`set local search_path = acme, public;
    insert into users (email, plan, country, place) values ('new@example.org', 2, 'de', row(1, 'b')::pair);
    insert into tickets (owner, title) select id, 'first' from users where email = 'new@example.org';
    insert into events (at, what) values ('2024-02-02', 'x'), ('2030-01-01', 'y');
    call add_user('called@example.org'); refresh materialized view concurrently ticket_counts`);
  expect(
    await db
      .query(`set local search_path = acme, public; select u.id, u.touched is not null as stamped, t.number >= 1100 as numbered, user_count() as n, atomic_count() as m,
      1 === 1 as same, (select total(age) from users) as total, 'x'::mood is null as mood from users u join tickets t on t.owner = u.id where u.email = 'NEW@example.org'`)
      .catch((error) => [{ error: String(error) }]),
  ).toMatchObject([{ error: expect.stringContaining('invalid input value for enum mood: "x"') }]);
  expect(
    await db.query(`set local search_path = acme, public; select u.id::int, u.touched is not null as stamped, t.number >= 1100 as numbered, user_count()::int as n, atomic_count()::int as m,
      1 === 1 as same, (select total(age)::int from users) as total from users u join tickets t on t.owner = u.id where u.email = 'NEW@example.org'`),
  ).toEqual([{ id: 101, stamped: true, numbered: true, n: 102, m: 102, same: true, total: 5050 }]);
  for (const wrong of [
    'insert into acme.users (email, plan) values (1, 9)',
    "insert into acme.users (email, age) values ('x', -1)",
    "insert into acme.users (email) values ('U1@example.org')",
  ])
    await expect(db.query(`set local search_path = acme, public; ${wrong}`)).rejects.toThrow(
      /violates|duplicate/,
    );
});

const files = {
  'sql/public/001_plans.sql':
    'create table plans (id int primary key, name text);\ncreate table countries (code text primary key);',
  'sql/tenant/002_users.sql':
    'create table users (id bigint generated always as identity primary key, email text unique, plan int references plans);\ncreate index on users (plan);',
  'sql/tenant/003_tickets.sql':
    'create table tickets (id serial primary key, owner bigint references users);\ncreate view open_tickets as select * from tickets;',
};
const sqlOf = Object.values(files);

/** What `tenant create` must make equal: columns, keys, indexes, views, without the name of the schema. */
function structureOf(schema: string): Promise<Rows> {
  return db
    .query(`select line from (
    select table_name || '.' || column_name || ' ' || data_type || ' ' || coalesce(column_default, '') as line from information_schema.columns where table_schema = '${schema}'
    union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = '${schema}'::regnamespace and contype <> 'n'
    union all select indexdef from pg_indexes where schemaname = '${schema}') x order by line`)
    .then((rows) => rows.map(({ line }) => ({ line: String(line).replaceAll(`${schema}.`, '') })));
}

async function expectInOrder(config: Config): Promise<void> {
  expect(await verify(config, { select: everySchema })).toMatchObject({ ok: true });
  const { ok, schemas } = await up(config, { select: everySchema });
  expect([ok, schemas.flatMap(({ migrations }) => migrations)]).toEqual([true, []]);
  expect(await createTenant(config, { name: 'globex' })).toMatchObject({ state: 'applied' });
  expect(await structureOf('globex')).toEqual(await structureOf('acme'));
}

const keep = ['plans', 'countries'];

/** Moves public to acme, asking nobody. */
function adopting(config: Config, options: Partial<AdoptPublicOptions> = {}) {
  return adoptPublic(config, { as: 'acme', accept: () => true, ...options });
}

test("sqlmig's own history is divided with the files", async () => {
  const asPublic = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path.replace('tenant', 'public'), text]),
  );
  const before = project({ url: db.url }, asPublic);
  const whole = { ...(await before.config()), digest: true };
  expect(await up(whole, { select: { kind: 'public' } })).toMatchObject({ ok: true });
  const times = await db.query('select version::int, applied_at::text from schema_migrations order by 1');
  await db.query("insert into plans values (1, 'free'); insert into users (email, plan) values ('a', 1)");
  const p = project({ url: db.url }, files);
  const config = { ...(await p.config()), digest: true };
  expect(await adopting(config, { keep })).toMatchObject({
    accepted: true,
    ownHistory: { moved: 2, stays: 1 },
  });
  expect(
    await db.query(`select version::int, applied_at::text from acme.schema_migrations where scope = 'tenant' union all
      select version::int, applied_at::text from schema_migrations where scope = 'public' order by 1`),
  ).toEqual(times);
  await expectInOrder(await p.config());
});

test.for([
  [
    'Ecto',
    'create table schema_migrations (version bigint primary key, inserted_at timestamp(0)); insert into schema_migrations values (1, now()), (2, now()), (3, now())',
    'schema_migrations_ecto',
  ],
  [
    'node-pg-migrate',
    "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null); insert into pgmigrations (name, run_on) values ('001_plans', now()), ('002_users', now()), ('003_tickets', now())",
    'pgmigrations',
  ],
] as const)('the history of %s is imported for public and the tenant', async ([, table, name]) => {
  await db.query(sqlOf.join('\n'));
  await db.query(table);
  const p = project({ url: db.url }, files);
  const { code, stdout, stderr } = await sqlmig(
    ['adopt', '--public-as', 'acme', '--keep', 'plans', '--keep', 'countries', '--yes'],
    p.dir,
  );
  expect([code, stdout + stderr]).toEqual([0, expect.stringContaining('adopted  acme')]);
  expect(await db.history('public')).toEqual({ 1: 1 });
  expect(await db.history('acme')).toEqual({ 2: 1, 3: 1 });
  expect(await db.query(`select to_regclass('public.${name}') is not null as there`)).toEqual([
    { there: true },
  ]);
  if (name === 'pgmigrations')
    await expect(db.query("insert into pgmigrations (name, run_on) values ('x', now())")).rejects.toThrow(
      'taken over',
    );
  await expectInOrder(await p.config());
});

test('a history that was imported before the move prevents it, and the hint says how to undo that', async () => {
  await db.query(sqlOf.join('\n'));
  await db.query(
    "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null); insert into pgmigrations (name, run_on) values ('001_plans', now()), ('002_users', now()), ('003_tickets', now())",
  );
  const p = project({ url: db.url, tenants: { list: ['acme', 'globex'] } }, files);
  const before = await sqlmig(['adopt'], p.dir);
  expect(before.stdout).toContain('note: do not import the history first, because the move imports it\n');
  const early = await sqlmig(['adopt', '--history', '--all', '--yes'], p.dir);
  expect([early.code, early.stdout]).toEqual([0, expect.stringContaining('adopted  1 schema: public\n')]);
  expect((await sqlmig(['adopt'], p.dir)).stdout).not.toContain('note: do not import');
  const move = ['adopt', '--public-as', 'acme', '--keep', 'plans,countries', '--yes'];
  const refused = await sqlmig(move, p.dir);
  expect([refused.code, refused.stdout]).toEqual([
    1,
    expect.stringContaining('drop the function sqlmig_taken_over with CASCADE'),
  ]);
  await db.query('drop table schema_migrations; drop function sqlmig_taken_over cascade');
  expect(await sqlmig(move, p.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('adopted  acme'),
  });
  expect(await db.history('acme')).toEqual({ 2: 1, 3: 1 });
  expect(await verify(await p.config(), { select: everySchema })).toMatchObject({ ok: true });
});

test.for([
  ['a schema of that name', 'create schema acme', {}, /"acme" already exists/],
  [
    'a name to keep that is not there',
    '',
    { keep: ['planets'] },
    /--keep names "planets", which does not exist in the schema/,
  ],
  [
    'a foreign key to what would move',
    '',
    { keep: ['tickets'] },
    /table tickets stays, but refers to users, which would move, with its foreign key tickets_owner_fkey/,
  ],
  [
    'a view that needs what would move',
    '',
    { keep: ['open_tickets'] },
    /view open_tickets stays, but needs table tickets/,
  ],
  [
    'files of public that make what would move',
    '',
    { keep: ['plans'] },
    /the files of public create countries, which would move/,
  ],
  [
    'files of tenants that make what would stay',
    '',
    { keep: ['plans', 'countries', 'tickets', 'users'] },
    /tenant files create tickets, users, which would stay/,
  ],
  [
    'a file without a row',
    "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null); insert into pgmigrations (name, run_on) values ('001_plans', now()), ('003_tickets', now())",
    {},
    /not applied, although later files are/,
  ],
] as const)('%s is refused', async ([, sql, options, message]) => {
  await db.query(sqlOf.join('\n'));
  await db.query(sql || 'select');
  const p = project({ url: db.url }, files);
  const before = await objects('public');
  const result = await adopting(await p.config(), { keep: ['plans', 'countries'], ...(options as object) });
  expect(result.obstacles).toContainEqual({
    message: expect.stringMatching(message),
    hint: expect.any(String),
  });
  expect(result).toMatchObject({ accepted: false, moved: null });
  expect(await objects('public')).toEqual(before);
});

test('what names public is refused, each with a cure', async () => {
  const returns = 'returns void language plpgsql';
  const cases = [
    [
      "create function a() returns bigint language sql as 'select count(*) from public.users'",
      /function public.a\(\) names public: line 1: select count/,
    ],
    [
      `create function b() ${returns} as $$\ndeclare u "public"."users"%rowtype;\nbegin end $$`,
      /function public.b\(\) names public: line 2: declare u "public"/,
    ],
    [
      `create function c() ${returns} as $$ begin execute 'delete from public.users'; end $$`,
      /function public.c\(\) names public in a string: line 1/,
    ],
    [
      `create function d(t text) ${returns} as $$ begin execute 'delete from public.' || t; end $$`,
      /function public.d\(text\) names public in a string/,
    ],
    [
      "create view v as select to_regclass('public.users') as there, 'tickets'::regclass as resolved",
      /view public.v looks up 'public.users' by name/,
    ],
    [
      "create table late (n bigint default nextval('public.tickets_id_seq'::text))",
      /default of n in table public.late looks/,
    ],
    [
      "create function e() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on users for each row execute function e('public.users')",
      /trigger t of table public.users looks/,
    ],
    [
      "create policy p on users using (to_regclass('public.tickets') is not null)",
      /policy p of table public.users looks/,
    ],
    [
      "alter table users add check (to_regclass('public.tickets') is not null)",
      /constraint users_check of table public.users looks/,
    ],
    [
      "create domain numbered as bigint default nextval('public.tickets_id_seq'::text)",
      /default of domain public.numbered looks up 'public.tickets_id_seq' by name/,
    ],
    [
      "create function defaulting(t text default 'public.users') returns text language sql as 'select t'",
      /function public.defaulting\(text\) looks/,
    ],
    [
      "create function parsed() returns regclass begin atomic select to_regclass('public.users'); end",
      /function public.parsed\(\) looks/,
    ],
    [
      "create function set_up() returns int language sql set app.target = 'public.users' as 'select 1'",
      /setting app.target of function public.set_up\(\) looks/,
    ],
    [
      `alter database ${db.name} set app.target = 'public.users'`,
      new RegExp(`setting app.target of database ${db.name} looks`),
    ],
  ] as const;
  await db.query([...sqlOf, ...cases.map(([sql]) => sql)].join(';\n'));
  // None of these names what would move.
  await db.query(
    `create function fine() ${returns} as $$ begin perform 1 from public.plans; /* public.users */ end $$;
     create function noted() returns bigint language sql as $$ select count(*) from pg_tables where schemaname = 'public' $$;
     create function path() ${returns} as $$ begin\nset local search_path = public, pg_temp; end $$`,
  );
  const { obstacles, notes } = await adopting(await project({ url: db.url }, files).config(), {
    keep: ['plans', 'countries'],
  });
  await db.query(`alter database ${db.name} reset app.target`);
  for (const [, message] of cases)
    expect(obstacles).toContainEqual({ message: expect.stringMatching(message), hint: expect.any(String) });
  expect(obstacles).toHaveLength(cases.length);
  expect(notes).toEqual([
    expect.stringContaining('function public.noted() contains the name public in a string'),
    expect.stringContaining(
      'function public.path() sets a search_path with public itself (line 2: set local',
    ),
  ]);
});

test('jobs, recorded statements, foreign tables and the current schema are looked at', async () => {
  const server = await ownServer({ shared_preload_libraries: 'pg_stat_statements' });
  // pg_cron cannot be installed here; its table is as in its documentation.
  await server.query(`create extension pg_stat_statements schema public; create extension postgres_fdw;
    create table orders (id int); create table kept (id int);
    create schema cron; create table cron.job (jobid bigint primary key, schedule text, command text not null, nodename text,
      nodeport int, database text, username text, active boolean, jobname text);
    insert into cron.job values (7, '* * * * *', E'select 1;\\ndelete from public.orders', '', 0, current_database(), 'app', true, 'nightly'),
      (8, '* * * * *', 'delete from "public"."orders"', '', 0, current_database(), 'app', false, null),
      (9, '* * * * *', 'delete from public.orders', '', 0, 'another', 'app', true, null),
      (10, '* * * * *', 'delete from public.kept; delete from orders', '', 0, current_database(), 'app', true, null);
    create server here foreign data wrapper postgres_fdw options (host 'localhost', dbname 'postgres');
    create server away foreign data wrapper postgres_fdw options (host 'localhost', dbname 'another');
    create schema fdw; create foreign table fdw.orders (id int) server here options (schema_name 'public');
    create foreign table fdw.others (id int) server away options (schema_name 'public', table_name 'orders');
    create function whose() returns text language plpgsql as 'begin\n return current_schema();\nend';
    create function mute() returns text language sql as $$ select 'current_schema' $$;
    create view place as select current_schema as it`);
  await server.query('select count(*) from public.orders');
  await server.query('select count(*) from public.kept');
  const p = project({ url: server.url, tenants: { list: ['acme'] } });
  const look = async () => {
    const { stdout } = await sqlmig(
      ['adopt', '--public-as', 'acme', '--keep', 'kept', '--json', '--rehearse'],
      p.dir,
    );
    return JSON.parse(stdout) as PublicMove;
  };
  const found = await look();
  expect(found.obstacles).toEqual([
    {
      message: 'pg_cron job 7 (nightly) of app names public: line 2: delete from public.orders',
      hint: 'select cron.alter_job(7, command := …) without "public.", and let app search acme, public',
    },
  ]);
  expect(found.notes).toEqual([
    'function public.whose() asks for the current schema, which will be acme (line 2: return current_schema();)',
    'view public.place asks for the current schema, which will be acme',
    'pg_cron job 8 of app names public: line 1: delete from "public"."orders"; it is not active',
    expect.stringMatching(
      /^pg_stat_statements has 1 statement that names public before what moves, and would fail: select count\(\*\) from public.orders \(\w+, 1 call\); remove "public." from it$/,
    ),
    `foreign table fdw.orders reads schema public by name; if server here is this database, run after the move: alter foreign table fdw.orders options (set schema_name 'acme')`,
  ]);
  await server.query('update cron.job set active = false');
  expect(await look()).toMatchObject({ obstacles: [], rehearsal: { way: 'rename' } });
  await server.query('drop table cron.job; create view cron.job as select 1 as strange');
  expect(await look()).toMatchObject({ obstacles: [] });
});

test('a tenant that the source cannot list is refused', async () => {
  await db.query(sqlOf.join('\n'));
  for (const [tenants, hint] of [
    [{ list: ['globex'] }, 'add it to the list'],
    [{ pattern: 'tenant_%' }, 'choose a name that matches the pattern'],
  ] as const) {
    const p = project({ url: db.url, tenants }, files);
    const { obstacles } = await adopting(await p.config(), { keep: ['plans', 'countries'] });
    expect(obstacles).toMatchObject([{ hint }]);
  }
  await db.query('create table customers (name text)');
  const query = { query: 'select name from customers' };
  const keep = ['plans', 'countries'];
  const at = async (tenants: object, keeping: string[]) => {
    const { error } = await adopting(await project({ url: db.url, tenants }, files).config(), {
      keep: keeping,
    });
    return error;
  };
  expect(await at(query, keep)).toMatchObject({ code: 'tenants-query-failed' });
  expect(await at(query, [...keep, 'customers'])).toMatchObject({ code: 'unlisted-tenant' });
  const register = 'insert into customers values ($1)';
  expect(await at({ ...query, register }, [...keep, 'customers'])).toBeUndefined();
  expect(await db.query('select * from public.customers')).toEqual([{ name: 'acme' }]);
});

/** An application whose clients look in acme first, from before there is one. Returns how many statements failed. */
function load(clients: number) {
  const url = new URL(db.url);
  let stopped = false;
  let done = 0;
  const failed: unknown[] = [];
  const client = async (i: number) => {
    const sql = postgres(url.href, {
      max: 1,
      onnotice: () => {},
      connection: { search_path: 'acme, public' },
    });
    while (!stopped) {
      try {
        await sql.begin(async (own) => {
          const [user] =
            await own`insert into users (email, plan) values (${`${i} ${done}`}, 1) returning id`;
          await own`insert into tickets (owner) values (${user?.id})`;
          await own`select count(*) from open_tickets join users on users.id = owner join plans on plans.id = plan`;
          await own`update users set email = email || ' x' where id = ${user?.id}`;
        });
        done += 1;
      } catch (error) {
        failed.push(error);
      }
    }
    await sql.end();
  };
  const running = Array.from({ length: clients }, (_, i) => client(i));
  const stop = async () => {
    stopped = true;
    await Promise.all(running);
    return failed;
  };
  // A test that fails must not leave it to the next one.
  onTestFinished(async () => void (await stop()));
  return { done: () => done, stop };
}

test.for(['rename', 'move'])('an application notices nothing of a %s', async (way) => {
  await db.query(`${sqlOf.join('\n')}; insert into plans values (1, 'free')`);
  if (way === 'move') await db.query('create extension xml2');
  const config = await project({ url: db.url }, files).config();
  const app = load(3);
  await expect.poll(app.done).toBeGreaterThan(10);
  const result = await adopting(config, { keep: ['plans', 'countries'] });
  const before = app.done();
  await expect.poll(app.done).toBeGreaterThan(before + 10);
  expect(await app.stop()).toEqual([]);
  expect(result).toMatchObject({ accepted: true, way, moved: { way } });
  expect(await db.query('select count(*)::int as n from acme.tickets')).toEqual([{ n: app.done() }]);
});

test.for(['rename', 'move'])('killed in the middle of a %s, it leaves everything as it was', async (way) => {
  await db.query(`${sqlOf.join('\n')}; insert into plans values (1, 'free')`);
  if (way === 'move') await db.query('create extension xml2');
  const before = await objects('public');
  const p = project({ url: db.url }, files);
  // The first CREATE SCHEMA is that of the rehearsal.
  await db.query(`create schema gates; create sequence gates.passed;
    create function gates.wait() returns event_trigger language plpgsql as $$ begin
      if nextval('gates.passed') > 1 then loop perform pg_sleep(0.02); end loop; end if; end $$;
    create event trigger gate on ddl_command_end when tag in ('CREATE SCHEMA') execute function gates.wait()`);
  const running = start(['adopt', '--public-as', 'acme', '--keep', 'plans,countries', '--yes'], p.dir);
  const waiting = `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
  await expect.poll(() => db.query(waiting)).toEqual([{ n: 1 }]);
  running.process.kill('SIGKILL');
  await running.ended;
  await expect.poll(() => db.leftovers()).toEqual([]);
  await db.query('drop event trigger gate; drop schema gates cascade');
  expect(await objects('public')).toEqual(before);
  expect(await db.query("select to_regnamespace('acme') as acme")).toEqual([{ acme: null }]);
  expect(await adopting(await p.config(), { keep: ['plans', 'countries'] })).toMatchObject({
    moved: { way },
  });
});

test('function bodies are rewritten, and their search_path, in the same transaction', async () => {
  await db.query(`${sqlOf.join('\n')}; insert into plans values (1, 'free');
    create function total() returns bigint language sql as 'select count(*) from public.users -- public.users';
    create schema audit;
    create table audit.log (what text);
    create function audit.note() returns trigger language plpgsql security definer set search_path = '' as $$
    declare u public.users%rowtype; p "public" . plans;
    begin select * into u from public.users where public.users.id = new.owner; select * into p from public.plans limit 1;
      insert into audit.log values (u.email || p.name || ' of users'); return new; end $$;
    create trigger noted after insert on tickets for each row execute function audit.note();
    create function plain() returns bigint language sql set search_path = public, pg_temp as 'select count(*) from users';
    create function untouched() returns bigint language sql as 'select count(*) from public.plans'`);
  const config = await project({ url: db.url }, files).config();
  const asked: PublicMove[] = [];
  const result = await adopting(config, {
    keep,
    rewriteFunctions: true,
    accept: (plan) => asked.push(plan) > 0,
  });
  expect(result).toMatchObject({ obstacles: [], accepted: true, moved: {} });
  expect(asked).toMatchObject([
    {
      rewrites: [{ identity: 'audit.note()' }, { identity: 'public.total()' }],
      paths: [{ identity: 'public.plain()', from: ['public', 'pg_temp'], to: ['acme', 'public', 'pg_temp'] }],
    },
  ]);
  await db.query(
    `set local search_path = acme, public; insert into users (email, plan) values ('a', 1); insert into tickets (owner) values (1)`,
  );
  expect(
    await db.query(
      'select what, acme.total()::int as total, acme.plain()::int as plain, acme.untouched()::int as plans from audit.log',
    ),
  ).toEqual([{ what: 'afree of users', total: 1, plain: 1, plans: 1 }]);
  expect(await db.query("select prosrc from pg_proc where proname = 'total'")).toEqual([
    { prosrc: 'select count(*) from acme.users -- public.users' },
  ]);
});

test('an SQL function that would find nothing is refused', async () => {
  await db.query(`${sqlOf.join('\n')};
    create function f() returns bigint language sql as 'select count(*) from U&"\\0070ublic".users';
    set check_function_bodies = off; create function broken() returns bigint language sql as 'select count(*) from never'; reset check_function_bodies`);
  const config = await project({ url: db.url }, files).config();
  const { error, moved } = await adopting(config, { keep });
  expect(error).toMatchObject({
    code: 'server-refused',
    message: 'function acme.f() would no longer work: relation "public.users" does not exist',
  });
  expect(moved).toBeNull();
  await db.query('drop function f()');
  expect(await adopting(config, { keep })).toMatchObject({ moved: {} });
});

test.for(['rename', 'move'])('what does not follow a %s by itself is done', async (way) => {
  const role = `r_${db.name}`;
  await db.query(`${sqlOf.join('\n')}; insert into plans values (1, 'free'); create role "${role}";
    grant select on users to "${role}"; grant create on schema public to "${role}";
    alter default privileges in schema public grant select on tables to "${role}";
    create publication everything for tables in schema public; create publication one for table users, plans`);
  try {
    if (way === 'move') await db.query('create extension xml2');
    const config = await project({ url: db.url }, files).config();
    expect(await adopting(config, { keep })).toMatchObject({ obstacles: [], way, moved: {} });
    const grants = await db.query(
      `select n.nspname || ' ' || a.privilege_type as privilege from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee where r.rolname = '${role}' order by 1`,
    );
    expect(grants.map(({ privilege }) => privilege)).toEqual(['acme CREATE', 'acme USAGE', 'public CREATE']);
    for (const schema of ['acme', 'public']) {
      await db.query(`create table ${schema}.later (id int)`);
      expect(
        await db.query(`select has_table_privilege('${role}', '${schema}.later', 'SELECT') as may`),
      ).toEqual([{ may: true }]);
      await db.query(`drop table ${schema}.later`);
    }
    const published = await db.query(
      "select pubname || ' ' || schemaname || '.' || tablename as t from pg_publication_tables order by 1",
    );
    expect(published.map(({ t }) => t)).toEqual([
      'everything acme.tickets',
      'everything acme.users',
      'everything public.countries',
      'everything public.plans',
      'one acme.users',
      'one public.plans',
    ]);
    expect(
      await db.query(
        "select obj_description('public'::regnamespace) as public, obj_description('acme'::regnamespace) as acme",
      ),
    ).toEqual([{ public: 'standard public schema', acme: null }]);
  } finally {
    await db.query(
      `drop publication everything; drop publication one; drop owned by "${role}"; drop role "${role}"`,
    );
  }
});

test('a role that is not superuser moves what it owns, and names what it does not', async () => {
  const role = `o_${db.name}`;
  const url = Object.assign(new URL(db.url), { username: role, password: 'secret' }).href;
  await db.query(`create extension citext; create role "${role}" login password 'secret'; grant create on database "${db.name}" to "${role}";
    alter schema public owner to "${role}"; set role "${role}"; ${sqlOf.join('\n')}; insert into plans values (1, 'free'); reset role;
    create table strange (id citext)`);
  try {
    const config = await project({ url }, files).config();
    const refused = await adopting(config, { keep });
    expect(refused).toMatchObject({
      way: 'move',
      whyMove: expect.stringContaining('must be owner of'),
      moved: null,
    });
    expect(refused.obstacles).toMatchObject([
      { message: expect.stringContaining('table strange (postgres)') },
    ]);
    await db.query('drop table strange');
    expect(await adopting(config, { keep })).toMatchObject({ way: 'move', moved: { way: 'move' } });
    const [owner] = await db.query(
      "select nspowner::regrole::text as owner from pg_namespace where nspname = 'acme'",
    );
    expect(owner).toEqual({ owner: role });
    await db.query(`revoke create on database "${db.name}" from "${role}"`);
    expect((await adopting(config, { as: 'other' })).obstacles).toMatchObject([
      { message: 'the role may not create schemas in this database' },
    ]);
  } finally {
    await db.query(
      `drop schema if exists acme cascade; reassign owned by "${role}" to postgres; drop owned by "${role}"; drop role "${role}"`,
    );
  }
});

test.for(['rename', 'move'])('after a %s by a superuser, its owners can use the tenant', async (way) => {
  const own = await freshDatabase();
  const role = `w_${own.name}`;
  const url = Object.assign(new URL(own.url), { username: role, password: 'secret' }).href;
  await own.query(
    `create role "${role}" login password 'secret'; alter database "${own.name}" owner to "${role}"`,
  );
  try {
    const whole = Object.entries(files).map(([path, text]) => [path.replace('tenant', 'public'), text]);
    await up(await project({ url }, Object.fromEntries(whole)).config(), { select: { kind: 'public' } });
    await own.query('grant select on users to public');
    if (way === 'move') await own.query('create extension xml2');
    const config = await project({ url: own.url }, files).config();
    expect(await adopting(config, { keep })).toMatchObject({ obstacles: [], way, moved: {} });
    const later = { ...files, 'sql/tenant/004_later.sql': 'create table later (id int)' };
    expect(
      await up(await project({ url }, later).config(), { select: { kind: 'tenants', names: ['acme'] } }),
    ).toMatchObject({ ok: true });
    // A privilege is dumped if it is not, grantor and all, one that the schema had from the start.
    const dumped = `select a.grantee::regrole::text || ' ' || a.privilege_type as is from pg_namespace n, aclexplode(n.nspacl) a
      where n.nspname = 'acme' and (a.grantor, a.grantee, a.privilege_type) not in (
        select x.grantor, x.grantee, x.privilege_type from pg_init_privs i, aclexplode(i.initprivs) x
        where i.classoid = 'pg_namespace'::regclass and i.objoid = n.oid) order by 1`;
    expect((await own.query(dumped)).map(({ is }) => is)).toEqual([
      '- USAGE',
      `${role} CREATE`,
      `${role} USAGE`,
    ]);
  } finally {
    await own.query(
      `reassign owned by "${role}" to postgres; drop owned by "${role}"; alter database "${own.name}" owner to postgres; drop role "${role}"`,
    );
  }
});

test('functions and types that files of public make are to be kept', async () => {
  const shared =
    "create function stamp() returns trigger language plpgsql as 'begin return new; end'; create type mood as enum ('calm')";
  const more = {
    ...files,
    'sql/public/000_shared.sql': shared,
    'sql/tenant/004_moods.sql':
      'create table moods (mood mood); create trigger t before insert on moods for each row execute function stamp()',
  };
  await db.query([shared, ...sqlOf, more['sql/tenant/004_moods.sql']].join(';'));
  const config = await project({ url: db.url }, more).config();
  expect(await adopting(config, { keep })).toMatchObject({
    moved: null,
    obstacles: [{ message: 'the files of public create stamp, mood, which would move' }],
  });
  expect((await adopt(config)).public?.command).toContain('--keep stamp,countries,plans,mood');
  expect(await adopting(config, { keep: [...keep, 'stamp', 'mood'] })).toMatchObject({ moved: {} });
});

test('a function that stays is not tied to the tenant, and no other table is taken for a history', async () => {
  await db.query(`${sqlOf.join('\n')}; create table current (id int);
    create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
    insert into pgmigrations (name, run_on) values ('001_plans', now()), ('002_users', now()), ('003_tickets', now());
    create function stamp() returns trigger language plpgsql set search_path = public as 'begin return new; end';
    create trigger t before insert on plans for each row execute function stamp();
    create function total() returns bigint language sql as 'select count(*) from public.users'`);
  const config = await project({ url: db.url }, files).config();
  const refused = await adopting(config, { keep: [...keep, 'total'], rewriteFunctions: true });
  expect(refused.obstacles).toMatchObject([
    { message: expect.stringContaining('function public.total() stays, but names what would move: line 1') },
  ]);
  const result = await adopting(config, { keep, rewriteFunctions: true });
  expect(result).toMatchObject({ moved: {}, paths: [], rewrites: [{ identity: 'public.total()' }] });
  expect(
    await db.query(
      "select to_regclass('acme.current') is not null as there, to_regproc('stamp') is not null as stays",
    ),
  ).toEqual([{ there: true, stays: true }]);
});

test('what other tenants need is to be kept', async () => {
  const share = `create type mood as enum ('calm'); create function stamp() returns trigger language plpgsql as 'begin return new; end';
    create table unneeded (id int); create schema other; create view other.v as select * from unneeded`;
  await db.query(`${sqlOf.join('\n')}; ${share}; create schema globex; create view globex.v as select * from tickets;
    create table globex.users (id int, plan int references plans, mood mood default 'calm');
    create trigger t before insert on globex.users for each row execute function stamp()`);
  const config = await project({ url: db.url, tenants: { list: ['acme', 'globex'] } }).config();
  const { obstacles } = await adopting(config, { keep: ['countries'] });
  expect(obstacles).toMatchObject([
    { message: 'tenants such as globex need stamp, plans, tickets, mood, which would move' },
  ]);
  await db.query('drop view globex.v');
  expect(await adopting(config, { keep: [...keep, 'stamp', 'mood'] })).toMatchObject({ moved: {} });
});

test('an object of an extension that lies in another schema stays in public', async () => {
  await db.query(`${sqlOf.join('\n')}; create schema other; create extension citext schema other;
    create domain member as text; alter extension citext add domain member`);
  const config = await project({ url: db.url }, files).config();
  expect(await adopting(config, { keep })).toMatchObject({ way: 'move', moved: {} });
  expect(await db.query("select to_regtype('public.member') is not null as stays")).toEqual([
    { stays: true },
  ]);
});

test('what public gets while the plan is read stays in public', async () => {
  await db.query(sqlOf.join('\n'));
  const change = 'create extension citext; grant create on schema public to pg_read_all_data';
  const result = await adopting(await project({ url: db.url }, files).config(), {
    keep,
    accept: async () => (await db.query(change)).length === 0,
  });
  expect(result).toMatchObject({ moved: { way: 'rename' } });
  expect(
    await db.query(`select extnamespace::regnamespace::text as extension,
      has_schema_privilege('pg_read_all_data', 'public', 'CREATE') as may from pg_extension where extname = 'citext'`),
  ).toEqual([{ extension: 'public', may: true }]);
});

test('what another move has taken meanwhile is not taken from it', async () => {
  await db.query(`${sqlOf.join('\n')}; create extension xml2`);
  const config = await project({ url: db.url }, files).config();
  const late = await adopting(config, {
    as: 'beta',
    keep,
    accept: async () => (await adopting(config, { keep })).accepted,
  });
  expect(late).toMatchObject({
    moved: null,
    error: { message: expect.stringContaining('has been dropped or moved in the meantime') },
  });
  expect(Object.keys(await contents('acme')).sort()).toEqual(['open_tickets', 'tickets', 'users']);
});

test('names of all kinds', async () => {
  await db.query(`create table "a ""b"" c" (id serial primary key, "Größe" int); create type "T'yp" as enum ('x');
    create table "Kept, too" (t "T'yp"); create function "f ""n"(a "T'yp", "a ""b"" c") returns int language sql as 'select 1';
    create function r() returns bigint language sql as 'select count(*) from public."a ""b"" c"';
    create view "läuft" as select * from "a ""b"" c"`);
  const as = `Ämter's "x" \\ y`;
  const config = await project({ url: db.url, tenants: { list: [as] } }).config();
  const result = await adopting(config, { as, keep: ['Kept, too'], rewriteFunctions: true });
  expect(result.mustList).toBe(false);
  expect(result).toMatchObject({
    obstacles: [],
    moved: {},
    stays: [
      { kind: 'table', name: 'Kept, too', because: 'asked' },
      { kind: 'enum', name: "T'yp", because: 'Kept, too' },
    ],
  });
  expect(await db.query(`select ${quoted(as)}.r()::int as n`)).toEqual([{ n: 0 }]);
});

test('a table in use is waited for in many short tries', async () => {
  await db.query(`${sqlOf.join('\n')}; create extension xml2`);
  const config = await project({ url: db.url }, files).config();
  const holder = postgres(db.url, { max: 1, onnotice: () => {} });
  const begun = await holder.reserve();
  await begun.unsafe('begin; lock table tickets in access share mode');
  const moving = adopting(config, { keep });
  const tries = `select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name like 'sqlmig% adopt %' and wait_event_type = 'Lock'`;
  await expect.poll(() => db.query(tries), { interval: 5 }).toEqual([{ n: 1 }]);
  await expect.poll(() => db.query(tries), { interval: 5 }).toEqual([{ n: 0 }]);
  await begun.unsafe('commit');
  begun.release();
  await holder.end();
  const { moved } = await moving;
  expect(moved?.tries).toBeGreaterThan(1);
});

test('a run at work is waited for', async () => {
  await db.query(sqlOf.join('\n'));
  const config = await project({ url: db.url }, files).config();
  const release = await holdLock(db.url, String(lockObjects.fleet), { shared: true });
  const late = await adopting(config, { keep, waitForLockMs: 100 });
  expect(late).toMatchObject({ moved: null, error: { code: 'lock-timeout' } });
  await release();
  expect(await adopting(config, { keep })).toMatchObject({ moved: {} });
});

test('adopt alone says what lies in public, and how to move it', async () => {
  await db.query(sqlOf.join('\n'));
  const p = project({ url: db.url }, files);
  const { code, stdout } = await sqlmig(['adopt'], p.dir);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/no other tool's history/)]);
  expect(stdout).toContain(`contents of public
  would become a tenant: 2 sequences, 2 tables, 1 view
  would stay, because only files of public create them: countries, plans
make it a tenant with: sqlmig adopt --public-as NAME --keep countries,plans
`);
  await db.query(
    "create function f() returns void language plpgsql as $$ begin execute 'delete from public.users'; end $$",
  );
  const { public: contents } = await adopt(await p.config());
  expect(contents).toMatchObject({ keep: ['countries', 'plans'], obstacles: [{ hint: expect.any(String) }] });
  await db.query('drop schema public cascade; create schema public; create table plans (id int)');
  expect(await adopt(await p.config())).toMatchObject({ public: null });
});
