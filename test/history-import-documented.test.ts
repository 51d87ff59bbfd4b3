import { expect, test } from 'vitest';
import { recognizeTool, toolOf } from '../src/history/foreign-history.ts';
import { flywayChecksum } from '../src/history/import/flyway.ts';
import { golangMigrateReader } from '../src/history/import/golang-migrate.ts';
import type { SourceFile } from '../src/history/import/history-reader.ts';
import {
  emptiedDatabase,
  inputFiles,
  readingOf,
  readOnlySample,
  sampleText,
  titleOf,
} from './setup/histories.ts';

// Tools that no sample was made with: their tables as their sources create them.

const { db, session } = await emptiedDatabase();

/** Columns of checksums.tsv by name. */
const checksums = (() => {
  const [head = '', ...lines] = sampleText('checksums.tsv').trimEnd().split('\n');
  const names = head.split('\t').map((name) => name.split(' ')[0] ?? '');
  return (name: string, at = names.indexOf(name)) => lines.map((line) => line.split('\t')[at] ?? '');
})();

const plain = inputFiles((name) => `${name}.sql`);
const numbered = inputFiles((name, i) => `V${i}__${titleOf(name)}.sql`);
const versions = plain.map(({ path }) => path.slice(0, 14));
const titles = plain.map(({ path }) => titleOf(path.slice(0, -4)));
const values = (row: (i: number) => string) => versions.map((_, i) => `(${row(i)})`).join(', ');
const at = `'2024-07-01 10:00:00'`;

const flywayTable = `create table flyway_schema_history (installed_rank int primary key, version varchar(50),
  description varchar(200) not null, type varchar(20) not null, script varchar(1000) not null, checksum int,
  installed_by varchar(100) not null, installed_on timestamp not null default now(), execution_time int not null,
  success boolean not null);`;
const flywayRow = (i: number) =>
  `${i + 1}, '${i + 1}', '${titles[i]?.replaceAll('_', ' ')}', 'SQL', 'V${i + 1}__${titles[i]}.sql',
  ${checksums('crc32')[i]}, 'me', ${at}, 5, true`;
const sqlxTable = `create table _sqlx_migrations (version bigint primary key, description text not null,
  installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
  execution_time bigint not null);`;
const sqlxRow = (i: number) =>
  `${versions[i]}, '${titles[i]}', ${at}, true, '\\x${checksums('sha384')[i]}', 1000`;
const refinery = (int: string, row: (i: number) => string) =>
  `create table refinery_schema_history (version ${int} primary key, name varchar(255), applied_on varchar(255),
  checksum varchar(255)); insert into refinery_schema_history values ${values(row)}`;
const atlasTable = `create table atlas_schema_revisions (version varchar primary key, description varchar not null,
  type bigint not null default 2, applied bigint not null default 0, total bigint not null default 0,
  executed_at timestamptz not null, execution_time bigint not null, error text, error_stmt text, hash varchar not null,
  partial_hashes jsonb, operator_version varchar not null);`;
const atlasRow = (i: number, applied = 1, { error = 'null', type = 2 } = {}) =>
  `'${versions[i]}', '${titles[i]}', ${type}, ${applied}, 1, ${at}, 5, ${error}, null, 'h', null, 'v1'`;

