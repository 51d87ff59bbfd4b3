import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Config, checkSnapshot, createTenant, type RunEvent, up, writeSnapshot } from '../src/index.ts';
import { parseSnapshot, snapshotText } from '../src/project/snapshot-file.ts';
import { withoutOwnNames } from '../src/structure/own-names.ts';
import { readShapes } from '../src/structure/read-shapes.ts';
import { compareShapes } from '../src/structure/shape.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let refusingDatabase: TestDatabase;
beforeAll(async () => {
  refusingDatabase = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const names = { files: 'by_files', snapshot: `o'neil "X"`, up: 'by_up', empty: 'by_empty' };
const tenants = { list: Object.values(names) };
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const regnamespace = (name: string) => `'${quoted(name).replaceAll("'", "''")}'::regnamespace`;
const snapshotOf = ({ dir }: TestProject) => join(dir, 'sql/tenant.snapshot.sql');

/** Creates a tenant, and returns what was said about it. */
async function create(config: Config, name: string): Promise<string[]> {
  const said: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') said.push(event.message);
  };
  const outcome = await createTenant(config, { name, onEvent });
  expect(outcome.error).toBeUndefined();
  return said;
}

/** What a tenant has: how its structure differs from the first one's, its rows, sequences, privileges and history. */
async function contents(db: TestDatabase, name: string) {
  const session = await testSession(db.url);
  const request = {
    schemas: [names.files, name],
    ignore: new Set<never>(),
    historyTable: 'schema_migrations',
  };
  const shapes = await readShapes(session, request);
  await session.close();
  const [expected = [], actual = []] = request.schemas.map((schema) => shapes.get(schema));
  expect(expected.length).toBeGreaterThan(10);
  const own = { expected: names.files, actual: name };
  const relations =
    await db.query(`select relname as relation, relkind = 'S' as counts, oid::regclass::text as path
from pg_class where relnamespace = ${regnamespace(name)} and relkind in ('r', 'm', 'v', 'S') and relname <> 'schema_migrations' order by 1`);
  const rows: Record<string, string[]> = {};
  for (const { relation, counts, path } of relations) {
    const value = counts === true ? 'row(x.last_value, x.is_called)' : 'x';
    const found = await db.query(`select to_jsonb(${value})::text as x from ${path} x`);
    // What is new in each tenant.
    const own = JSON.stringify(name).slice(1, -1);
    rows[String(relation)] = found
      .map(({ x }) =>
        String(x)
          .replaceAll(own, 'NAME')
          .replace(/\d{4}-\d\d-\d\dT[\d:.+]+/g, 'TIME')
          .replace(/[0-9a-f]{8}-[-0-9a-f]{27}/g, 'UUID'),
      )
      .sort();
  }
  const schema = await db.query(
    `select obj_description(oid) as comment, nspacl::text as acl from pg_namespace where oid = ${regnamespace(name)}`,
  );
  const history = await db.query(
    `select version, name, checksum, state, scope, statements, done_statements, down, down_checksum from ${quoted(name)}.schema_migrations order by 1, 2`,
  );
  return { differences: withoutOwnNames(compareShapes(expected, actual), own), rows, schema, history };
}

/** Requires that tenants by files, by the snapshot, and by `up` with the snapshot are the same. */
async function requireSame(db: TestDatabase, p: TestProject, newer: Record<string, string>): Promise<string> {
  const written = await writeSnapshot(await p.config());
  expect(written).toMatchObject({ file: 'sql/tenant.snapshot.sql', changed: true });
  const text = readFileSync(snapshotOf(p), 'utf8');
  p.write(newer);
  const config = await p.config();
  expect(await up(config, { select: { kind: 'public' } })).toMatchObject({ ok: true });
  expect(await create(config, names.snapshot)).toEqual([]);
  const said: string[] = [];
  await db.query(`create schema ${names.empty}`);
  const upped = await up(config, {
    select: { kind: 'tenants', names: [names.up, names.empty] },
    onEvent: (event) => {
      if (event.type === 'warning' && event.message.includes('snapshot')) said.push(event.message);
    },
  });
  expect(upped).toMatchObject({ ok: true, applied: 2 });
  expect(said).toEqual([]);
  p.remove('sql/tenant.snapshot.sql');
  expect(await create(config, names.files)).toEqual([]);
  writeFileSync(snapshotOf(p), text);
  // In one transaction, all rows of the history are written at the end of what the snapshot builds.
  for (const name of [names.up, names.empty])
    expect(
      await db.query(`select count(distinct xmin::text)::int as n from ${quoted(name)}.schema_migrations`),
    ).toEqual([{ n: 1 }]);
  const expected = await contents(db, names.files);
  expect(expected.differences).toEqual([]);
  for (const name of [names.snapshot, names.up, names.empty])
    expect(await contents(db, name)).toEqual(expected);
  return text;
}

test('tenants of the sample are the same by files and by snapshot, and up has nothing to do', async () => {
  const db = await freshDatabase();
  const p = project({ url: db.url, tenants });
  cpSync(new URL('../sql', import.meta.url), join(p.dir, 'sql'), { recursive: true });
  const text = await requireSame(db, p, {
    'sql/tenant/0012_notes.sql': 'alter table users add note text; create index concurrently on users (note)',
  });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
  expect(await checkSnapshot(await p.config())).toEqual({
    ok: true,
    file: 'sql/tenant.snapshot.sql',
    upTo: '0011',
    newer: ['sql/tenant/0012_notes.sql'],
  });
  expect(text).toContain(`('1', 'billing@example.com', 'Billing', default, default, 'en');`);
});

const unsupported =
  /^(?:create (?:collation|operator|text search conf|conversion|server|foreign|extension)|alter text search)/;
const everyKind = readFileSync(new URL('./fixtures/every-kind.sql', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => !unsupported.test(line))
  .join('\n')
  .replace(', during, often) select', ') select')
  .replace(/(row\(i, 'x'\)::pair),\s+span.*?(?= from generate_series)/s, '$1');

const settings = `comment on schema {{tenant}} is 'a tenant'; grant usage on schema {{tenant}} to pg_monitor;
alter default privileges in schema {{tenant}} grant select on tables to pg_monitor with grant option;
create table owned (id uuid primary key default gen_random_uuid(), of text default {{'tenant'}} not null, at timestamptz, odd int constraint "Odd {{tenant}}" unique with (fillfactor = 70));
insert into owned (at) values (now()), (now()); insert into owned (of) values ({{'tenant'}} || '_x'), ('it''s' || chr(13) || chr(10) || 'back\\slash {{tenant}}');
alter table owned owner to pg_read_all_data; grant select (id), update (at) on owned to pg_monitor; alter table owned cluster on owned_pkey;
revoke execute on function user_count() from public; grant execute on function user_count() to pg_monitor; revoke usage on type mood from public;
create view columns as select id, of from owned; alter view columns alter of set default 'x'; comment on column columns.id is 'c'; grant insert on columns to pg_monitor;
create table parent (a int check (a > 0), b text, d int); create table child (c int) inherits (parent); create table sums (a int, twice int generated always as (a * 2) stored); create table more_sums (b int) inherits (sums); insert into child values (1, 'b', 3, 2); alter table child alter b set default 'q';
create function by_default() returns int language sql as 'select count(*)::int from parent'; alter table parent alter d set default by_default(); insert into parent (a) values (7);
create function row_of(p parent) returns text language sql as 'select p.b'; alter table users replica identity using index users_email_key;
create function pinned() returns int language sql set search_path from current as 'select 1'; create function barred() returns int language sql set search_path = '', pg_catalog as 'select 1'; create table empty (); insert into empty default values;
alter domain positive add constraint small check (value < 1000); comment on constraint small on domain positive is 'd'; comment on type pair is 'p';
alter table tickets disable trigger user; alter table tickets force row level security; drop table plans_old`;

test('so are tenants with every kind of object, privileges, placeholders, and rows that differ', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants, vars: { region: 'eu' } },
    {
      'sql/public/1_base.sql': `create extension citext; create extension pg_trgm; create extension btree_gist;
create table regions (id text primary key, n int generated always as identity); insert into regions values ('eu');`,
      'sql/tenant/1_kinds.sql': `create table plans_old (); ${everyKind}`,
      'sql/tenant/1_kinds.down.sql': `select 'down'`,
      'sql/tenant/2_settings.sql': settings,
      'sql/tenant/3_region.sql':
        "create index concurrently on users (plan);\ncreate table of_region (id text default {{'region'}} references public.regions);\r\ncreate function body() returns text language sql as $f$\r\nselect '\\';\r\n$f$; insert into of_region default values",
      'sql/tenant/R__v.sql': 'create or replace view latest as select count(*) as n from users',
    },
  );
  await requireSame(db, p, {
    'sql/tenant/4_more.sql': "alter table parent add e int; insert into users (email) values ('x')",
  });
});

