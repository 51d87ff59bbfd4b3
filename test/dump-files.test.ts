import { beforeEach, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { findDumper } from './setup/pg-dump.ts';
import { project } from './setup/project.ts';

const dumper = findDumper();
if (typeof dumper === 'string') console.log(`skipped: ${dumper}`);

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const shape = `create type SCHEMA.mood as enum ('sad', 'happy');
create table SCHEMA.users (id serial primary key, name text not null, mood SCHEMA.mood default 'sad', doc xml);
create table SCHEMA.posts (id int generated always as identity primary key, author int references SCHEMA.users);
create view SCHEMA.happy as select * from SCHEMA.users where mood = 'happy';
create function SCHEMA.later() returns bigint language sql set search_path = SCHEMA as 'select count(*) from users';
create index on SCHEMA.users (lower(name));
comment on table SCHEMA.users is 'back\\slash; -- no comment';
insert into SCHEMA.users (name, doc) values (E'line\nbreak', '<a/>'), ('\\restrict x', null);`;

/** A dump of a schema with a little of everything; all of it is the tables' own, as nobody else has their roles. */
async function dumpOf(schema: string, options: readonly string[]): Promise<string> {
  if (typeof dumper === 'string') throw new Error(dumper);
  const server = await ownServer({}, dumper.major < 18 ? dumper.major : undefined);
  if (schema !== 'public') await server.query(`create schema ${schema}`);
  await server.query(shape.replaceAll('SCHEMA', schema));
  return dumper.dump(server.url, [...options, '--no-owner']);
}

test.skipIf(typeof dumper === 'string').for([
  ['-s', 0],
  ['--inserts', 2],
] as const)('a whole pg_dump %s runs as the first public file', async ([option, rows]) => {
  const dump = await dumpOf('public', [option]);
  expect(dump).toContain("set_config('search_path', '', false)");
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_dump.sql': dump,
      'sql/public/2_more.sql': 'create table more (u int references users)',
      'sql/tenant/1_t.sql': 'create table t (u int references users)',
    },
  );
  const place = dump.slice(0, dump.indexOf('SELECT pg_catalog')).split('\n').length;
  const warning = `sql/public/1_dump.sql:${place}:1: this dump empties search_path and disables timeouts`;
  expect((await sqlmig(['plan'], p.dir)).stdout).toContain(warning);
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up).toMatchObject({ code: 0, stderr: expect.stringContaining(warning) });
  expect(await db.query('select name from users order by id')).toEqual(
    [{ name: 'line\nbreak' }, { name: '\\restrict x' }].slice(0, rows),
  );
  expect(await db.query('select later()::int as n')).toEqual([{ n: rows }]);
  expect(await db.query(`select obj_description('users'::regclass) as d`)).toEqual([
    { d: 'back\\slash; -- no comment' },
  ]);
});

test.skipIf(typeof dumper === 'string')(
  'a dump of a tenant runs in all tenants once it names no schema, and is named before that',
  async () => {
    const dump = await dumpOf('acme', ['--inserts', '-n', 'acme']);
    const p = project(
      { url: db.url, tenants: { list: ['acme', 'globex'] } },
      { 'sql/tenant/1_dump.sql': dump },
    );
    const line = dump.slice(0, dump.indexOf('CREATE TABLE acme.')).split('\n').length;
    const warning = `sql/tenant/1_dump.sql:${line}:1: the dump was made of schema acme`;
    expect((await sqlmig(['plan'], p.dir)).stdout).toContain(warning);
    const refused = await sqlmig(['up', '--tenants', 'globex'], p.dir);
    expect(refused.code).toBe(1);
    expect(refused.stderr + refused.stdout).toContain('changes-other-schema');
    p.write({ 'sql/tenant/1_dump.sql': dump.replaceAll('acme.', '').replace('CREATE SCHEMA acme;', '') });
    const plan = await sqlmig(['plan'], p.dir);
    expect(plan.stdout).toContain('empties search_path');
    expect(plan.stdout).not.toContain('was made of schema');
    expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
    expect(await db.query('select id, mood::text from globex.users')).toEqual([
      { id: 1, mood: 'sad' },
      { id: 2, mood: 'sad' },
    ]);
  },
);

// As pg_dump of each version writes it.
const heads: Readonly<Record<number, string>> = {
  15: '',
  16: '',
  17: 'SET transaction_timeout = 0;\n',
  18: 'SET transaction_timeout = 0;\n',
};
const key = 'a'.repeat(63);

test.for([15, 16, 17, 18])(
  'the head of pg_dump %i sets nothing, on any server and in any scope',
  async (major) => {
    const dump = `--
-- PostgreSQL database dump
--

\\restrict ${key}

-- Dumped from database version ${major}.1

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
${heads[major]}SET client_encoding = 'LATIN1';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE seen (path text, timeout text, bodies text, said text);

INSERT INTO seen VALUES (current_setting('search_path'), current_setting('lock_timeout'), current_setting('check_function_bodies'), E'ü
\\\\restrict ${key}
');

--
-- PostgreSQL database dump complete
--

\\unrestrict ${key}
`;
    const p = project(
      { url: db.url, tenants: { list: ['acme'] } },
      { 'sql/public/1_dump.sql': dump, 'sql/tenant/1_dump.sql': dump },
    );
    const up = await sqlmig(['up', '--all'], p.dir);
    expect(up).toMatchObject({ code: 0 });
    expect(up.stderr.match(/empties search_path/g)).toHaveLength(2);
    const said = `ü\n\\restrict ${key}\n`;
    const seen = { timeout: '5s', bodies: 'off', said };
    expect(await db.query('select * from public.seen')).toEqual([{ ...seen, path: 'public' }]);
    expect(await db.query('select * from acme.seen')).toEqual([{ ...seen, path: 'acme, public' }]);
  },
);

test.for([
  ['SET lock_timeout = 0;\nselect 1', 'only a dump begins like one'],
  [
    `select 1;\nSELECT pg_catalog.set_config('search_path', '', false)`,
    'later it is a statement like others',
  ],
])('%j stays as it is: %s', async ([text]) => {
  const p = project({ url: db.url }, { 'sql/public/1_x.sql': text as string });
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up).toMatchObject({ code: 0 });
  expect(up.stderr).not.toContain('dump');
});

test.for([
  ['\\restrict', 1],
  ['select 1;\n  \\restrict abc', 2],
  ['\\restrict abc def', 1],
] as const)('%j is not what pg_dump writes', async ([text, line]) => {
  const p = project({ url: db.url }, { 'sql/public/1_x.sql': text });
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up).toMatchObject({ code: 2, stderr: expect.stringContaining(`error[psql-command]`) });
  expect(up.stderr).toContain(`1_x.sql:${line}:`);
});
