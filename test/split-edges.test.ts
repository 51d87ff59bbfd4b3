import { beforeEach, expect, test } from 'vitest';
import { finishSplit } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

/** Shared tables in public, the files of a tenant, and `adopt --split-by tenant` on them. */
async function shop(
  { shared, own, settings = {} }: { shared: string; own: string; settings?: object },
  query = 'select id, schema from tenants',
) {
  await db.query(shared);
  const p = project({ url: db.url, ...settings }, { 'sql/tenant/1_own.sql': own });
  const split = async (...more: string[]) => {
    const args = ['adopt', '--split-by', 'tenant', '--tenants-from', query, '--yes', ...more];
    const { code, stdout, stderr } = await sqlmig(args, p.dir);
    return { code, out: stdout + stderr };
  };
  return { p, query, split };
}

const tenants = `create table tenants (id int primary key, schema text); insert into tenants values (1, 'one'), (2, 'two');`;

test('--finish refuses a column that was added after the rows were copied', async () => {
  const { p, split } = await shop({
    shared: `${tenants} create table users (tenant int, email text, old int); insert into users values (1, 'a'), (2, 'b')`,
    own: 'create table users (email text)',
  });
  expect(await split()).toMatchObject({ code: 0 });
  await db.query(`alter table users add phone text; update users set phone = '1'`);
  p.write({ 'sql/tenant/2_phone.sql': 'alter table users add phone text' });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  const added =
    'one, two: users: the column "phone" was added to the shared table after the rows were copied';
  expect(await split('--finish')).toMatchObject({ code: 1, out: expect.stringContaining(added) });
  await db.query('alter table users drop phone');
  expect(await split('--finish')).toMatchObject({ code: 0 });
});

test('--discard-unowned drops no more rows than were accepted', async () => {
  const { p, query, split } = await shop({
    shared: `${tenants} create table users (tenant int, email text); insert into users values (1, 'a'), (2, 'b'), (3, 'c')`,
    own: 'create table users (email text)',
  });
  expect(await split()).toMatchObject({ code: 0 });
  const finished = await finishSplit(await p.config(), {
    splitBy: 'tenant',
    tenantsFrom: query,
    discardUnowned: true,
    accept: async ({ tables }) => {
      expect(tables).toMatchObject([{ rows: 3, owned: 2 }]);
      await db.query(`insert into users values (4, 'd')`);
      return true;
    },
  });
  expect(finished).toMatchObject({ dropped: false, error: { message: expect.stringContaining('changed') } });
  expect(await db.query('select count(*)::int as n from users')).toEqual([{ n: 4 }]);
});

test('an id that the type of the tenant column would shorten is that of no other tenant', async () => {
  const { split } = await shop(
    {
      shared: `create domain code as varchar(3); create table users (tenant varchar(3), email text); create table notes (tenant code, email text);
create table lines (tenant char(3), email text); insert into users values ('abc', 'a'), ('x', 'b'); insert into notes table users; insert into lines table users`,
      own: 'create table users (email text); create table notes (email text); create table lines (email text)',
    },
    `values ('abcdef', 'one'), ('x', 'two')`,
  );
  expect(await split()).toMatchObject({ code: 0 });
  const counts = (schema: string) =>
    `select (select count(*)::int from ${schema}.users) as users, (select count(*)::int from ${schema}.notes) as notes, (select count(*)::int from ${schema}.lines) as lines`;
  expect(await db.query(`${counts('one')} union all ${counts('two')}`)).toEqual([
    { users: 0, notes: 0, lines: 0 },
    { users: 1, notes: 1, lines: 1 },
  ]);
});