test.for([
  [
    'golang-migrate',
    'create table schema_migrations (version bigint primary key, dirty boolean not null); insert into schema_migrations values (20240611170500, false)',
    plain,
    'none',
    'unverified',
  ],
  [
    'goose',
    `create table goose_db_version (id int primary key, version_id bigint not null, is_applied boolean not null, tstamp timestamp not null default now());
    insert into goose_db_version values (1, 0, true, ${at}), ${values((i) => `${i + 2}, ${versions[i]}, true, ${at}`)}`,
    plain,
    'zone-unknown',
    'unverified',
  ],
  [
    'Flyway',
    `${flywayTable} insert into flyway_schema_history values ${values(flywayRow)}`,
    numbered,
    'zone-unknown',
    'equal',
  ],
  ['sqlx', `${sqlxTable} insert into _sqlx_migrations values ${values(sqlxRow)}`, plain, 'exact', 'equal'],
  [
    'Diesel',
    `create table __diesel_schema_migrations (version varchar(50) primary key, run_on timestamp not null);
    insert into __diesel_schema_migrations values ${values((i) => `'${versions[i]}', ${at}`)}`,
    inputFiles(
      (name) => `${name.slice(0, 4)}-${name.slice(4, 6)}-${name.slice(6, 8)}-${name.slice(8)}/up.sql`,
    ),
    'zone-unknown',
    'unverified',
  ],
  [
    'refinery',
    refinery(
      'int',
      (i) => `${i + 1}, '${titles[i]}', '2024-07-01T10:00:00.123456789Z', '${checksums('refinery', 5)[i]}'`,
    ),
    numbered,
    'exact',
    'equal',
  ],
  [
    'refinery',
    refinery(
      'bigint',
      (i) => `${versions[i]}, '${titles[i]}', '2024-07-01T10:00:00Z', '${checksums('refinery', 6)[i]}'`,
    ),
    inputFiles((name) => `V${name.replace('_', '__')}.sql`),
    'exact',
    'equal',
  ],
  [
    'tern',
    'create table schema_version (version int not null); insert into schema_version values (5)',
    inputFiles((name, i) => `00${i}_${titleOf(name)}.sql`),
    'none',
    'unverified',
  ],
  [
    'Sequelize',
    `create table "SequelizeMeta" (name varchar(255) primary key); insert into "SequelizeMeta" values ${values((i) => `'${versions[i]}_${titles[i]}.js'`)}`,
    plain,
    'none',
    'unverified',
  ],
  [
    'MikroORM',
    `create table mikro_orm_migrations (id serial primary key, name varchar(255), executed_at timestamptz default now());
    insert into mikro_orm_migrations (name, executed_at) values ${values((i) => `'Migration${versions[i]}', ${at}`)}`,
    plain,
    'exact',
    'unverified',
  ],
  [
    'Kysely',
    `create table kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null);
    insert into kysely_migration values ${values((i) => `'${versions[i]}_${titles[i]}', '2024-07-01T10:00:0${i}.000Z'`)}`,
    plain,
    'exact',
    'unverified',
  ],
  [
    'Atlas',
    `${atlasTable} insert into atlas_schema_revisions values ${values((i) => atlasRow(i))},
    ('.atlas_cloud_identifier', '', 2, 0, 0, ${at}, 0, null, null, '', null, 'v1')`,
    plain,
    'exact',
    'unverified',
  ],
  [
    'Hasura',
    `create schema hdb_catalog; create table hdb_catalog.hdb_version (hasura_uuid uuid, version text, upgraded_on timestamptz, cli_state jsonb, console_state jsonb);
    insert into hdb_catalog.hdb_version (cli_state) values ('${JSON.stringify({ migrations: { default: Object.fromEntries(versions.map((version) => [version, false])) } })}')`,
    inputFiles((name) => `default/${name}/up.sql`),
    'none',
    'unverified',
  ],
  [
    'Hasura before 1.4',
    `create schema hdb_catalog; create table hdb_catalog.hdb_version (hasura_uuid uuid);
    create table hdb_catalog.schema_migrations (version bigint primary key, dirty boolean not null);
    insert into hdb_catalog.schema_migrations values ${values((i) => `${versions[i]}, false`)}`,
    plain,
    'none',
    'unverified',
  ],
  [
    'sql-migrate',
    `create table gorp_migrations (id text primary key, applied_at timestamptz); insert into gorp_migrations values ${values((i) => `'${versions[i]}_${titles[i]}.sql', ${at}`)}`,
    plain,
    'exact',
    'unverified',
  ],
  [
    'pop',
    `create table schema_migration (version varchar(14) not null); insert into schema_migration values ${values((i) => `'${versions[i]}'`)}`,
    inputFiles((name) => `${name}.postgres.up.sql`),
    'none',
    'unverified',
  ],
  [
    'pop',
    `create table schema_migration (version varchar(48) not null, version_self int default 0);
    insert into schema_migration values ${values((i) => `'${versions[i]}'`)}, ${values((i) => `'${versions[i]}000000'`)}`,
    inputFiles((name) => `${name.replace('_', '000000_')}.up.sql`),
    'none',
    'unverified',
  ],
  [
    'db-migrate',
    `create table migrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
    insert into migrations (name, run_on) values ${values((i) => `'/${versions[i]}-${titles[i]}', ${at}`)}`,
    inputFiles((name) => `sqls/${name.replace('_', '-')}-up.sql`),
    'zone-unknown',
    'unverified',
  ],
  [
    'ley',
    `create table migrations (id serial primary key, name varchar(255) not null, created_at timestamp not null);
    insert into migrations (name, created_at) values ${values((i) => `'${versions[i]}_${titles[i]}.js', ${at}`)}`,
    plain,
    'zone-unknown',
    'unverified',
  ],
] as const)('%s: five rows, five files', async ([tool, sql, files, time, check]) => {
  await db.query(`set timezone = 'UTC'; ${sql}`);
  const found = await readOnlySample(session, files);
  expect(found.tool).toBe(tool);
  const reading = readingOf(found);
  expect(reading.applied.map((one) => [one.file.path, one.check])).toEqual(
    files.map(({ path }) => [path, check]),
  );
  expect([reading.withoutFile, reading.withoutRow, reading.time]).toEqual([[], [], time]);
  for (const { recorded } of reading.applied) {
    if (time === 'none') expect(recorded.appliedAt).toBe(null);
    else expect(new Date(recorded.appliedAt ?? '').toISOString()).toMatch(/^2024-07-01T10:00:0/);
  }
});

