import { expect, test } from 'vitest';
import { toScript } from '../../src/sql/script.ts';
import { foreignSections } from '../../src/sql/sections.ts';

async function mistakesOf(text: string, way: 'up' | 'down' = 'up') {
  const migration = {
    scope: 'tenant',
    version: '1',
    name: 'posts',
    checksum: '',
    file: '1_posts.sql',
    text,
    ...(way === 'down' && { undoes: true as const }),
  } as const;
  const script = await toScript(migration, 'public');
  return 'migration' in script
    ? []
    : script.map(({ code, details: { line, column, message, hint } }) => ({
        code,
        line,
        column,
        message,
        hint,
      }));
}

const up = 'create table posts (id int primary key);';
const down = 'drop table posts;';

// the tool, a file as it writes them, the line of the mark
const bothWays: readonly (readonly [tool: string, text: string, line: number])[] = [
  [
    'goose',
    `-- +goose Up\n-- +goose StatementBegin\n${up}\n-- +goose StatementEnd\n\n-- +goose Down\n-- +goose StatementBegin\n${down}\n-- +goose StatementEnd\n`,
    6,
  ],
  ['goose', `-- +goose up\n${up}\n--  +goose  down\n${down}\n`, 3],
  ['dbmate', `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n\n`, 4],
  ['dbmate', `-- migrate:up transaction:false\n${up}\n\n--migrate:down transaction:false\n${down}\n`, 4],
  ['sql-migrate', `\n-- +migrate Up\n${up}\n\n-- +migrate Down\n${down}\n`, 5],
  ['sql-migrate', `-- +migrate Up notransaction\n${up}\n-- +migrate Down notransaction\n${down}\n`, 3],
  ['node-pg-migrate', `-- Up Migration\n${up}\n\n-- Down Migration\n${down}\n`, 4],
  ['node-pg-migrate', `--- up migration ---\r\n${up}\r\n\r\n  --- down migration ---\r\n${down}\r\n`, 4],
  ['node-pg-migrate', `${up}\n-- =====\n-- DOWN Migration (Rollback)\n-- =====\n${down}\n`, 3],
  ['node-pg-migrate', `-- Up Migration\n${up}\n-- Down migration for posts\n${down}\n`, 3],
  ['node-pg-migrate', `-- Down Migration\n${down}\n-- Up Migration\n${up}\n`, 1],
  [
    'tern',
    `-- Write your migrate up statements here\n${up}\n\n---- create above / drop below ----\n\n${down}\n`,
    4,
  ],
  [
    'MyBatis Migrations',
    `-- // Create posts\n-- Migration SQL that makes the change goes here.\n${up}\n\n-- //@UNDO\n-- SQL to undo the change goes here.\n${down}\n`,
    5,
  ],
  ['MyBatis Migrations', `--// Create posts\n${up}\n\n--//@UNDO\n${down}\n`, 4],
  ['Play evolutions', `-- Posts schema\n\n-- !Ups\n${up}\n\n-- !Downs\n${down}\n`, 6],
  ['Play evolutions', `--- !Ups\n${up}\n--- !Downs\n${down}\n`, 3],
  ['micrate', `-- +micrate Up\n${up}\n\n-- +micrate Down\n${down}\n`, 4],
  [
    'shmig',
    `-- Migration: posts\n-- Created at: 2024-01-05 10:00:00\n-- ====  UP  ====\n\nBEGIN;\n${up}\nCOMMIT;\n\n-- ==== DOWN ====\n\nBEGIN;\n${down}\nCOMMIT;\n`,
    9,
  ],
  ['rambler', `-- rambler up\n${up}\n\n-- rambler down\n${down}\n`, 4],
  ['Atlas', `-- atlas:txtar\n\n-- migration.sql --\n${up}\n\n-- down.sql --\n${down}\n`, 6],
  ['aerich', `-- upgrade --\n${up}\n-- downgrade --\n${down}\n`, 3],
  ['Mojo::Pg', `-- 1 up\n${up}\n-- 1 down\n${down}\n-- 2 up (more)\nselect 2;\n-- 2 down\nselect 3;\n`, 3],
  [
    'a tool that keeps the up and down sections in one file',
    `--------------------\n-- Up\n--------------------\n${up}\n\n--------------------\n-- Down\n--------------------\n${down}\n`,
    7,
  ],
  [
    'a tool that keeps the up and down sections in one file',
    `-- @up {\n${up}\n-- }\n-- @down {\n${down}\n-- }\n`,
    4,
  ],
  ['a tool that keeps the up and down sections in one file', `${up}\n-- DOWN\n${down}\n`, 2],
  ['a tool that keeps the up and down sections in one file', `--;; up\n${up}\n--;; down\n${down}\n`, 3],
];

test.for(bothWays)('a file of %s that goes both ways is refused, once: %j', async ([tool, text, line]) => {
  const mark = text.split(/\r?\n/)[line - 1] ?? '';
  expect(await mistakesOf(text)).toEqual([
    {
      code: 'down-section',
      line,
      column: mark.length - mark.trimStart().length + 1,
      message: `"${mark.trim()}" begins the down section of ${tool}, but sqlmig runs the whole file`,
      hint: 'move that section into 1_posts.down.sql',
    },
  ]);
});

