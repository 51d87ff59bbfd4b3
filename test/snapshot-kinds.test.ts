import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type Config,
  checkSnapshot,
  createTenant,
  createTestTenant,
  down,
  type RunEvent,
  up,
  writeSnapshot,
} from '../src/index.ts';
import { parseSnapshot, snapshotText } from '../src/project/snapshot-file.ts';
import { withoutOwnNames } from '../src/structure/own-names.ts';
import { readShapes } from '../src/structure/read-shapes.ts';
import { compareShapes } from '../src/structure/shape.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

const names = ['by_files', 'by_mark', 'by_snapshot'];
const publicOnly = { select: { kind: 'public' } } as const;
const snapshotOf = ({ dir }: TestProject, scope: string) => join(dir, `sql/${scope}.snapshot.sql`);

/** Creates a tenant, and returns what was said about it. */
async function create(config: Config, name: string, scopes: string[]): Promise<string[]> {
  const said: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') said.push(event.message);
  };
  const outcome = await createTenant(config, { name, scopes, unlisted: true, onEvent });
  expect(outcome.error).toBeUndefined();
  return said;
}

/** Lets a snapshot build a table as well, by which its use is noticed. */
function mark(p: TestProject, scope: string): () => void {
  const file = snapshotOf(p, scope);
  const text = readFileSync(file, 'utf8');
  const found = parseSnapshot(text, '');
  writeFileSync(file, snapshotText({ ...found, sql: `${found.sql}\ncreate table from_${scope} ();\n` }));
  return () => writeFileSync(file, text);
}

/** Which snapshots a new tenant is created from, and what is said about the others. */
async function used(db: TestDatabase, p: TestProject, name: string, scopes: string[]) {
  const files = ['tenant', ...scopes].filter((scope) => {
    try {
      return readFileSync(snapshotOf(p, scope), 'utf8') !== '';
    } catch {
      return false;
    }
  });
  const undo = files.map((scope) => mark(p, scope));
  const said = await create(await p.config(), name, scopes);
  for (const one of undo) one();
  const rows = await db.query(
    `select substr(relname, 6) as scope from pg_class where relnamespace = '${name}'::regnamespace and relname like 'from\\_%' order by 1`,
  );
  return { scopes: rows.map(({ scope }) => scope), said };
}

/** What a tenant has: how its structure differs from another one's, its rows, sequences, privileges and histories. */
async function contents(db: TestDatabase, name: string, expected: string) {
  const session = await testSession(db.url);
  const tables = await db.query(
    `select c.oid::text as oid from pg_class c where relname like 'schema\\_migrations\\_%'`,
  );
  const shapes = await readShapes(session, {
    schemas: [expected, name],
    ignore: new Set<never>(),
    historyTable: 'schema_migrations',
    leftOut: tables.map(({ oid }) => String(oid)),
  });
  await session.close();
  const [wanted = [], actual = []] = [expected, name].map((schema) => shapes.get(schema));
  expect(wanted.length).toBeGreaterThan(3);
  const own = { expected, actual: name };
  const relations = await db.query(
    `select relname as relation, relkind = 'S' as counts, oid::regclass::text as path from pg_class where relnamespace = '${name}'::regnamespace and relkind in ('r', 'm', 'v', 'S') order by 1`,
  );
  const rows: Record<string, unknown> = {};
  for (const { relation, counts, path } of relations) {
    const isHistory = String(relation).startsWith('schema_migrations');
    const value = counts
      ? 'row(x.last_value, x.is_called)'
      : isHistory
        ? 'row(version, name, checksum, state, scope, statements, done_statements, down, down_checksum)'
        : 'x';
    const found = await db.query(`select to_jsonb(${value})::text as x from ${path} x`);
    rows[String(relation)] = found
      .map(({ x }) =>
        String(x)
          .replaceAll(name, 'NAME')
          .replace(/\d{4}-\d\d-\d\dT[\d:.+]+/g, 'TIME')
          .replace(/[0-9a-f]{8}-[-0-9a-f]{27}/g, 'UUID'),
      )
      .sort();
  }
  const schema = await db.query(
    `select obj_description(oid) as comment, nspacl::text as acl from pg_namespace where oid = '${name}'::regnamespace`,
  );
  return { differences: withoutOwnNames(compareShapes(wanted, actual), own), rows, schema };
}

