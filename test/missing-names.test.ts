import { beforeAll, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import type { Settings } from '../src/project/settings.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const all = { kind: 'all', except: [] } as const;

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.query(`create schema extensions; create extension citext schema extensions; create extension pg_trgm schema extensions;
    create table extensions.things (i int); create table public.shared (i int);
    create function extensions.made(i int) returns int language sql as 'select 1';
    create function public.made(i int, j int) returns int language sql as 'select 1'`);
  for (let i = 0; i < 2; i++) {
    await db.query(
      `create schema other_${i}; create table other_${i}.schema_migrations (); create table other_${i}.mine ()`,
    );
  }
});

async function failure(text: string, settings: Omit<Settings, 'tenants'> = {}, folder = 'tenant') {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, ...settings },
    { [`sql/${folder}/1_x.sql`]: text },
  );
  const warnings: string[] = [];
  const result = await up(await p.config(), {
    select: all,
    onEvent: (event) => {
      if (event.type === 'warning') warnings.push(event.message);
    },
  });
  return { error: result.schemas.find(({ error }) => error !== undefined)?.error, warnings };
}

const moved = (line: number) => expect.stringContaining(`line ${line} changes search_path`);
const inExtensions = (name: string) =>
  `${name} is in schema extensions; add "extensions" to searchPath in the config`;

test.for([
  // What took the path away, with its line.
  [
    `select 1;\nselect pg_catalog.set_config('search_path', '', false);\ncreate table t ();`,
    '3F000',
    moved(2),
  ],
  [`create table t ();\nset search_path = '';\nselect * from t;`, '42P01', moved(2)],
  [`create table t ();\nset local search_path to nowhere;\n\nalter table t add i int;`, '42P01', moved(2)],
  [`create type mood as enum ();\nreset all;\ncreate table t (m mood);`, '42704', moved(2)],
  [
    `do $$ begin perform set_config('search_path', 'nowhere', true); end $$;\ncreate table t ();`,
    '3F000',
    moved(1),
  ],
  [`set search_path = '';\nselect * from nowhere.t;`, '42P01', undefined],
  [`set search_path = '';\ncreate table nowhere.t ();`, '3F000', undefined],
  [`select current_setting('search_path');\nselect * from nothing;`, '42P01', undefined],
  // What is in a schema that is not on the path.
  ['create table t (e citext);', '42704', inExtensions('citext')],
  ['create table t (e CITEXT[]);', '42704', inExtensions('citext')],
  [
    'create table t (e text); create index on t using gin (e gin_trgm_ops);',
    '42704',
    inExtensions('gin_trgm_ops'),
  ],
  [`select similarity('a', 'b');`, '42883', inExtensions('similarity')],
  ['select * from "things";', '42P01', inExtensions('things')],
  ['alter table things add j int;', '42P01', inExtensions('things')],
  ['-- sqlmig: no-transaction\nalter table things add j int;', '42P01', inExtensions('things')],
  ['do $$ begin perform * from things; end $$;', '42P01', inExtensions('things')],
  // One of that name is on the path, and takes other arguments.
  ['select made(1);', '42883', expect.not.stringContaining('extensions')],
  // Other tenants have it.
  ['select * from mine;', '42P01', undefined],
] as const)('%s', async ([text, sqlstate, hint]) => {
  const { error } = await failure(text);
  expect(error).toMatchObject({
    sqlstate,
    hint: hint ?? 'correct the file and run sqlmig up again; none of it was kept',
  });
});

test('public kept out of the path, and a public file, whose path is public alone', async () => {
  expect((await failure('select * from shared', { searchPath: ['tenant'] })).error?.hint).toBe(
    'shared is in schema public; add "public" to searchPath in the config',
  );
  expect((await failure('create table p (e citext)', {}, 'public')).error?.hint).toBe(
    'citext is in schema extensions; write "extensions"."citext"',
  );
});

test('a schema of searchPath that does not exist is named', async () => {
  const searchPath = ['tenant', 'extension', 'public', 'pg_catalog'];
  const { error, warnings } = await failure('create table t (e citext)', { searchPath });
  expect(warnings).toEqual([`searchPath names schema extension, which ${db.name} does not have`]);
  expect(error).toMatchObject({ sqlstate: '42704', hint: inExtensions('citext') });
});