test.for([
  [
    'golang-migrate',
    'create table schema_migrations (version bigint primary key, dirty boolean not null); insert into schema_migrations values (7, true)',
    'dirty database version 7',
  ],
  [
    'golang-migrate',
    'create table schema_migrations (version bigint primary key, dirty boolean not null); insert into schema_migrations values (7, false), (8, false)',
    '2 rows',
  ],
  [
    'Flyway',
    `${flywayTable} insert into flyway_schema_history values (1, '1', 'x', 'SQL', 'V1__x.sql', 1, 'me', ${at}, 5, false)`,
    'migration V1__x.sql failed',
  ],
  [
    'sqlx',
    `${sqlxTable} insert into _sqlx_migrations values (7, 'x', ${at}, false, '', -1)`,
    'migration 7 is partially applied',
  ],
  [
    'Atlas',
    `${atlasTable} insert into atlas_schema_revisions values (${atlasRow(0, 0)})`,
    'partially applied (0 of 1 statements)',
  ],
  [
    'Atlas',
    `${atlasTable} insert into atlas_schema_revisions values (${atlasRow(0, 1, { error: "'syntax error'" })})`,
    'partially applied',
  ],
] as const)('%s: a history in doubt is refused', async ([tool, sql, refused]) => {
  await db.query(sql);
  const found = await readOnlySample(session, plain);
  expect(found.tool).toBe(tool);
  expect(found.reading).toMatchObject({
    refused: expect.stringContaining(refused),
    hint: expect.any(String),
  });
});