test.for(bothWays)('without its down section a file of %s runs', async ([, text, line]) => {
  const upFirst = text.split(/(?<=\n)/).slice(0, line - 1);
  // What is left of the down section is comments.
  for (const end of ['', '-- nothing to undo\n\n/* ; */ ;\n']) {
    const rest = upFirst.length === 0 ? text.slice(text.indexOf('-- Up')) : upFirst.join('');
    const mark = upFirst.length === 0 ? '' : (text.split(/(?<=\n)/)[line - 1] ?? '');
    expect(await mistakesOf(rest + mark + end)).toEqual([]);
  }
});

test('evolutions of Play whose marks start with # name their cause', async () => {
  expect(await mistakesOf(`# Users' schema\n\n# --- !Ups\n${up}\n\n# --- !Downs\n${down}\n`)).toEqual([
    {
      code: 'down-section',
      line: 6,
      column: 1,
      message: '"# --- !Downs" begins the down section of Play evolutions, but sqlmig runs the whole file',
      hint: 'move that section into 1_posts.down.sql',
    },
    {
      code: 'sql-syntax',
      line: 1,
      column: 1,
      message: 'a line that starts with # is a comment of Play evolutions, not of SQL',
      hint: 'start it with -- instead',
    },
  ]);
  expect(await mistakesOf(`# --- !Ups\n${up}\n\n# --- !Downs\n`)).toMatchObject([
    { code: 'sql-syntax', line: 1, column: 1, hint: 'start it with -- instead' },
  ]);
});

test.for([
  `-- Down the road this becomes a view.\n${up}\n-- rollback plan: drop it by hand\nselect 1;`,
  `${up}\n-- up to 10 rows\nselect 1;\n-- 3 down payments\nselect 2;`,
  `${up}\n-- down from 10 to 3 rows\nselect 1;\n-- migrate: down\nselect 2;`,
  `-- This file is named as it is by convention; that is no claim that a\n-- down migration exists somewhere.\n${up}`,
  `-- Taken offline, and while the server is\n-- down.\n${up}`,
  `create type direction as enum (\n-- up\n'up',\n-- down\n'down'\n);`,
  `${up}\n-- see -- +goose Down\nselect 1; -- migrate:down\nselect 2;`,
  `insert into docs values ('\n-- +goose Down\n', E'\\'\n-- migrate:down\n', "a\n-- Down Migration\n");\n${up}`,
  `do $body$ begin\n-- +migrate Down\nperform 1;\nend $body$;\n${up}`,
  `create function f$a$b() returns text language sql as $$ select '\n-- rambler down\n' $$;\n${up}`,
  `/* /* nested */\n-- ==== DOWN ====\n*/\n${up}`,
  // Marks that PostgreSQL reads as the comments they are.
  `--liquibase formatted sql\n\n--changeset ann:1\n${up}\n--rollback drop table posts;\n\n--changeset ann:2\nselect 1;\n/* liquibase rollback\ndrop table posts;\n*/`,
  `create table a ();\n--> statement-breakpoint\n${up}`,
  `--! Previous: -\n--! Hash: sha1:abc\n\n-- Enter migration here\n${up}`,
  `-- +goose Up\n-- +goose StatementBegin\n${up}\n-- +goose StatementEnd\n-- +goose ENVSUBST OFF`,
  `-- atlas:txmode none\n${up}`,
])('no down section: %j', async (text) => {
  expect(await mistakesOf(text)).toEqual([]);
});

test('an include of graphile-migrate is refused: what it stands for would be left out', async () => {
  expect(await mistakesOf(`${up}\n--!include functions/posts.sql\nselect ' --!include x';`)).toEqual([
    {
      code: 'unknown-directive',
      line: 2,
      column: 1,
      message:
        '"--!include functions/posts.sql" is for graphile-migrate; here it is a comment, and nothing is included',
      hint: 'replace the line with the text of that file',
    },
  ]);
});

test('mistakes of the up section are shown as well, those of the down section are not', async () => {
  const text = `-- Up Migration\nselec 1;\n-- Down Migration\ndrp table posts;`;
  expect(await mistakesOf(text)).toMatchObject([
    { code: 'down-section', line: 3 },
    { code: 'sql-syntax', line: 2, column: 1 },
  ]);
});

test('a .down.sql may keep the mark it was under, and holds no up section', async () => {
  expect(await mistakesOf(`-- Down Migration\n${down}`, 'down')).toEqual([]);
  expect(await mistakesOf(`-- migrate:up\n${up}\n-- migrate:down\n${down}`, 'down')).toMatchObject([
    {
      code: 'down-section',
      line: 1,
      message: '"-- migrate:up" begins the up section of dbmate, but sqlmig runs the whole file',
    },
  ]);
});

test('a long file', () => {
  const row = `insert into t values ('it''s', $$-- migrate:down$$); -- down\n`;
  const text = `-- migrate:up\n${row.repeat(20_000)}-- migrate:down\n${down}`;
  expect(foreignSections(text, 'up')).toMatchObject([{ tool: 'dbmate', end: text.length }]);
});
