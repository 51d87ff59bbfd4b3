import { expect, test } from 'vitest';
import { type ConversionRules, convertFiles } from '../src/convert/convert.ts';

const rules: ConversionRules = {
  into: 'tenant',
  keep: [],
  schema: 'public',
  tool: null,
  folders: { public: 'sql/public', tenant: 'sql/tenant' },
};
type Files = Readonly<Record<string, string>>;
const convert = (files: Files, more: Partial<ConversionRules> = {}) =>
  convertFiles(
    Object.entries(files)
      .map(([path, text]) => ({ path, text }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    { ...rules, ...more },
  );
const empty = (...paths: readonly string[]) => Object.fromEntries(paths.map((path) => [path, '']));
const journal = (...tags: readonly string[]) => ({
  'meta/_journal.json': JSON.stringify({ entries: tags.map((tag, when) => ({ tag, when })) }),
});
const table = 'create table t ();\n';

test.for<[layout: string, files: Files, expected: Record<string, string>, leftOut?: string[]]>([
  [
    'Prisma',
    {
      '0_init/migration.sql': table,
      '20240105090000_x/migration.sql': '',
      'baseline/migration.sql': 'select 1',
    },
    { '0_init.sql': table, '20240105090000_x.sql': '', '20240105090001_baseline.sql': 'select 1' },
  ],
  [
    'Diesel',
    {
      '2017-09-23-182408_x/up.sql': table,
      '2017-09-23-182408_x/down.sql': 'drop table t',
      '2018-01-01-000000_y/up.sql': '',
    },
    {
      '20170923182408_x.sql': table,
      '20170923182408_x.down.sql': 'drop table t',
      '20180101000000_y.sql': '',
    },
  ],
  [
    'Hasura',
    { 'default/1680000000000_x/up.sql': table, 'default/1680000000000_x/down.sql': 'drop table t' },
    { '1680000000000_x.sql': table, '1680000000000_x.down.sql': 'drop table t' },
  ],
  [
    'golang-migrate',
    { '000001_x.up.sql': table, '000001_x.down.sql': 'drop table t', '000002_y.up.sql': '' },
    { '000001_x.sql': table, '000001_x.down.sql': 'drop table t', '000002_y.sql': '' },
  ],
  [
    'Flyway',
    {
      'V1__first.sql': table,
      'V2__second.sql': '',
      'V10__tenth.sql': '',
      'U2__second.sql': 'select 1',
      'R__views.sql': 'select 2',
      'B2__both.sql': '',
      'afterMigrate.sql': '',
    },
    {
      '1_first.sql': table,
      '2_second.sql': '',
      '2_second.down.sql': 'select 1',
      '10_tenth.sql': '',
      'R__views.sql': 'select 2',
    },
    ['B2__both.sql', 'afterMigrate.sql'],
  ],
  [
    'Flyway with a baseline alone',
    empty('B2__both.sql', 'V3__third.sql'),
    { '2_both.sql': '', '3_third.sql': '' },
  ],
  [
    'Flyway with several parts',
    empty('V1__a.sql', 'V1.2__b.sql', 'V1_10__c.sql', 'V1.10.1__d.sql', 'V2__e.sql'),
    {
      '1000000_a.sql': '',
      '1002000_b.sql': '',
      '1010000_c.sql': '',
      '1010001_d.sql': '',
      '2000000_e.sql': '',
    },
  ],
  [
    'Flyway with parts too long for one number',
    empty('V1.202401050900001234__a.sql', 'V1.202401050900001235__b.sql'),
    { '0001_a.sql': '', '0002_b.sql': '' },
  ],
  [
    'goose',
    {
      '1_x.sql': `-- a comment\n-- +goose Up\n-- +goose StatementBegin\n${table}-- +goose StatementEnd\n\n-- +goose Down\ndrop table t;\n`,
      '2_y.go': 'package migrations',
      '3_z.sql': '-- +goose NO TRANSACTION\n-- +goose Up\nvacuum;\n-- +goose Down\n-- nothing\n',
    },
    {
      '1_x.sql': `-- a comment\n${table}\n`,
      '1_x.down.sql': 'drop table t;\n',
      '2_y.sql': expect.stringContaining('2_y.go is not SQL'),
      '3_z.sql': '-- sqlmig: no-transaction\nvacuum;\n',
    },
  ],
  [
    'dbmate',
    {
      '1_x.sql': `-- migrate:up\n${table}\n-- migrate:down\ndrop table t;\n`,
      '2_y.sql': '-- migrate:up transaction:false\r\nvacuum;\r\n-- migrate:down\r\n',
    },
    {
      '1_x.sql': `${table}\n`,
      '1_x.down.sql': 'drop table t;\n',
      '2_y.sql': '-- sqlmig: no-transaction\nvacuum;\r\n',
    },
  ],
  [
    'sql-migrate',
    { '1_x.sql': `-- +migrate Up notransaction\n${table}-- +migrate Down\ndrop table t;\n` },
    {
      '1_x.sql': `-- sqlmig: no-transaction\n${table}`,
      '1_x.down.sql': '-- sqlmig: no-transaction\ndrop table t;\n',
    },
  ],
  [
    'tern',
    { '001_x.sql': `${table}---- create above / drop below ----\ndrop table t;\n` },
    { '001_x.sql': table, '001_x.down.sql': 'drop table t;\n' },
  ],
  [
    'a mark in a string',
    { '1_x.sql': "-- +goose Up\nselect '\n-- +goose Down\n';\n" },
    { '1_x.sql': "select '\n-- +goose Down\n';\n" },
  ],
  [
    'Drizzle',
    {
      '0000_a.sql': 'create table a ();--> statement-breakpoint\ncreate table b ();',
      '0001_c.sql': '',
      '0001_d.sql': '',
      ...journal('0000_a', '0001_d'),
    },
    { '0000_a.sql': 'create table a ();\ncreate table b ();', '0001_d.sql': '' },
    ['0001_c.sql'],
  ],
  [
    'Drizzle in an order of its own',
    { ...empty('0000_a.sql', '0001_b.sql', '0002_c.sql'), ...journal('0000_a', '0002_c', '0001_b') },
    { '0000_a.sql': '', '0002_c.sql': '', '0003_b.sql': '' },
  ],
  [
    'graphile-migrate',
    {
      'committed/000001-a.sql': `--! Previous: -\n--! Hash: sha1:1\n--! Message: a\n\n${table}`,
      'committed/000002.sql': '--! Previous: sha1:1\n--! Hash: sha1:2\n--! no-transaction\n\nvacuum;\n',
      'current.sql': '-- Enter migration here\n',
    },
    { '000001_a.sql': `\n${table}`, '000002_migration.sql': '--! no-transaction\n\nvacuum;\n' },
    ['current.sql'],
  ],
  [
    'graphile-migrate with several current files',
    { ...empty('committed/000001.sql', 'current/1-current.sql', 'current/2-more.sql', 'afterReset.sql') },
    { '000001_migration.sql': '' },
    ['afterReset.sql', 'current/1-current.sql', 'current/2-more.sql'],
  ],
  [
    'Sqitch',
    {
      'sqitch.plan':
        '%syntax-version=1.0.0\n%project=shop\n\nschemas/main 2024-01-01T00:00:00Z A <a@b> # note\nf [schemas/main] 2024-01-02T00:00:00Z A <a@b>\n@v1 2024-01-03T00:00:00Z A <a@b> # release\n@v1.1 2024-01-03T00:00:00Z A <a@b>\na 2024-01-04T00:00:00Z A <a@b>\nf [f@v1.1] 2024-01-05T00:00:00Z A <a@b> # again\n',
      'deploy/schemas/main.sql': 'select 0;\n',
      'deploy/f@v1.1.sql': 'select 1;\n',
      'deploy/a.sql': 'select 2;\n',
      'deploy/f.sql': 'select 3;\n',
      'deploy/draft.sql': '',
      'revert/f@v1.1.sql': 'select 4;\n',
      'revert/f.sql': 'select 5;\n',
      'revert/schemas/main.sql': 'select 6;\n',
      'verify/f.sql': 'select 7;\n',
      'test/f.sql': '',
    },
    {
      '0001_schemas_main.sql': 'select 0;\n',
      '0001_schemas_main.down.sql': 'select 6;\n',
      '0002_f@v1.1.sql': 'select 1;\n',
      '0002_f@v1.1.down.sql': 'select 4;\n',
      '0003_a.sql': 'select 2;\n',
      '0004_f.sql': 'select 3;\n',
      '0004_f.down.sql': 'select 5;\n',
    },
    ['deploy/draft.sql', 'test/f.sql', 'verify/f.sql'],
  ],
  [
    'Sqitch below another folder',
    {
      ...empty('db/deploy/1_x.sql', 'db/revert/1_x.sql'),
      'db/sqitch.plan': '1_x 2024-01-01T00:00:00Z A <a@b>',
    },
    { '1_x.sql': '' },
  ],
  [
    'Sqitch with a change that has no file',
    {
      ...empty('deploy/a.sql'),
      'sqitch.plan': 'a 2024-01-01T00:00:00Z A <a@b>\nb 2024-01-02T00:00:00Z A <a@b>',
    },
    { '0001_a.sql': '' },
    ['deploy/b.sql'],
  ],
  [
    'Drizzle with a tag that has no file',
    { ...empty('0000_a.sql'), ...journal('0000_a', '0001_b') },
    { '0000_a.sql': '' },
    ['0001_b'],
  ],
  [
    'pop',
    {
      '20240101000000_a.up.sql': 'select 1;',
      '20240101000000_a.down.sql': 'select 2;',
      '20240101000000_a.postgres.up.sql': 'select 3;',
      '20240101000000_a.mysql.up.sql': 'select 4;',
      '20240102000000_b.cockroachdb.up.sql': 'select 5;',
      '20240102000000_b.sqlite3.up.sql': 'select 6;',
      '20240103000000_c.autocommit.up.sql': 'vacuum;',
      '20240103000000_c.down.sql': '',
      '20240104000000_d.postgresql.autocommit.up.sql': 'vacuum;',
      '20240104000000_d.postgresql.autocommit.down.sql': 'vacuum;',
      '20240105000000_e.up.fizz': 'create_table("e") {}',
      '20240106000000_f.up.sql': 'select 7;',
      '20240106000000_g.postgres.up.sql': 'select 8;',
    },
    {
      '20240101000000_a.sql': 'select 3;',
      '20240101000000_a.down.sql': 'select 2;',
      '20240103000000_c.sql': '-- sqlmig: no-transaction\nvacuum;',
      '20240104000000_d.sql': '-- sqlmig: no-transaction\nvacuum;',
      '20240104000000_d.down.sql': '-- sqlmig: no-transaction\nvacuum;',
      '20240105000000_e.sql': expect.stringContaining('not SQL'),
      '20240106000000_g.sql': 'select 8;',
    },
    [
      '20240101000000_a.mysql.up.sql',
      '20240101000000_a.up.sql',
      '20240102000000_b.cockroachdb.up.sql',
      '20240102000000_b.sqlite3.up.sql',
      '20240106000000_f.up.sql',
    ],
  ],
  [
    'Flyway with a folder for each database',
    empty('common/V1__a.sql', 'postgresql/V2__b.sql', 'mysql/V2__b.sql', 'h2/V2__b.sql', 'common/R__v.sql'),
    { '1_a.sql': '', '2_b.sql': '', 'R__v.sql': '' },
    ['h2/V2__b.sql', 'mysql/V2__b.sql'],
  ],
  [
    'Drizzle with a folder for each database',
    {
      ...empty('mysql/0000_m.sql', 'pg/0000_a.sql'),
      'mysql/meta/_journal.json': journal('0000_m')['meta/_journal.json'],
      'pg/meta/_journal.json': journal('0000_a')['meta/_journal.json'],
    },
    { '0000_a.sql': '' },
    ['mysql/0000_m.sql', 'mysql/meta/_journal.json'],
  ],
  ['a folder that is named like a database', empty('mysql/1_a.sql'), { '1_a.sql': '' }],
  [
    'TypeORM',
    {
      '1680000000000-Users.ts': `class Users { transaction = false; public async up(queryRunner: QueryRunner): Promise<void> {
        await queryRunner.query(\`create table "public"."users" ()\`); }
        public async down(queryRunner: QueryRunner): Promise<void> { await queryRunner.query('drop table users'); } }`,
      '1680000000001-Code.ts':
        'class Code { public async up(queryRunner: QueryRunner) { await fill(queryRunner); } }',
    },
    {
      '1680000000000_Users.sql': '-- sqlmig: no-transaction\ncreate table "users" ()\n;\n',
      '1680000000000_Users.down.sql': '-- sqlmig: no-transaction\ndrop table users\n;\n',
      '1680000000001_Code.sql': expect.stringContaining('not SQL'),
    },
  ],
  ['refinery', empty('V1__a.sql', 'U2__b.sql', 'V3__c.sql'), { '1_a.sql': '', '2_b.sql': '', '3_c.sql': '' }],
  [
    'postgrator',
    { '001.do.x.sql': table, '001.undo.x.sql': 'drop table t', '010.do.sql': '', '9.do.y.sql': '' },
    { '001_x.sql': table, '001_x.down.sql': 'drop table t', '9_y.sql': '', '010_migration.sql': '' },
  ],
  [
    'db-migrate',
    {
      '20240105090000-x.js': '',
      'sqls/20240105090000-x-up.sql': table,
      'sqls/20240105090000-x-down.sql': 'drop table t',
    },
    { '20240105090000_x.sql': table, '20240105090000_x.down.sql': 'drop table t' },
    ['20240105090000-x.js'],
  ],
  [
    'dates',
    empty('2024-01-05_a.ts', '2024-01-06_b.sql', '20240107_120000_c.sql', 'index.ts', 'x.d.ts'),
    {
      '20240105_a.sql': expect.stringContaining('not SQL'),
      '20240106_b.sql': '',
      '20240107120000_c.sql': '',
    },
    ['index.ts'],
  ],
  ['MikroORM', empty('Migration20240105090000.ts'), { '20240105090000_migration.sql': expect.anything() }],
  ['a title that begins with digits', empty('001_2024_report.sql'), { '001__2024_report.sql': '' }],
  [
    'two files of one version',
    empty('0001_a.sql', '0002_b.sql', '0002_c.sql', '0003_d.sql', '0009_e.sql'),
    { '0001_a.sql': '', '0002_b.sql': '', '0003_c.sql': '', '0004_d.sql': '', '0009_e.sql': '' },
  ],
  [
    'versions of more than 18 digits',
    empty('20240105090000123456_a.sql', '20240105090000123457_b.sql', '20240106090000_c.sql'),
    { '20240105090000_a.sql': '', '20240105090001_b.sql': '', '20240106090000_c.sql': '' },
  ],
  [
    'Alembic',
    {
      'versions/1ae00d7eb1e6_second.py': "revision = '1ae00d7eb1e6'\ndown_revision = 'f00'\n",
      'versions/f00_first.py': "revision = 'f00'\ndown_revision = None\n",
      'env.py': '',
    },
    { '0001_first.sql': expect.anything(), '0002_second.sql': expect.anything() },
    ['env.py'],
  ],
])('%s', async ([layout, files, expected, leftOut = []]) => {
  const tool = layout.startsWith('versions of more') ? 'knex' : layout === 'refinery' ? layout : null;
  const conversion = await convert(files, { tool });
  const made = conversion.files.map(({ name, text }) => [name, text]);
  expect(Object.fromEntries(made)).toEqual(expected);
  expect(conversion.leftOut.map(({ file }) => file).sort()).toEqual([...leftOut].sort());
});

test.for<[what: string, files: Files, message: string]>([
  ['an order that tools differ in', empty('9_a.sql', '10_b.sql'), '10_b.sql sorts before 9_a.sql by name'],
  ['several folders', empty('a/1_a.sql', 'b/1_b.sql'), 'migrations are in 2 folders: a, b'],
  [
    'a version that has no next one',
    empty('999999999999999999_a.sql', '999999999999999999_b.sql'),
    '18 digits',
  ],
])('%s is refused', async ([, files, message]) => {
  await expect(convert(files)).rejects.toThrow(message);
});

test('the tool decides on the order that tools differ in', async () => {
  const files = empty('9_a.sql', '10_b.sql');
  const names = async (tool: string) => (await convert(files, { tool })).files.map(({ name }) => name);
  expect(await names('Knex')).toEqual(['10_b.sql', '11_a.sql']);
  expect(await names('sqlx')).toEqual(['9_a.sql', '10_b.sql']);
  await expect(names('kne')).rejects.toThrow("sqlmig does not know the order of kne's files");
});

const strip = async (text: string, before = '') => {
  const { files } = await convert({ '1_x.sql': before, '2_y.sql': text });
  return files[1]?.text;
};

test.for<[text: string, expected: string]>([
  [
    'create table public.t ();\ninsert into PUBLIC.t default values;',
    'create table t ();\ninsert into t default values;',
  ],
  [
    'create table public."A b" (); drop table "public" . "A b";',
    'create table "A b" (); drop table   "A b";',
  ],
  ['create table t (); create index on public.t (x);', 'create table t (); create index on t (x);'],
  [
    'create table t (); select public.t.x, public.x from public.t;',
    'create table t (); select t.x, public.x from t;',
  ],
  [
    'create table t (id serial primary key); alter sequence public.t_id_seq restart; drop index public.t_pkey;',
    'create table t (id serial primary key); alter sequence t_id_seq restart; drop index t_pkey;',
  ],
  [
    'create type public.m as enum (); create table public.t (x public.m, y public.citext, z public.m[]);',
    'create type m as enum (); create table t (x m, y public.citext, z m[]);',
  ],
  [
    'create table similarity (); select public.similarity(a) from public.similarity;',
    'create table similarity (); select public.similarity(a) from similarity;',
  ],
  [
    "create table public.t (); select 'public.t'; -- public.t\n",
    "create table t (); select 'public.t'; -- public.t\n",
  ],
  [
    'create function public.f() returns public.t language sql as $$ select public.f() $$; create table t ();',
    'create function f() returns t language sql as $$ select public.f() $$; create table t ();',
  ],
  [
    'create domain public.d as text; comment on domain public.d is null; grant usage on type public.d to x;',
    'create domain d as text; comment on domain d is null; grant usage on type d to x;',
  ],
  ['create table a.t (); select * from public.t;', 'create table a.t (); select * from public.t;'],
  ['select * from public.other;', 'select * from public.other;'],
  [
    "create table t (); select '\u0001\u001f' from public.t;",
    "create table t (); select '\u0001\u001f' from t;",
  ],
  [
    `create sequence public.s; create table public.t (i int default nextval('public.s'::regclass), j int); select setval('"public"."s"', 1), 'public.t'::pg_catalog.regclass;`,
    `create sequence s; create table t (i int default nextval('s'::regclass), j int); select setval('"s"', 1), 't'::pg_catalog.regclass;`,
  ],
  [
    `create table public."A b" (i serial); select pg_get_serial_sequence(' public . "A b"', 'i'), to_char(now(), 'public.t'), nextval('public.other_seq'), lower('public.t');`,
    `create table "A b" (i serial); select pg_get_serial_sequence(' "A b"', 'i'), to_char(now(), 'public.t'), nextval('public.other_seq'), lower('public.t');`,
  ],
  [
    'create table ünï (); -- é\nselect 1 from public.ünï where x = $$é$$;',
    'create table ünï (); -- é\nselect 1 from ünï where x = $$é$$;',
  ],
  [
    'create view public.v as select 1; create or replace view public.v as select 2; drop view public.v;',
    'create view v as select 1; create or replace view v as select 2; drop view v;',
  ],
  [
    'create operator public.=== (leftarg = int, rightarg = int, function = public.f); create function f() returns int return 1;',
    'create operator === (leftarg = int, rightarg = int, function = f); create function f() returns int return 1;',
  ],
])('%j', async ([text, expected]) => {
  expect(await strip(text)).toBe(expected);
});

test.for<[text: string, place: string, what: RegExp]>([
  [
    'create table t ();\ndo $$ begin\n  perform 1 from public.t;\nend $$;',
    '3:18',
    /^public\.t appears in a DO block$/,
  ],
  [
    "create table t (x text default 'public.t_seq'); create sequence t_seq;",
    '1:33',
    /^public\.t_seq appears in a string$/,
  ],
  [
    "select 1 from information_schema.tables where table_schema = 'public';",
    '1:62',
    /searches only the schema public/,
  ],
  [
    "do $$ begin if exists (select 1 from pg_tables where schemaname = 'public') then end if; end $$;",
    '1:67',
    /searches only the schema/,
  ],
  ["select 1 from pg_constraint where conname = 'x';", '1:15', /without a schema filter/],
  ['create extension citext;', '1:1', /^CREATE EXTENSION/],
  ['create schema other;', '1:1', /^CREATE SCHEMA/],
  ['grant usage on schema public to x;', '1:23', /concerns the schema public itself/],
  ['grant usage on schema "App" to x;', '1:23', /concerns the schema App itself/],
  ["comment on schema app is 'x';", '1:19', /concerns the schema app itself/],
  [
    'alter default privileges in schema app grant select on tables to x;',
    '1:36',
    /concerns the schema app itself/,
  ],
  ['alter table t set schema archive;', '1:26', /moves an object to the schema archive$/],
  ['set search_path = public;', '1:1', /sets search_path/],
  [
    'create function f() returns int language sql set search_path = public return 1;',
    '1:46',
    /sets search_path/,
  ],
  ['select * from public.legacy;', '1:15', /these files do not create public\.legacy/],
  ['delete from _prisma_migrations;', '1:13', /^_prisma_migrations is the history of another tool/],
  ['delete from public.schema_version;', '1:20', /^schema_version is the history of another tool/],
  ['create role x;', '1:1', /CREATE ROLE/],
  ['select 1;\n--changeset a:1 context:"test or dev"\nselect 2;', '2:1', /only with context:test or dev, /],
  ['--changeset a:1 labels:x\nselect 1;', '1:1', /only with labels:x, and sqlmig runs it in every schema$/],
  ['--changeset a:1 dbms:oracle,mysql\nselect 1;', '1:1', /only with dbms:oracle,mysql, /],
  ['--changeset a:1\n--preconditions onFail:MARK_RAN\nselect 1;', '1:1', /only if its preconditions hold, /],
  ['--changeset a:1\nselect 1;\n--changeset a:2 runOnChange:true\nselect 2;', '3:1', /again \(runOnChange\)/],
  ['select 1;\ncreate table "__tenant".users (id int);', '2:1', /^this changes the schema __tenant, /],
  ['create or replace function app.f() returns int return 1;', '1:1', /^this changes the schema app, /],
  ['comment on column app.users.id is null;', '1:1', /^this changes the schema app, /],
  ['drop table if exists old_users, app.users;', '1:1', /^this changes the schema app, /],
  ['create index on app.users (id);', '1:1', /^this changes the schema app, /],
  ['update app.users set id = 1;', '1:1', /^this changes the schema app, /],
  [
    'set transaction isolation level serializable;',
    '1:1',
    /^a migration must not set the modes of its transaction/,
  ],
  ['select {{ x }};', '1:8', /placeholder/],
  ['select (;', '1:9', /syntax error/],
])('a person decides about %j', async ([text, place, what]) => {
  const { decisions } = await convert({ '1_x.sql': text });
  const found = decisions.map((one) => [`${one.line}:${one.column}`, one.what]);
  expect(found).toContainEqual([place, expect.stringMatching(what)]);
});

test.for([
  "create table t (x text default 'public', y text check (y in ('public', 'private')));",
  "create table posts (v text); update posts set v = 'public' where v is null;",
  "select set_config('app.x', 'y', false); set statement_timeout = 0;",
  'select 1 from information_schema.tables where table_schema = current_schema();',
  'create table public.t (id int); alter table public.t owner to x;',
  'create table migrations ();',
  'create table t (schema_version int, changelog text); alter table t add column if not exists hdb_version int;',
  'create table changelog (id int); create index on changelog (id); insert into changelog values (1);',
  '--liquibase formatted sql\n--changeset a:1 dbms:postgresql splitStatements:false runOnChange:false\nselect 1;',
  '--changeset a:1 dbms:!oracle,!mysql\nselect 1;\n--rollback empty',
  'create table t (id uuid default ext.uuid(), x ext.citext references app.users (id)); create index on t (ext.f(x));',
  'insert into app.log values (1); grant select on app.log to x; create temporary table pg_temp.t ();',
])('nobody has to decide about %j', async (text) => {
  expect((await convert({ '1_x.sql': text })).decisions).toEqual([]);
});

test('statements about kept tables go to public, each with its comments', async () => {
  const text = `-- first
create type public.tier as enum ('a'); -- the tier
-- plans
create table public.plans (code text primary key, tier public.tier);
create table public.orders (id serial, plan text references public.plans, tier public.tier);
create index plans_tier on public.plans (tier);
create index orders_plan on public.orders (plan);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touch before update on public.plans for each row execute function public.touch();
comment on column public.plans.code is 'x';
insert into public.plans values ('free');
insert into public.orders (plan) select code from public.plans;
drop index public.plans_tier;
select setval('orders_id_seq', 5);
update public.plans set code = o.plan from public.orders o;
-- the end
`;
  const { files, decisions } = await convert({ '1_x.sql': text }, { keep: ['plans'] });
  expect(files.map(({ scope, text: own }) => [scope, own])).toEqual([
    [
      'public',
      `-- first
create type public.tier as enum ('a'); -- the tier
-- plans
create table public.plans (code text primary key, tier public.tier);
create index plans_tier on public.plans (tier);
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touch before update on public.plans for each row execute function public.touch();
comment on column public.plans.code is 'x';
insert into public.plans values ('free');
drop index public.plans_tier;
`,
    ],
    [
      'tenant',
      `create table orders (id serial, plan text references public.plans, tier public.tier);
create index orders_plan on orders (plan);
insert into orders (plan) select code from public.plans;
select setval('orders_id_seq', 5);
update public.plans set code = o.plan from orders o;
-- the end
`,
    ],
  ]);
  expect(decisions).toEqual([
    expect.objectContaining({ line: 5, column: 1, what: expect.stringContaining('kept tables and others') }),
  ]);
});

test('both parts of a divided file run outside a transaction if the whole does', async () => {
  const text = '-- +goose NO TRANSACTION\n-- +goose Up\ncreate table k ();\ncreate table t ();\n';
  const { files } = await convert({ '1_x.sql': text }, { keep: ['k'] });
  expect(files.map((file) => file.text)).toEqual([
    '-- sqlmig: no-transaction\ncreate table k ();\n',
    '-- sqlmig: no-transaction\ncreate table t ();\n',
  ]);
});

test('a kept object that is renamed later is not found by its old name', async () => {
  const files = {
    '1_x.sql': 'create table k (id int primary key); create table t (k int references public.k);',
    '2_y.sql': 'alter table k rename to kept;',
  };
  const { decisions } = await convert(files, { keep: ['kept'] });
  expect(decisions).toMatchObject(
    [{ file: 'sql/tenant/1_x.sql', line: 1, column: 2, what: /renames or drops/ }].map((one) => ({
      ...one,
      what: expect.stringMatching(one.what),
    })),
  );
});

test('COPY with its rows becomes INSERT, in either direction', async () => {
  const rows = "COPY public.t (a) FROM stdin;\n1\tit's\n\\.\n";
  const inserts = "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES\n('1', 'it''s');\n";
  const { files, decisions } = await convert({
    '1_x.sql': `-- +goose Up\ncreate table public.t ();\n${rows}-- +goose Down\n${rows}`,
  });
  expect(files.map(({ name, text }) => [name, text])).toEqual([
    ['1_x.sql', `create table t ();\n${inserts}`],
    ['1_x.down.sql', inserts],
  ]);
  expect(files[0]?.changes).toEqual([
    'COPY FROM STDIN rewritten as INSERT',
    'marks removed',
    'down section moved to a separate file',
    '"public." removed 2 times',
  ]);
  expect(decisions).toEqual([]);
});