test('Flyway: baseline, undone, repeatable and dotted versions', async () => {
  await db.query(`${flywayTable} insert into flyway_schema_history values
    (0, null, '<< Flyway Schema Creation >>', 'SCHEMA', '"public"', null, 'me', ${at}, 0, true),
    (1, '1.9', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', null, 'me', ${at}, 0, true),
    (2, '1.10', 'ten', 'SQL', 'V1.10__ten.sql', ${flywayChecksum('ten')}, 'me', ${at}, 0, true),
    (3, '2.0', 'two', 'SQL', 'V2.0__two.sql', ${flywayChecksum('two')}, 'me', ${at}, 0, true),
    (4, '2.0', 'two', 'UNDO_SQL', 'U2.0__two.sql', 1, 'me', ${at}, 0, true),
    (5, null, 'my view', 'SQL', 'R__my_view.sql', 1, 'me', ${at}, 0, true),
    (6, null, 'my view', 'SQL', 'R__my_view.sql', ${flywayChecksum('a\r\nb')}, 'me', ${at}, 0, true),
    (7, null, 'other', 'SQL', 'R__other.sql', 1, 'me', ${at}, 0, true)`);
  const files = [
    ['V1__one.sql', 'one'],
    ['V1_9_0__nine.sql', 'nine'],
    ['V1_10__ten.sql', 'changed'],
    ['V2__two.sql', 'two'],
    ['U2__two.sql', 'undo'],
    ['R__my_view.sql', 'a\nb'],
    ['R__other.sql', `grant x to $${'{role}'}`],
  ].map(([path = '', text = '']) => ({ path, text }));
  const { applied, withoutRow } = readingOf(await readOnlySample(session, files));
  expect(applied.map(({ file, check }) => [file.path, check])).toEqual([
    ['V1__one.sql', 'unverified'],
    ['V1_9_0__nine.sql', 'unverified'],
    ['V1_10__ten.sql', 'changed'],
    ['R__my_view.sql', 'equal'],
    ['R__other.sql', 'unverified'],
  ]);
  expect(withoutRow.map(({ path }) => path)).toEqual(['V2__two.sql']);
});

test('Atlas: what precedes a baseline is applied, and so is what was marked as resolved', async () => {
  await db.query(`${atlasTable} insert into atlas_schema_revisions values (${atlasRow(1, 0, { type: 1 })}),
    (${atlasRow(2, 0, { type: 6, error: "'syntax error'" })}), (${atlasRow(3, 1, { error: "''" })})`);
  const { applied, withoutFile, withoutRow } = readingOf(await readOnlySample(session, plain));
  expect(applied.map(({ file }) => file.path)).toEqual(plain.slice(0, 4).map(({ path }) => path));
  expect([withoutFile, withoutRow]).toEqual([[], plain.slice(4)]);
});

test('Flyway: a row of a B file says nothing about the V file of its version', async () => {
  await db.query(`${flywayTable} insert into flyway_schema_history values
    (1, '5', 'all', 'SQL_BASELINE', 'B5__all.sql', ${flywayChecksum('all')}, 'me', ${at}, 0, true),
    (2, '6', 'six', 'SQL', 'V6__six.sql', ${flywayChecksum('six')}, 'me', ${at}, 0, true),
    (3, '6', 'six', 'UNDO_SPRING_JDBC', 'U6', null, 'me', ${at}, 0, true)`);
  const files = [
    ['B5__all.sql', 'all'],
    ['V4__four.sql', 'four'],
    ['V5__five.sql', 'five'],
    ['V6__six.sql', 'six'],
  ].map(([path = '', text = '']) => ({ path, text }));
  const { applied, withoutRow } = readingOf(await readOnlySample(session, files));
  expect(applied.map(({ file, check }) => [file.path, check])).toEqual([
    ['V4__four.sql', 'unverified'],
    ['B5__all.sql', 'equal'],
    ['V5__five.sql', 'unverified'],
  ]);
  expect(withoutRow.map(({ path }) => path)).toEqual(['V6__six.sql']);
});

test('goose: the newest row of a version decides', async () => {
  await db.query(`create table goose_db_version (id serial primary key, version_id bigint not null,
    is_applied boolean not null, tstamp timestamp default now());
    insert into goose_db_version (version_id, is_applied) values (0, true), (1, true), (2, true), (2, false), (1, false), (1, true)`);
  const files = ['00001_a.sql', '00002_b.go'].map((path) => ({ path, text: '' }));
  const { applied, withoutRow } = readingOf(await readOnlySample(session, files));
  expect(applied.map(({ file }) => file.path)).toEqual(['00001_a.sql']);
  expect(withoutRow.map(({ path }) => path)).toEqual(['00002_b.go']);
});