/** Requires that tenants by files and by the snapshots are the same; returns the text of the kind's snapshot. */
async function requireSame(db: TestDatabase, p: TestProject, scope: string, newer: Record<string, string>) {
  const written = await writeSnapshot(await p.config());
  expect(written.kinds).toEqual([
    expect.objectContaining({ scope, file: `sql/${scope}.snapshot.sql`, changed: true }),
  ]);
  expect(written.kinds?.[0]?.error).toBeUndefined();
  const text = readFileSync(snapshotOf(p, scope), 'utf8');
  p.write(newer);
  expect(await up(await p.config(), publicOnly)).toMatchObject({ ok: true });
  expect(await used(db, p, 'by_mark', [scope])).toMatchObject({
    scopes: expect.arrayContaining([scope]),
    said: [],
  });
  await db.query('drop schema by_mark cascade');
  expect(await create(await p.config(), 'by_snapshot', [scope])).toEqual([]);
  rmSync(snapshotOf(p, scope));
  expect(await create(await p.config(), 'by_files', [scope])).toEqual([]);
  writeFileSync(snapshotOf(p, scope), text);
  const expected = await contents(db, 'by_files', 'by_files');
  expect(await contents(db, 'by_snapshot', 'by_files')).toEqual(expected);
  expect(await checkSnapshot(await p.config())).toMatchObject({
    ok: true,
    kinds: [
      {
        scope,
        ok: true,
        exists: true,
        newer: Object.keys(newer).filter((file) => !file.includes('R__') && file.includes(`/${scope}/`)),
      },
    ],
  });
  return text;
}

const base = {
  'sql/public/1_regions.sql': `create table regions (id text primary key); insert into regions values ('eu')`,
  'sql/tenant/1_users.sql': `create type mood as enum ('sad', 'happy'); create domain positive as int check (value > 0);
create table users (id int generated always as identity primary key, email text not null unique, mood mood default 'happy', made timestamptz default now());
create table plans (name text primary key, seats positive); insert into plans values ('free', 1), ('pro', 10);
insert into users (email) values ('owner@example.com'), ('second@example.com'); create table parts (id int, at date) partition by range (at); create table parts_0 partition of parts for values from ('2019-01-01') to ('2020-01-01'); create table heirs () inherits (plans);
create function touch() returns trigger language plpgsql as $$ begin new.made := now(); return new; end $$;
alter default privileges in schema {{tenant}} grant select on tables to pg_monitor; comment on schema {{tenant}} is 'a tenant'`,
  'sql/tenant/R__active.sql': `create or replace view active as select id, email from users where mood = 'happy'`,
};