test('a snapshot that is stale, edited or refused is not used, which check and a warning say', async () => {
  const db = await freshDatabase();
  const list = ['edited', 'changed', 'refused', 'earlier', 'zoned', 'used'];
  const p = project(
    { url: db.url, tenants: { list } },
    {
      'sql/public/R__f.sql': 'create or replace function f() returns int language sql as $$select 10$$',
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/tenant/3_b.sql': 'create table b (id int)',
    },
  );
  expect(await checkSnapshot(await p.config())).toMatchObject({ ok: false, problem: 'it does not exist' });
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  await writeSnapshot(config);
  expect(await writeSnapshot(config)).toMatchObject({ changed: false, upTo: '3', files: 2 });
  const text = readFileSync(snapshotOf(p), 'utf8');
  const problem = async () => (await checkSnapshot(await p.config())).problem;

  p.write({ 'sql/tenant/1_a.sql': 'create table a (id bigint)' });
  expect(await problem()).toBe('sql/tenant/1_a.sql has changed');
  expect(await create(await p.config(), 'changed')).toEqual([
    'ignoring sql/tenant.snapshot.sql: sql/tenant/1_a.sql has changed; new tenants are built from the files (write it again with: sqlmig snapshot)',
  ]);
  p.write({ 'sql/tenant/1_a.sql': 'create table a (id int)', 'sql/tenant/2_c.sql': 'create table c ()' });
  expect(await problem()).toBe('it does not cover sql/tenant/2_c.sql');
  p.remove('sql/tenant/2_c.sql');
  p.remove('sql/tenant/1_a.sql');
  expect(await problem()).toBe('1_a.sql, which it covers, no longer exists');
  p.write({ 'sql/tenant/1_a.sql': 'create table a (id int)' });
  expect(await problem()).toBeUndefined();
  const shared = readFileSync(join(p.dir, 'sql/public/R__f.sql'), 'utf8');
  p.write({ 'sql/public/R__f.sql': shared.replace('10', '20') });
  expect(await problem()).toBe('sql/public/R__f.sql has changed');
  p.remove('sql/public/R__f.sql');
  expect(await problem()).toBe('the public file R__f.sql no longer exists');
  p.write({ 'sql/public/R__f.sql': shared, 'sql/public/1_newer.sql': 'select 1' });
  expect(await problem()).toBeUndefined();
  p.remove('sql/public/1_newer.sql');
  const searched = { ...(await p.config()), searchPath: ['tenant'] };
  expect((await checkSnapshot(searched)).problem).toContain('searchPath');

  writeFileSync(snapshotOf(p), text.replace('create table b', 'create table bb'));
  expect(await problem()).toBe('it was edited');
  expect(await create(await p.config(), 'edited')).toEqual([expect.stringContaining('it was edited')]);
  expect(await db.query('select from edited.b')).toEqual([]);
  // As if another version of PostgreSQL refused it.
  const found = parseSnapshot(text, '');
  writeFileSync(snapshotOf(p), snapshotText({ ...found, sql: `${found.sql}\nselect 1 / 0;\n` }));
  expect(await problem()).toBeUndefined();
  expect(await create(await p.config(), 'refused')).toEqual([expect.stringContaining('division by zero')]);
  expect(await db.history('refused')).toEqual({ 1: 1, 3: 1 });

  writeFileSync(snapshotOf(p), text);
  await db.query(
    `do $$ begin execute format('alter database %I set timezone = %L', current_database(), 'Asia/Kathmandu'); end $$`,
  );
  expect(await create(await p.config(), 'zoned')).toEqual([
    expect.stringMatching(/: it was written with TimeZone = .*, and here it is Asia\/Kathmandu;/),
  ]);
  // Files are replayed with the settings of the database.
  expect(await writeSnapshot(await p.config())).toMatchObject({ changed: true });
  expect(readFileSync(snapshotOf(p), 'utf8')).toContain('-- session TimeZone Asia/Kathmandu\n');

  // Line ends that a checkout has changed do not matter, and a version before that of the snapshot is built by files.
  writeFileSync(snapshotOf(p), readFileSync(snapshotOf(p), 'utf8').replaceAll('\n', '\r\n'));
  const earlier = { select: { kind: 'tenants', names: ['earlier'] }, to: '1' } as const;
  expect(await up(await p.config(), earlier)).toMatchObject({ ok: true });
  expect(await db.history('earlier')).toEqual({ 1: 1 });
  expect(await create(await p.config(), 'used')).toEqual([]);
  expect(await db.history('used')).toEqual({ 1: 1, 3: 1 });
});