test.for([
  ['golang-migrate', 'schema_migrations', '(version bigint primary key, dirty boolean not null)', '7, false'],
  ['tern', 'schema_version', '(version int not null)', '7'],
] as const)('%s: the newest version needs a file as well', async ([, table, columns, row]) => {
  await db.query(`create table ${table} ${columns}; insert into ${table} values (${row})`);
  const files = inputFiles((name, i) => `00${i}_${titleOf(name)}.sql`);
  const { applied, withoutFile } = readingOf(await readOnlySample(session, files));
  expect([applied.length, withoutFile.map(({ name }) => name)]).toEqual([5, ['7']]);
});

test.for([
  [
    'golang-migrate',
    'schema_migrations',
    '(version bigint primary key, dirty boolean not null)',
    '-1, false',
  ],
  ['tern', 'schema_version', '(version int not null)', '0'],
] as const)('%s: before the first migration, nothing is applied', async ([, table, columns, row]) => {
  await db.query(`create table ${table} ${columns}; insert into ${table} values (${row})`);
  const files = inputFiles((name, i) => `00${i}_${titleOf(name)}.sql`);
  const { applied, withoutFile } = readingOf(await readOnlySample(session, files));
  expect([applied, withoutFile]).toEqual([[], []]);
});

test.for<[string, string, SourceFile[], SourceFile[]]>([
  [
    'refinery: U is the prefix of a migration that may run out of order',
    refinery('int', (i) => `${i + 1}, '${titles[i]}', '2024-07-01T10:00:00Z', '1'`),
    inputFiles((name, i) => `U${i}__${titleOf(name)}.sql`),
    [],
  ],
  [
    'db-migrate: what undoes a migration is a file of its own',
    `create table migrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
    insert into migrations (name, run_on) values ${values((i) => `'/${versions[i]}-${titles[i]}', ${at}`)}`,
    inputFiles((name) => `sqls/${name.replace('_', '-')}-up.sql`),
    inputFiles((name) => `sqls/${name.replace('_', '-')}-down.sql`),
  ],
])('%s', async ([, sql, up, down]) => {
  await db.query(sql);
  const { applied, withoutFile, withoutRow } = readingOf(await readOnlySample(session, [...up, ...down]));
  expect(applied.map(({ file }) => file.path)).toEqual(up.map(({ path }) => path));
  expect([withoutFile, withoutRow]).toEqual([[], []]);
});

test('tools that record the newest version cover every file up to it, and no later one', async () => {
  await db.query('create table schema_version (version int not null); insert into schema_version values (3)');
  const files = inputFiles((name, i) => `00${i}_${titleOf(name)}.sql`);
  const { applied, withoutRow, caveat } = readingOf(await readOnlySample(session, files));
  expect([applied.length, withoutRow.length]).toEqual([3, 2]);
  expect(caveat).toContain('may never have run');
});

test.for([
  [
    'knex',
    'my_changes',
    ['id integer', 'name character varying(255)', 'batch integer', 'migration_time timestamp with time zone'],
  ],
  ['Rails', 'schema_migrations', ['version character varying']],
  [
    null,
    'documents',
    ['id bigint', 'version bigint', 'title text', 'inserted_at timestamp(0) without time zone'],
  ],
  [null, 'tags', ['name character varying(255)']],
  ['another tool', 'pgmigrations', ['x integer']],
] as const)('%s: %s', ([tool, table, columns]) => {
  expect(toolOf(table, columns, ['ar_internal_metadata'])).toBe(tool);
});

test('without the tables beside it, a table of versions alone may be of either tool', () => {
  expect(recognizeTool(['version character varying'])).toBe('dbmate or Rails');
});

// From golang-migrate's own test of the function.
test('the lock key of golang-migrate', () => {
  const place = { schema: 'schema_name_1', table: 'schema_name_2', database: 'database_name' };
  expect(golangMigrateReader.lockKeys?.(place)).toEqual([{ from: 3743845847n, to: 3743845847n }]);
});