test('keys of a path are not unique by an index that is not valid', async () => {
  const { split } = await shop({
    shared: `${tenants} create table users (tenant int, code text); insert into users values (1, 'a'), (2, 'a');
create table notes (author text, body text); insert into notes values ('a', 'x');`,
    own: 'create table users (code text); create table notes (author text, body text)',
    settings: { split: { paths: { notes: { columns: ['author'], table: 'users', keys: ['code'] } } } },
  });
  await expect(db.query('create unique index concurrently on users (code)')).rejects.toThrow('could not');
  expect(await split()).toMatchObject({
    code: 1,
    out: expect.stringContaining('leads to (code) of users, which no unique index covers'),
  });
  await db.query(`delete from users where tenant = 1; reindex index users_code_idx`);
  expect(await split()).toMatchObject({ code: 0 });
  expect(
    await db.query(
      'select (select count(*)::int from one.notes) as one, (select count(*)::int from two.notes) as two',
    ),
  ).toEqual([{ one: 0, two: 1 }]);
});

test('a tenant is not split into a second schema', async () => {
  const { split } = await shop({
    shared: `${tenants} create table users (tenant int, code text); insert into users values (1, 'a'), (2, 'b')`,
    own: 'create table users (code text)',
  });
  expect(await split()).toMatchObject({ code: 0 });
  await db.query(`update tenants set schema = 'uno' where id = 1`);
  const refused = 'uno: its id 1 was split before, to the schema "one"';
  expect(await split()).toMatchObject({ code: 1, out: expect.stringContaining(refused) });
  await db.query('drop schema one cascade');
  expect(await split()).toMatchObject({ code: 0 });
});

test.for([
  ['numeric(10, 2)', '1.25', 'numeric(10, 1)'],
  ['numeric', '1.5', 'int'],
  ['float8', '0.1', 'real'],
  ['timestamptz', '2024-01-01 12:00Z', 'date'],
  ['numeric(10, 2)[]', '{1.25}', 'numeric(10, 1)[]'],
  ['time', '12:00:00.5', 'time(0)'],
] as const)('a %s such as %s is not rounded to %s', async ([from, value, to]) => {
  const { split } = await shop({
    shared: `${tenants} create table users (tenant int, v ${from}); insert into users values (1, '${value}'), (2, null)`,
    own: `create table users (v ${to})`,
  });
  const differ = 'rows differ from the shared ones in users (1 rows of 1)';
  expect(await split()).toMatchObject({ code: 1, out: expect.stringContaining(differ) });
  expect(await db.query('select count(*)::int as n from one.users')).toEqual([{ n: 0 }]);
  await db.query(`update users set v = null`);
  expect(await split()).toMatchObject({ code: 0 });
});

test('values of unusual types are copied exactly', async () => {
  const types = `create type mood as enum ('a', 'b'); create type pair as (x int, m mood); create domain posint as int check (value > 0); create domain moods as mood[]; create type rng as range (subtype = float8);`;
  const cols = `m mood, ms mood[], p pair, ps pair[], d posint, dm moods, r rng, by bytea, j json, jb jsonb, f float8, f4 real, fs float8[], x xml, mo money, iv interval, tsz timestamptz, tz timetz, c char(4), t text collate "C", vb varbit, tsv tsvector, nn text, rc regclass, inet inet, pt point, n numeric, ip bit(3), nm name, big oid`;
  const { split } = await shop({
    shared: `${tenants} ${types} create table odd (gone int, tenant int, ${cols}); alter table odd drop gone; alter table odd add gone int; alter table odd drop gone;
insert into odd values (1, 'a', '{a,b,NULL}', row(1,'b'), array[row(1,'a')::pair, null], 3, '{b}', '[1,2)', '\\x00ff', '{"a": 1,  "a":2}', '{"b":[1,null]}', '-0', 'NaN', '{-0,NaN,Infinity,1e-320}', '<a>x</a>', '12.34', '1 mon -3 days 04:05:06.7', '2024-02-29 00:00+05', '12:00+03', 'ab', E'x\\ty''"', '101', 'a b', null, 'odd', '::1/3', '(-0,1)', 'NaN', '101', 'n', 4000000000)`,
    own: `${types} create table odd (z int generated always as identity, ${cols}, whole bigint)`,
  });
  await db.query('alter table odd add whole int default 7');
  const rows =
    'select (to_jsonb(o) - array[$1]::text[])::text as row, o.fs::text, o.f::text, o.by::text from';
  const before = await db.query(`${rows.replace('$1', `'tenant'`)} odd o`);
  expect(await split()).toMatchObject({ code: 0 });
  expect(await db.query(`${rows.replace('$1', `'z'`)} one.odd o`)).toEqual(before);
  expect(await split('--finish')).toMatchObject({ code: 0 });
});

