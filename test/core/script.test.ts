import { expect, test } from 'vitest';
import { toScript } from '../../src/core/script.ts';

const migration = (text: string) =>
  ({ scope: 'tenant', version: '1', name: 'x', checksum: '', file: '1_x.sql', text }) as const;

async function mistakesOf(text: string) {
  const script = await toScript(migration(text), 'public');
  return 'migration' in script ? [] : script.map(({ code, details }) => [code, details.line, details.column]);
}

test.for([
  ['', []],
  ['-- only a comment', []],
  ['select 1', ['select 1']],
  ['select 1; ; select 2 -- end', ['select 1', 'select 2 -- end']],
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
    [`insert into t values ('{{ name }}', '\${x}') -- {{ fine }}`],
  ],
] as const)('%j', async ([text, statements]) => {
  const script = await toScript(migration(text), 'public');
  expect('migration' in script && script.statements.map(({ start, end }) => text.slice(start, end))).toEqual(
    statements,
  );
});

test.for([
  [
    'select 1;\n  begin;\nselect 2; commit',
    [
      ['transaction-control', 2, 3],
      ['transaction-control', 3, 11],
    ],
  ],
  [
    'begin; select 1; commit; select 2',
    [
      ['transaction-control', 1, 1],
      ['transaction-control', 1, 18],
    ],
  ],
  [
    'begin isolation level serializable; select 1; commit',
    [
      ['transaction-control', 1, 1],
      ['transaction-control', 1, 47],
    ],
  ],
  [
    'begin; select 1; commit and chain',
    [
      ['transaction-control', 1, 1],
      ['transaction-control', 1, 18],
    ],
  ],
  ['begin', [['transaction-control', 1, 1]]],
  ['begin; savepoint a; commit', [['transaction-control', 1, 8]]],
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
  ['select 1;\ncreate index concurrently if not exists i on t (a)', [['concurrently-if-not-exists', 2, 1]]],
] as [string, unknown[]][])('%j', async ([text, mistakes]) => {
  expect(await mistakesOf(text)).toEqual(mistakes);
});

test('BEGIN and COMMIT around a whole file vanish, and nothing moves', async () => {
  const text = '-- ü\nBEGIN; -- start\nselect 1;\r\nCOMMIT ;\n-- end';
  const script = await toScript(migration(text), 'public');
  expect(script).toMatchObject({
    text: '-- ü\n       -- start\nselect 1;\r\n        \n-- end',
    statements: [{ start: text.indexOf('select') }],
  });
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
  ['select 1;\n-- sqlmig: no-transaction', null],
] as const)('%j: why it is non-transactional', async ([text, reason]) => {
  expect(await toScript(migration(text), 'public')).toMatchObject({ nonTransactional: reason });
});
