import { expect, test } from 'vitest';
import { toScript } from '../../src/sql/script.ts';

const migration = (text: string, scope: 'public' | 'tenant' = 'tenant') =>
  ({ scope, version: '1', name: 'x', checksum: '', file: '1_x.sql', text }) as const;

async function mistakesOf(text: string) {
  const script = await toScript(migration(text), 'public');
  return 'migration' in script ? [] : script.map(({ code, details }) => [code, details.line, details.column]);
}

test.for([
  ['', []],
  ['-- only a comment', []],
  ['select 1', ['select 1']],
  ['select 1; ; select 2 -- end', ['select 1', 'select 2']],
  [
    '/* ü */ create table ü (id int);\r\n-- 🐘\ninsert into ü values (1)',
    ['create table ü (id int)', 'insert into ü values (1)'],
  ],
  ["do $$ begin perform ';'; end $$; select ';'", ["do $$ begin perform ';'; end $$", "select ';'"]],
  [
    'create function f() returns int begin atomic select 1; select 2; end; select 3',
    ['create function f() returns int begin atomic select 1; select 2; end', 'select 3'],
  ],
  [
    `insert into t values ('{{ name }}', '\${x}') -- {{ fine }}`,
    [`insert into t values ('{{ name }}', '\${x}')`],
  ],
] as const)('%j', async ([text, statements]) => {
  const script = await toScript(migration(text), 'public');
  expect('migration' in script && script.statements.map(({ start, end }) => text.slice(start, end))).toEqual(
    statements,
  );
});

test.for([
  ['begin isolation level serializable; select 1; commit', [['transaction-control', 1, 1]]],
  ['start transaction read only; select 1; commit', [['transaction-control', 1, 1]]],
  ['-- x\nset transaction isolation level serializable; select 1', [['transaction-control', 2, 1]]],
  ['begin; set transaction read only; commit', [['transaction-control', 1, 8]]],
  [`set local transaction_isolation = 'repeatable read'`, [['transaction-control', 1, 1]]],
  ['set transaction not deferrable', [['transaction-control', 1, 1]]],
  [`set transaction snapshot 'x'`, [['transaction-control', 1, 1]]],
  ['vacuum t; set transaction read only', [['transaction-control', 1, 11]]],
  ['begin; select 1; commit and chain', [['transaction-control', 1, 18]]],
  ['begin; select 1; rollback', [['transaction-control', 1, 18]]],
  ['begin', [['transaction-control', 1, 1]]],
  ['begin; select 1; commit; begin; select 2', [['transaction-control', 1, 26]]],
  ['begin; begin; select 1; commit', [['transaction-control', 1, 8]]],
  [
    'begin; begin; select 1; commit; commit',
    [
      ['transaction-control', 1, 8],
      ['transaction-control', 1, 33],
    ],
  ],
  ['select 1; end', [['transaction-control', 1, 11]]],
  [`begin; select 1; prepare transaction 'a'`, [['transaction-control', 1, 18]]],
  [`commit prepared 'a'`, [['transaction-control', 1, 1]]],
  ['vacuum t; begin; select 1; commit', [['transaction-control', 1, 11]]],
  ['begin; create index concurrently i on t (a); commit', [['transaction-control', 1, 1]]],
  [
    '-- sqlmig: no-transaction\nsavepoint a; select 1; release a',
    [
      ['transaction-control', 2, 1],
      ['transaction-control', 2, 24],
    ],
  ],
  ['-- ü🐘\n\\i other.sql', [['psql-command', 2, 1]]],
  ['select :name', [['psql-command', 1, 8]]],
  ["select :'name'", [['psql-command', 1, 8]]],
  ['copy t from stdin', [['copy-stdin', 1, 1]]],
  ['select 1;\ncopy t (a) from stdin;\n1\tx\n\\.\n', [['copy-stdin', 2, 1]]],
  ['copy t to stdout', [['copy-stdin', 1, 1]]],
  ['create table {{x}} ()', [['unrendered-placeholder', 1, 14]]],
  [
    `create table "üa"."{{x}}" (); create table "\${y}" ()`,
    [
      ['unrendered-placeholder', 1, 19],
      ['unrendered-placeholder', 1, 44],
    ],
  ],
  ['select 1 form t x', [['sql-syntax', 1, 15]]],
  ["select 'open", [['sql-syntax', 1, 8]]],
  ['-- sqlmig: no-transacton\nselect 1', [['unknown-directive', 1, 1]]],
  ['-- +goose Up\nselect 1;\n-- +goose Down\ndrop table t', [['down-section', 3, 1]]],
  ['-- migrate:up\nselect 1;\n\n-- migrate:down\nselect 2', [['down-section', 4, 1]]],
] as [string, unknown[]][])('%j', async ([text, mistakes]) => {
  expect(await mistakesOf(text)).toEqual(mistakes);
});