test('a snapshot of no files is written, and does not concern tenants that get newer ones', async () => {
  const db = await freshDatabase();
  const p = project({ url: db.url, tenants: { list: ['new'] } });
  expect(await writeSnapshot(await p.config())).toMatchObject({ changed: true, upTo: null, files: 0 });
  p.write({ 'sql/tenant/1_a.sql': 'create table a (id int)' });
  expect(await checkSnapshot(await p.config())).toMatchObject({ ok: true, newer: ['sql/tenant/1_a.sql'] });
  expect(await create(await p.config(), 'new')).toEqual([]);
  expect(await db.history('new')).toEqual({ 1: 1 });
});

test.for<[why: RegExp, files: Record<string, string>]>([
  [/changes rows of public\.log/, { 'sql/tenant/1_a.sql': 'insert into log values (1)' }],
  [/it creates or changes a publication/, { 'sql/tenant/1_a.sql': 'create publication {{tenant}}' }],
  [
    /operator === /,
    { 'sql/tenant/1_a.sql': 'create operator === (leftarg = int, rightarg = int, function = int4pl)' },
  ],
  [
    /1_a\.sql:2 .*reads public\.log/,
    { 'sql/tenant/1_a.sql': 'create table a (id int);\ninsert into a select id from log' },
  ],
  [
    /a\.x differs in each/,
    { 'sql/tenant/1_a.sql': 'create table a (x float8); insert into a values (random())' },
  ],
  [
    /1_a\.sql:1 .*uses now\(\) \+/,
    {
      'sql/tenant/1_a.sql': `create table a (x timestamptz default now()); insert into a values (now() + interval '14 days')`,
    },
  ],
  [
    /a\.x differs in each/,
    {
      'sql/tenant/1_a.sql': `create table a (x timestamptz); insert into a select make_interval(days => 14) operator(pg_catalog.+) now()`,
    },
  ],
  [
    /uses 'Tomorrow'/,
    { 'sql/tenant/1_a.sql': `create table a (x date); insert into a values (date 'Tomorrow')` },
  ],
  [
    /a\.x differs in each/,
    {
      'sql/tenant/1_a.sql': `create table a (i int, x text default ''); insert into a (i) values (1); update a set x = md5(random()::text)`,
    },
  ],
  [
    /a\.x differs in each/,
    {
      'sql/tenant/1_a.sql': `create table a (x uuid default gen_random_uuid()); insert into a (x) values (default), (md5(random()::text)::uuid)`,
    },
  ],
  [
    /1_a\.sql:3 .*calls outer_n, which uses inner_n, which reads public\.log/,
    {
      'sql/tenant/1_a.sql':
        "create table a (id int); create function inner_n() returns int language sql as 'select count(*)::int from log';\ncreate function outer_n() returns int language sql as 'select inner_n()';\ninsert into a values (outer_n())",
    },
  ],
  [
    /1_a\.sql:2 .*reads v, which reads public\.log/,
    {
      'sql/tenant/1_a.sql':
        'create table a (id int); create view v as select id from log;\ninsert into a select id from v',
    },
  ],
  [
    /1_a\.sql:2 names the role ".+", which replays the files/,
    { 'sql/tenant/1_a.sql': 'create table a ();\ngrant select on a to {{role}}' },
  ],
  [
    /1_a\.sql:1 names the role "/,
    {
      'sql/tenant/1_a.sql': "create table a (); do {{'body'}}",
    },
  ],
  [
    /1_a\.sql:3 revokes from pg_monitor what no tenant file has granted/,
    {
      'sql/tenant/1_a.sql':
        'create table a (); create table b (); grant select on a to pg_monitor;\nrevoke all on a from pg_monitor;\nrevoke all on b from pg_monitor',
    },
  ],
  [
    /a has more than 20000 rows/,
    { 'sql/tenant/1_a.sql': 'create table a (id int); insert into a select generate_series(1, 20001)' },
  ],
  [
    /current_database/,
    { 'sql/tenant/1_a.sql': 'create table a (x text); insert into a values (current_database())' },
  ],
  [
    / 'of {{tenant}}'|of sqlmig_a_/,
    {
      'sql/tenant/1_a.sql': `create table a (x text default {{'tenant'}} || '!'); comment on table a is 'x'; do $$ begin execute format('comment on table a is %L', 'of ' || current_schema()); end $$`,
    },
  ],
])(
  'files that build what a snapshot cannot have are refused, and nothing is written: %s',
  async ([why, files]) => {
    const role = decodeURIComponent(new URL(refusingDatabase.url).username);
    const p = project(
      {
        url: refusingDatabase.url,
        tenants: { list: [] },
        vars: { role, body: `begin alter table a owner to ${role}; end` },
      },
      { 'sql/public/1_log.sql': 'create table log (id int)', ...files },
    );
    const refused = writeSnapshot(await p.config());
    await expect(refused).rejects.toMatchObject({
      code: 'snapshot-refused',
      message: expect.stringMatching(why),
    });
    expect(await checkSnapshot(await p.config())).toMatchObject({ ok: false });
  },
);

test('each kind of object that a snapshot cannot have is named', async () => {
  const { url } = refusingDatabase;
  const p = project(
    { url, tenants: { list: [] } },
    {
      'sql/public/1_far.sql': 'create foreign data wrapper far; create server far foreign data wrapper far',
      'sql/tenant/1_a.sql': `create collation mine from "C"; create operator class less for type int using btree as operator 1 <, function 1 btint4cmp(int, int);
create conversion latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create type base; create function base_in(cstring) returns base immutable strict language internal as 'textin'; create function base_out(base) returns cstring immutable strict language internal as 'textout'; create type base (input = base_in, output = base_out, like = text);
create foreign table far_a (id int) server far; create text search configuration words (copy = simple);
create type pair as (a int, b int); create table pairs of pair; create table plain (id int)`,
    },
  );
  const error = await writeSnapshot(await p.config()).catch((failed) => failed);
  expect(error.code).toBe('snapshot-refused');
  for (const object of [
    'collation mine',
    'operator class less',
    'conversion latin',
    'base type base',
    'foreign table far_a',
    'text search configuration words',
    'table pairs',
  ])
    expect(error.message).toContain(object);
  expect(error.message).not.toContain('plain');
});