test('triggers are fired if the config says so', async () => {
  const own = (change: string) =>
    `create table users (id int primary key, email text); create table notes (user_id int references users deferrable initially deferred, body text); create table log (what text);
create function fire() returns trigger language plpgsql as $$ begin insert into log values (tg_table_name); ${change} return new; end $$;
create trigger fire before insert on users for each row execute function fire();
create constraint trigger late after insert on notes deferrable initially deferred for each row execute function fire();`;
  const { p, split } = await shop({
    shared: `${tenants} create table users (id int primary key, tenant int, email text); insert into users values (1, 1, 'a'), (2, 2, 'b'); create table notes (user_id int references users, body text); insert into notes values (1, 'x'), (2, 'y')`,
    own: own(`if tg_table_name = 'users' then new.email := 'changed'; end if;`),
    settings: { split: { triggers: true } },
  });
  expect(await split()).toMatchObject({ code: 1, out: expect.stringContaining('rows differ') });
  await db.query('drop schema one cascade; drop schema two cascade');
  p.write({ 'sql/tenant/1_own.sql': own('') });
  expect(await split()).toMatchObject({ code: 0 });
  expect(await db.query('select what from one.log')).toEqual([{ what: 'users' }, { what: 'notes' }]);
});

test('a path of the config is followed although the table has the column', async () => {
  const { split } = await shop({
    shared: `${tenants} create table users (id int primary key, tenant int, email text); insert into users values (1, 1, 'a'), (2, 2, 'b'); create table notes (tenant int, user_id int references users, body text); insert into notes values (null, 1, 'x'), (1, 2, 'y')`,
    own: 'create table users (id int primary key, email text); create table notes (user_id int, body text)',
    settings: { split: { paths: { notes: ['user_id'] } } },
  });
  const split1 = await split();
  expect(split1).toMatchObject({ code: 0, out: expect.stringContaining('notes  by user_id → users.tenant') });
  expect(await db.query('select body from one.notes union all select body from two.notes')).toEqual([
    { body: 'x' },
    { body: 'y' },
  ]);
});

test('a sequence that columns of other types use as well continues where the shared one is', async () => {
  const { split } = await shop({
    shared: `${tenants} create sequence num; create table notes (no int default nextval('num'), tenant int); create table codes (tenant int, code text default 'B' || nextval('num'));
insert into notes (tenant) values (1); insert into codes (tenant) values (1), (2)`,
    own: `create sequence num; create table notes (no int default nextval('num')); create table codes (code text default 'B' || nextval('num'))`,
  });
  expect(await split()).toMatchObject({ code: 0 });
  expect(await db.query('insert into one.codes default values returning code')).toEqual([{ code: 'B4' }]);
});

test('a tenant that lacks a column of the others is not split without its values', async () => {
  const { p, split } = await shop({
    shared: `${tenants} create table users (tenant int, phone text); insert into users values (1, 'p'), (2, 'q')`,
    own: 'create table users (phone text)',
  });
  for (const name of ['one', 'two'])
    expect(await sqlmig(['tenant', 'create', name], p.dir)).toMatchObject({ code: 0 });
  await db.query('alter table two.users drop phone');
  expect(await split()).toMatchObject({
    code: 1,
    out: expect.stringContaining(`the tenant's table lacks the column "phone", which other tenants have`),
  });
  await db.query('alter table two.users add phone text');
  expect(await split()).toMatchObject({ code: 0 });
  expect(await db.query('select phone from one.users union all select phone from two.users')).toEqual([
    { phone: 'p' },
    { phone: 'q' },
  ]);
});