test('a kind that adds to what all tenants have is the same by files and by snapshot', async () => {
  const db = await freshDatabase();
  const p = project(
    {
      url: db.url,
      tenants: { list: names },
      vars: { region: 'eu' },
      scopes: [{ name: 'vip', tenants: { list: names } }],
    },
    {
      ...base,
      'sql/vip/1_sso.sql': `create type provider as enum ('saml', 'oidc'); create sequence tickets start 100;
create table sso (id bigserial primary key, user_id int not null references users, provider provider not null default 'saml', seats positive, at timestamptz not null default now(), of text default {{'tenant'}}, region text default {{'region'}} references public.regions);
insert into sso (user_id, provider) select id, 'oidc' from users where email like 'owner%'; insert into sso (user_id) values (2); delete from sso where id = 2; select nextval('tickets');
create view sso_users as select u.email, s.provider from sso s join active u on u.id = s.user_id; create materialized view seats as select sum(seats) as n from plans;
create trigger touched before update on users for each row execute function touch(); create index users_mood on users (mood);
alter table users add constraint has_at check (email like '%@%'), add tier text not null default 'gold', add badge serial, add note_id int generated by default as identity, add ref int references sso;
comment on column users.tier is 'of vips'; alter table users add loud text generated always as (upper(email)) stored;
create policy own on users using (true); create statistics both_of on email, mood from users; create table parts_1 partition of parts for values from ('2020-01-01') to ('2021-01-01');
create function ticket() returns text language sql as $$ select 'T' || nextval('tickets') $$; alter table sso add ticket text default ticket();
grant insert on sso to pg_monitor; grant usage on schema {{tenant}} to pg_monitor`,
      'sql/vip/3_more.sql': `create index on parts (id); alter table parts add badge int default 3, add sso_id bigint references sso; alter table plans add price numeric(8,2), add unique (seats);
alter domain positive add constraint small check (value < 1000); create sequence extra owned by users.email; create rule no_delete as on delete to plans do instead nothing;
alter table users add constraint one_badge exclude using btree (badge with =), add boss int references users; create table bosses (why text) inherits (users); insert into bosses (id, badge, note_id, email, why) values (7, 70, 1, 'b@c', 'x');
create table "Odd" (mood mood[] default '{happy}', at tstzrange, plan text references plans on delete cascade); create unique index on bosses (email) include (why) where why is not null;
create function user_of(s sso) returns users stable language sql as 'select u from users u where u.id = s.user_id'; create aggregate total(int) (sfunc = int4pl, stype = int); create procedure nothing() language sql as 'select 1';
create view all_users with (security_barrier) as select *, ctid is null as odd from users; comment on view all_users is 'v'; alter default privileges in schema {{tenant}} grant usage on sequences to pg_monitor; create sequence after_privileges;
create type pair as (a positive, b mood); alter table sso add pair pair; create table "by" as select email as e from users with no data`,
      'sql/vip/1_sso.down.sql': 'select 1',
      'sql/vip/2_index.sql': 'create index concurrently on sso (provider)',
    },
  );
  const text = await requireSame(db, p, 'vip', {
    'sql/vip/4_newer.sql': 'alter table sso add c int; create index concurrently on users (tier)',
    'sql/vip/R__rep.sql': 'create or replace view rep as select count(*) as n from sso',
  });
  expect(text).not.toMatch(/create (?:table|type|domain) "?(?:users|plans|mood|positive)/);
  expect(text).toMatch(/^insert into sso \(id, user_id, provider, /m);
});

test('disjoint kinds have snapshots, from which tenant create, up and tests create tenants', async () => {
  const db = await freshDatabase();
  const p = project(
    {
      url: db.url,
      scopes: [
        { name: 'shop', tenants: { list: ['by_up', 'by_empty'] } },
        { name: 'depot', tenants: { list: [] } },
      ],
    },
    {
      'sql/public/1_base.sql': 'create table regions (id text)',
      'sql/shop/1_orders.sql':
        "create type state as enum ('new', 'paid'); create table orders (id serial primary key, state state default 'new', at date); insert into orders (state) values ('paid'); create index concurrently on orders (state)",
      'sql/shop/R__paid.sql': "create or replace view paid as select * from orders where state = 'paid'",
      'sql/depot/1_orders.sql':
        'create table orders (id uuid primary key); create sequence slots increment 5',
    },
  );
  rmSync(join(p.dir, 'sql/tenant'), { recursive: true });
  const config = await p.config();
  expect(await writeSnapshot(config)).toEqual({
    file: 'sql/tenant.snapshot.sql',
    upTo: null,
    files: 0,
    changed: false,
    kinds: [
      { scope: 'shop', file: 'sql/shop.snapshot.sql', upTo: '1', files: 1, changed: true },
      { scope: 'depot', file: 'sql/depot.snapshot.sql', upTo: '1', files: 1, changed: true },
    ],
  });
  expect(existsSync(snapshotOf(p, 'tenant'))).toBe(false);
  expect(await checkSnapshot(config)).toMatchObject({ ok: true, kinds: [{ ok: true }, { ok: true }] });
  await up(config, publicOnly);
  expect(await used(db, p, 'shop_1', ['shop'])).toEqual({ scopes: ['shop'], said: [] });
  expect(await used(db, p, 'depot_1', ['depot'])).toEqual({ scopes: ['depot'], said: [] });
  const undo = mark(p, 'shop');
  await db.query('create schema by_empty');
  expect(await up(config, { select: { kind: 'all', except: [] } })).toMatchObject({ ok: true });
  for (const name of ['by_up', 'by_empty'])
    expect(await db.query(`select from ${name}.from_shop`)).toEqual([]);
  const tenant = await createTestTenant(config, { scopes: ['shop'] });
  expect(await db.query(`select from ${tenant.name}.from_shop`)).toEqual([]);
  await tenant.drop();
  undo();

  await create(config, 'by_snapshot', ['shop']);
  rmSync(snapshotOf(p, 'shop'));
  await create(config, 'by_files', ['shop']);
  expect(await contents(db, 'by_snapshot', 'by_files')).toEqual(await contents(db, 'by_files', 'by_files'));
});

test('the snapshot of a kind is used for a tenant that the command creates, with or without the files of all', async () => {
  const db = await freshDatabase();
  const p = project(
    {
      url: db.url,
      tenants: { query: 'select name from tenants', register: 'insert into tenants values ($1)' },
      scopes: [
        { name: 'vip', tenants: { list: [] } },
        { name: 'eu', tenants: { list: [] } },
      ],
    },
    {
      'sql/public/1_tenants.sql': 'create table tenants (name text)',
      'sql/tenant/1_users.sql': 'create table users (id int); insert into users values (1)',
      'sql/vip/1_vips.sql': 'create table vips as select id from users',
      'sql/eu/1_consents.sql': 'create table consents (user_id int)',
    },
  );
  await up(await p.config(), publicOnly);
  expect((await writeSnapshot(await p.config())).kinds).toMatchObject([{ changed: true }, { changed: true }]);
  expect(await used(db, p, 'both', ['vip', 'eu'])).toEqual({ scopes: ['eu', 'tenant', 'vip'], said: [] });
  // Its rows may be others by now.
  await createTenant(await p.config(), { name: 'older' });
  await db.query('insert into older.users values (2)');
  const undo = mark(p, 'vip');
  const options = { name: 'older', scopes: ['vip'], unlisted: true, ifNotExists: true };
  expect(await createTenant(await p.config(), options)).toMatchObject({ state: 'applied' });
  expect(await db.query('select id from older.vips order by 1')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(await db.query("select to_regclass('older.from_vip') as x")).toEqual([{ x: null }]);
  undo();
});

test('in an empty schema, up loads the snapshot of all tenants, and runs the files of a kind that follow it', async () => {
  const db = await freshDatabase();
  const list = ['acme'];
  const p = project(
    { url: db.url, tenants: { list }, scopes: [{ name: 'vip', tenants: { list } }] },
    {
      'sql/tenant/1_users.sql': 'create table users (id int); insert into users values (1)',
      'sql/vip/1_vips.sql': 'create table vips as select id from users',
    },
  );
  await up(await p.config(), publicOnly);
  await writeSnapshot(await p.config());
  for (const scope of ['tenant', 'vip']) mark(p, scope);
  await db.query('create schema acme');
  expect(await up(await p.config(), { select: { kind: 'all', except: [] } })).toMatchObject({ ok: true });
  expect(
    await db.query("select relname from pg_class where relname in ('from_tenant', 'from_vip', 'vips')"),
  ).toEqual(expect.arrayContaining([{ relname: 'from_tenant' }, { relname: 'vips' }]));
  expect(await db.query("select to_regclass('acme.from_vip') as x")).toEqual([{ x: null }]);
});

test('a kind that has no tenant in common with the files of all has a snapshot without them', async () => {
  const db = await freshDatabase();
  const p = project(
    {
      url: db.url,
      tenants: { pattern: 'shop%' },
      scopes: [
        { name: 'depot', tenants: { pattern: 'depot%' } },
        { name: 'yard', tenants: { query: 'select name from yards' } },
      ],
    },
    {
      'sql/public/1_yards.sql': 'create table yards (name text)',
      'sql/tenant/1_users.sql': 'create table users (id int)',
      'sql/yard/1_yards.sql': 'create table yards (id int)',
      'sql/depot/1_users.sql': 'create table users (name text)',
    },
  );
  await up(await p.config(), publicOnly);
  expect((await writeSnapshot(await p.config())).kinds).toMatchObject([
    { scope: 'depot', changed: true, files: 1 },
    { scope: 'yard', changed: true, files: 1 },
  ]);
  expect(readFileSync(snapshotOf(p, 'depot'), 'utf8')).not.toContain('-- tenant ');
  expect(await used(db, p, 'depot_1', ['depot'])).toEqual({ scopes: ['depot'], said: [] });
  const undo = mark(p, 'depot');
  await db.query('create schema depot_3');
  expect(await up(await p.config(), { select: { kind: 'tenants', names: ['depot_3'] } })).toMatchObject({
    ok: true,
  });
  expect(await db.query('select from depot_3.from_depot')).toEqual([]);
  undo();
  // That of the other kind was written for tenants with the files of all.
  expect(await used(db, p, 'depot_2', ['depot', 'yard'])).toEqual({ scopes: ['depot'], said: [] });
  expect(await used(db, p, 'shop_1', ['yard'])).toEqual({ scopes: ['tenant', 'yard'], said: [] });
});

test('a snapshot of a kind is stale if its files or those of all tenants have changed', async () => {
  const db = await freshDatabase();
  const list = ['t1', 't2', 't3', 't4', 't5'];
  const p = project(
    { url: db.url, tenants: { list }, scopes: [{ name: 'vip', tenants: { list } }] },
    {
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/tenant/R__v.sql': 'create or replace view v as select id from a',
      'sql/vip/1_b.sql': 'create table b as select id from a',
    },
  );
  await up(await p.config(), publicOnly);
  const problem = async () => (await checkSnapshot(await p.config())).kinds?.[0]?.problem;
  expect(await checkSnapshot(await p.config())).toMatchObject({
    ok: false,
    kinds: [{ scope: 'vip', ok: true, exists: false, upTo: null, newer: [] }],
  });
  await writeSnapshot(await p.config());
  expect((await writeSnapshot(await p.config())).kinds).toMatchObject([{ changed: false, upTo: '1' }]);
  expect(await used(db, p, 't1', ['vip'])).toEqual({ scopes: ['tenant', 'vip'], said: [] });

  p.write({ 'sql/tenant/R__v.sql': 'create or replace view v as select id, 1 as one from a' });
  expect(await problem()).toBe('sql/tenant/R__v.sql has changed');
  expect(await checkSnapshot(await p.config())).toMatchObject({ ok: false });
  expect(await used(db, p, 't2', ['vip'])).toEqual({
    scopes: ['tenant'],
    said: [
      'ignoring sql/vip.snapshot.sql: sql/tenant/R__v.sql has changed; new tenants are built from the files (write it again with: sqlmig snapshot)',
    ],
  });
  p.remove('sql/tenant/R__v.sql');
  expect(await problem()).toBe('the tenant file R__v.sql no longer exists');
  p.write({
    'sql/tenant/R__v.sql': 'create or replace view v as select id from a',
    'sql/tenant/2_n.sql': 'create table n ()',
  });
  expect(await problem()).toBe('it was written without sql/tenant/2_n.sql');
  p.write({ 'sql/tenant/2_n.sql': 'insert into a values (7)' });
  expect((await used(db, p, 't3', ['vip'])).scopes).toEqual(['tenant']);
  expect(await db.query('select id from t3.b')).toEqual([{ id: 7 }]);
  await writeSnapshot(await p.config());
  expect(await problem()).toBeUndefined();
  p.write({ 'sql/vip/1_b.sql': 'create table b (id bigint)' });
  expect(await problem()).toBe('sql/vip/1_b.sql has changed');
  p.write({ 'sql/vip/1_b.sql': 'create table b as select id from a' });
  writeFileSync(
    snapshotOf(p, 'vip'),
    readFileSync(snapshotOf(p, 'vip'), 'utf8').replace('table b', 'table bb'),
  );
  expect(await problem()).toBe('it was edited');

  // A snapshot that was written before there were files for all tenants.
  const files = [
    ['sql/tenant/1_a.sql', 'create table a (id int)'],
    ['sql/tenant/2_n.sql', 'create table n ()'],
    ['sql/tenant/R__v.sql', ''],
  ] as const;
  for (const [file] of files) p.remove(file);
  p.write({ 'sql/vip/1_b.sql': 'create table b (id int)' });
  await writeSnapshot(await p.config());
  expect(await problem()).toBeUndefined();
  expect(await used(db, p, 't4', ['vip'])).toMatchObject({ scopes: expect.arrayContaining(['vip']) });
  p.write({ 'sql/tenant/1_a.sql': 'create table a (id int)' });
  expect(await problem()).toBe('it was written without sql/tenant/1_a.sql');
  expect((await used(db, p, 't5', ['vip'])).said).toEqual([
    expect.stringContaining('sql/vip.snapshot.sql: it was written without'),
  ]);
});

const changing: readonly (readonly [last: string, why: RegExp])[] = [
  ['alter table users enable row level security', /: the table users \(row level security\)$/],
  ['alter table users alter id type bigint', /: the column users\.id \(type\)$/],
  ['drop view names', /: the view names, which is dropped$/],
  ["update users set name = 'x'", /: the rows of users$/],
  ["insert into users (name) values ('x')", /: the rows of users$/],
  ["select nextval('users_id_seq')", /: the position of the sequence users_id_seq$/],
  ["alter type mood add value 'angry'", /: the enum mood \(values\)$/],
  ['alter type pair add attribute c int', /: the composite type pair$/],
  ["create or replace function f() returns int language sql as 'select 2'", /: the function f\(\) \(body\)$/],
];
const other: typeof changing = [
  [
    "alter table users add note text; update users set note = 'x'",
    /its rows differ from those that the files insert/,
  ],
  ['comment on schema {{tenant}} is null', /its schema has other privileges/],
  ['create table c as select id from log', /3_c\.sql:1 inserts rows .*reads public\.log/],
  ['insert into log values (2)', /changes rows of public\.log/],
  ['-- sqlmig: allow-server\ncreate role {{tenant}}', /3_c\.sql:2 has CREATE ROLE/],
  ['select 1 / 0', /cannot be replayed: division by zero/],
];

test('a kind that changes what all tenants have is refused by itself, and the file is named', async () => {
  const { url } = await freshDatabase();
  const cases = [...changing, ...other];
  const files = cases.flatMap(([last], i) => [
    [`sql/k${i}/1_a.sql`, 'create table vips (id int)'],
    [`sql/k${i}/2_b.sql`, 'alter table users add tier int'],
    [`sql/k${i}/3_c.sql`, last],
    [`sql/k${i}/4_d.sql`, 'create table last (id int)'],
  ]);
  const p = project(
    { url, vars: {}, scopes: [...cases.map((_, i) => ({ name: `k${i}` })), { name: 'eu' }] },
    {
      'sql/public/1_log.sql': 'create table log (id int); insert into log values (1)',
      'sql/tenant/1_a.sql': `create table users (id serial, name text); insert into users (name) values ('a'), ('b'); create view names as select name from users;
create function f() returns int language sql as 'select 1'; create type mood as enum ('sad'); create type pair as (a int); comment on schema {{tenant}} is 'x'`,
      'sql/eu/1_a.sql': 'create table eu (id int)',
      ...Object.fromEntries(files),
    },
  );
  const { changed, kinds = [] } = await writeSnapshot(await p.config());
  expect(changed).toBe(true);
  expect(kinds.at(-1)).toEqual({
    scope: 'eu',
    file: 'sql/eu.snapshot.sql',
    changed: true,
    files: 1,
    upTo: '1',
  });
  const file = (i: number) =>
    i < changing.length ? `sql/k${i}/3_c.sql changes what the files of all tenants build: ` : '';
  expect(kinds.slice(0, -1)).toEqual(
    cases.map(([, why], i) => ({
      scope: `k${i}`,
      file: `sql/k${i}.snapshot.sql`,
      changed: false,
      files: 0,
      upTo: null,
      error: expect.objectContaining({ code: 'snapshot-refused', message: expect.stringMatching(why) }),
    })),
  );
  for (const [i, { error }] of kinds.slice(0, -1).entries()) expect(error?.message).toContain(file(i));
  expect(existsSync(snapshotOf(p, 'k0'))).toBe(false);
});

test('a mistake in the files of the last kind is found before any snapshot is written', async () => {
  const { url } = await freshDatabase();
  const p = project(
    { url, scopes: [{ name: 'vip' }, { name: 'eu' }] },
    {
      'sql/tenant/1_a.sql': 'create table users (id int)',
      'sql/vip/1_a.sql': 'create table vip (id int)',
      'sql/eu/1_a.sql': 'create tabel eu (id int)',
    },
  );
  await expect(writeSnapshot(await p.config())).rejects.toMatchObject({
    code: 'sql-syntax',
    details: { file: 'sql/eu/1_a.sql' },
  });
  expect(existsSync(snapshotOf(p, 'tenant'))).toBe(false);
});

test('the command says which kinds have a snapshot, and fails if one cannot have it', async () => {
  const { url } = await freshDatabase();
  const p = project(
    { url, scopes: [{ name: 'vip' }, { name: 'eu' }] },
    {
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/vip/1_b.sql': 'create table b (id int)',
      'sql/eu/1_c.sql': 'alter table a enable row level security',
    },
  );
  const [written, checked] = [
    await sqlmig(['snapshot'], p.dir),
    await sqlmig(['snapshot', '--check'], p.dir),
  ];
  expect(written).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(`sql/tenant.snapshot.sql  written  1 file, up to 1
sql/vip.snapshot.sql  written  1 file, up to 1
sql/eu.snapshot.sql  not written
  cannot write a snapshot of the files of scope eu: sql/eu/1_c.sql changes what the files of all tenants build: the table a (row level security)
  hint: `),
  });
  const lines = `sql/tenant.snapshot.sql  current  up to 1
sql/vip.snapshot.sql  current  up to 1
sql/eu.snapshot.sql  none  tenants get the files of scope eu one by one
`;
  expect(checked).toMatchObject({ code: 0, stdout: lines });
  p.write({ 'sql/vip/1_b.sql': 'create table c (id int)' });
  expect(await sqlmig(['snapshot', '--check'], p.dir)).toMatchObject({
    code: 1,
    stdout: `${lines.replace('sql/vip.snapshot.sql  current  up to 1', 'sql/vip.snapshot.sql  not used: sql/vip/1_b.sql has changed')}write it again with: sqlmig snapshot\n`,
  });
});

test('of many that create a tenant of a kind at once, all find it complete, and nothing is applied twice', async () => {
  const db = await freshDatabase();
  const name = `o'neil "X"`;
  const list = [name];
  const p = project(
    {
      url: db.url,
      vars: {},
      searchPath: ['tenant'],
      tenants: { list },
      scopes: [{ name: 'vip', tenants: { list } }],
    },
    {
      'sql/tenant/1_users.sql':
        'create table users (id serial primary key); insert into users default values',
      'sql/vip/1_vips.sql': `create table vips (id int references users, of text default {{'tenant'}}); insert into vips values (1)`,
      'sql/vip/2_index.sql': 'create index concurrently on vips (id)',
    },
  );
  const config = await p.config();
  await up(config, publicOnly);
  await writeSnapshot(config);
  p.write({ 'sql/vip/3_more.sql': 'create view all_vips as select * from vips' });
  const newer = await p.config();
  for (let round = 0; round < 5; round++) {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => createTenant(newer, { name, ifNotExists: true })),
    );
    expect(outcomes.map(({ error }) => error)).toEqual(outcomes.map(() => undefined));
    const schema = '"o\'neil ""X"""';
    expect(await db.query(`select version::text from ${schema}.schema_migrations_vip order by 1`)).toEqual(
      ['1', '2', '3'].map((version) => ({ version })),
    );
    expect(await db.query(`select * from ${schema}.all_vips`)).toEqual([{ id: 1, of: name }]);
    await db.query(`drop schema ${schema} cascade`);
  }
});

test('the snapshot of a kind whose folder is in that of all tenants is no migration', async () => {
  const db = await freshDatabase();
  const list = ['new'];
  const p = project(
    {
      url: db.url,
      recursive: true,
      tenants: { list },
      scopes: [{ name: 'vip', dir: 'sql/tenant/vip', tenants: { list } }],
    },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/1_a.down.sql': 'drop table a',
      'sql/tenant/vip/1_b.sql': 'create table b ()',
      'sql/tenant/vip/1_b.down.sql': 'drop table b',
    },
  );
  for (const changed of [true, false])
    expect(await writeSnapshot(await p.config())).toMatchObject({
      changed,
      kinds: [{ file: 'sql/tenant/vip.snapshot.sql', changed }],
    });
  await create(await p.config(), 'new', []);
  expect(await db.query('select version::text, down from new.schema_migrations_vip')).toEqual([
    { version: '1', down: 'drop table b' },
  ]);
  expect(
    await down(await p.config(), { select: { kind: 'all', except: [] }, steps: 1, accept: () => true }),
  ).toMatchObject({ ok: true });
  expect(await db.query("select to_regclass('new.b') as x")).toEqual([{ x: null }]);
});