test('pairs of BEGIN and COMMIT vanish, and nothing moves', async () => {
  const text =
    '-- ü\nBEGIN; -- start\nselect 1;\r\nCOMMIT ;\n-- end\ncreate table t ();\nstart transaction; savepoint a;\nrollback to a; end work';
  const script = await toScript(migration(text), 'public');
  expect(script).toMatchObject({
    text: '-- ü\n       -- start\nselect 1;\r\n        \n-- end\ncreate table t ();\n                   savepoint a;\nrollback to a;         ',
    statements: ['select', 'create', 'savepoint', 'rollback'].map((word) => ({ start: text.indexOf(word) })),
  });
});

test('why transaction control is refused', async () => {
  const script = await toScript(migration('vacuum t; begin; select 1; commit'), 'public');
  expect('migration' in script ? [] : script.map(({ message }) => message)).toEqual([
    'BEGIN has no effect here, since the statements of this file run one by one (VACUUM)',
  ]);
});

test('of many mistakes of one kind the first hundred are told, and how many more there are', async () => {
  const script = await toScript(migration('commit;\n'.repeat(1_000)), 'public');
  if ('migration' in script) throw new Error('it must be refused');
  expect(script.map(({ details }) => details.line)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(script.at(-1)?.message).toBe('COMMIT without BEGIN (and 900 more in this file)');
});

test.for([
  ['create table t (system_user text, b int)', 'CreateStmt', 'system_user', 16, 16],
  [
    'create table t (a int);\ncreate view v as select SYSTEM_USER.a from system_user',
    'ViewStmt',
    'system_user',
    16,
    48,
  ],
  ['select json_value(a) from t', 'SelectStmt', 'json_value', 17, 7],
  ['select json_value(json_query(a, b))', 'SelectStmt', 'json_query', 17, 18],
  [
    'create function json_exists(a text) returns int language sql as $$ select 1 $$',
    'CreateFunctionStmt',
    'json_exists',
    17,
    16,
  ],
  ['drop function json_scalar(text)', 'DropStmt', 'json_scalar', 17, 14],
  ['drop function merge_action()', 'DropStmt', 'merge_action', 17, 14],
  ['select json_objectagg(k, v) from t', 'SelectStmt', 'json_objectagg', 16, 7],
  ['create type x as (a json_table)', 'CompositeTypeStmt', 'json_table', 17, 20],
  [
    'create function json_array(a int) returns int language sql as $$ select 1 $$',
    'CreateFunctionStmt',
    'json_array',
    16,
    16,
  ],
  ['select a is json from t; select json_serialize(a, b)', 'SelectStmt', 'json_serialize', 17, 32],
  ['create table t (a json.thing)', 'CreateStmt', 'json', 17, 18],
] as [string, string, string, number, number][])(
  'what only a newer grammar refuses is left to the server: %s',
  async ([text, kind, word, since, index]) => {
    const script = await toScript(migration(`/* ü */ ${text}`, 'public'), 'public');
    if (!('migration' in script)) throw new Error(script[0]?.message);
    const { lints, statements } = script;
    expect(script.text).toBe(`/* ü */ ${text}`);
    expect(lints).toMatchObject([
      { rule: 'newer-grammar', index: index + 8, message: expect.stringContaining(`PostgreSQL ${since}`) },
    ]);
    expect(statements.at(-1)?.kind).toBe(kind);
    expect([...(statements.at(-1)?.reach.words ?? [])].map((name) => name.toLowerCase())).toContain(word);
  },
);

test.for([
  `select json_value(a, '$.x' returning int), json_exists(a, '$.y'), system_user from t`,
  `create table t ("system_user" text)`,
  `select 'json_value(a)', "json_value"(a) -- json_value(a`,
])('what every version reads alike has no lint: %s', async (text) => {
  expect(await toScript(migration(text, 'public'), 'public')).toMatchObject({ lints: [] });
});

test.for([
  ['create table t (system_user text, selec int form)', 1, 45],
  ['select json_value(a) form t x', 1, 27],
] as const)('a text that no version reads is an error at its place: %s', async ([text, line, column]) => {
  expect(await mistakesOf(text)).toEqual([['sql-syntax', line, column]]);
});

test('a text longer than a piece is split at statements, and errors keep their place', async () => {
  const row = `insert into t values (1, 'ü; \n;\n ${'x'.repeat(200)}');\n`;
  const text = row.repeat(4_000);
  const script = await toScript(migration(text), 'public');
  expect('migration' in script && script.statements.length).toBe(4_000);
  expect('migration' in script && script.statements.at(-1)?.start).toBe(text.lastIndexOf('insert'));
  expect(await mistakesOf(`${text}selec 1;\n${row.repeat(10)}`)).toEqual([['sql-syntax', 3 * 4_000 + 1, 1]]);
  expect(await mistakesOf(`${text}select 'open;\n${'-- more\n'.repeat(10)}`)).toEqual([
    ['sql-syntax', 3 * 4_000 + 1, 8],
  ]);
});

test.for([
  ['create index on t (a)', null],
  ['select 1;\ncreate index concurrently i on t (a)', 'CREATE INDEX CONCURRENTLY'],
  ['drop index concurrently i', 'DROP INDEX CONCURRENTLY'],
  ['reindex (verbose, concurrently) table t', 'REINDEX CONCURRENTLY'],
  ['reindex table t', null],
  ['reindex schema s', 'REINDEX of more than a table'],
  ['vacuum t', 'VACUUM'],
  ['analyze t', null],
  ['cluster', 'CLUSTER without a table'],
  ['alter table t detach partition p concurrently', 'DETACH PARTITION CONCURRENTLY'],
  ['create database d', 'CREATE DATABASE'],
  ['alter system set a = 1', 'ALTER SYSTEM'],
  ['refresh materialized view concurrently v', null],
  ['-- sqlmig: no-transaction\nselect 1', 'the file asks for it'],
  ['-- no-transaction\nselect 1', 'the file asks for it'],
  ['-- +goose NO TRANSACTION\nselect 1', 'the file asks for it'],
  ['-- migrate:up transaction:false\nselect 1', 'the file asks for it'],
  ['-- +migrate Up notransaction\nselect 1', 'the file asks for it'],
  ['---- tern: disable-tx ----\nselect 1', 'the file asks for it'],
  ['-- atlas:txmode none\n\nselect 1', 'the file asks for it'],
  ['-- atlas:txmode file\nselect 1', null],
  ['--! Previous: -\n--! Hash: x\n\n--! no-transaction\nselect 1', 'the file asks for it'],
  ['-- flyway:executeInTransaction=false\nselect 1', 'the file asks for it'],
  ['-- :disable-transaction\nselect 1', 'the file asks for it'],
  ['-- postgres-migrations disable-transaction\nselect 1', 'the file asks for it'],
  ['-- depends: 1\n-- transactional: false\nselect 1', 'the file asks for it'],
  ['-- evolve-tx-off\nselect 1', 'the file asks for it'],
  ['-- txn-mode = off\nselect 1', 'the file asks for it'],
  ['-- refinery:noTransaction\nselect 1', 'the file asks for it'],
  ['-- disable_ddl_transaction\nselect 1', 'the file asks for it'],
  [
    '--liquibase formatted sql\n--changeset a:1\nselect 1;\n--changeset a:2 runInTransaction:false\nselect 2;',
    'the file asks for it',
  ],
  ['select 1;\n-- +goose NO TRANSACTION', 'the file asks for it'],
  ["select '\n-- +goose NO TRANSACTION'", null],
  // Who says it in our words as well, or has to run outside of one anyway, is understood.
  ['-- supabase:no-transaction\nvacuum t', 'VACUUM'],
  // Sentences are no marks.
  ['-- This needs no transaction of its own.\nselect 1', null],
  ['-- no transactions are left behind\nselect 1', null],
  ['-- transaction log\nselect 1', null],
  ['select 1;\n-- sqlmig: no-transaction', null],
] as const)('%j: why it is non-transactional', async ([text, reason]) => {
  expect(await toScript(migration(text, 'public'), 'public')).toMatchObject({ nonTransactional: reason });
});

test.for([
  '-- supabase:no-transaction',
  '-- prisma-disable-transactions',
  '-- prisma:disable-transaction',
  '-- +micrate NoTransaction',
  '-- NO TRANSACTION',
  '-- disable-transaction',
  '--- no_tx',
  '-- executeInTransaction=false',
  '-- transaction: off',
  '-- atlas:txmode  no',
])('%j is named as a mark that is not known', async (mark) => {
  expect(await mistakesOf(`-- what it does\n${mark}\nselect 1`)).toEqual([['unknown-directive', 2, 1]]);
});
