import { expect, test } from 'vitest';
import { namesMadeBy, tenantNames } from '../../src/sql/made-names.ts';
import { toScript } from '../../src/sql/script.ts';

const migration = (text: string, scope: 'public' | 'tenant' = 'tenant') =>
  ({ scope, version: '1', name: 'x', checksum: '', file: '1_x.sql', text }) as const;

const tenants = ['users', 'F', 'a'];

async function lintsOf(text: string, scope?: 'public' | 'tenant') {
  const script = await toScript(migration(text, scope), 'public', (name) => tenants.includes(name));
  if (!('migration' in script)) throw new Error(script.map((error) => error.message).join('; '));
  return script.lints.map(({ rule, index }) => [rule, text.slice(index, index + 12)]);
}

test.for([
  ['create table t (id int references plans)', []],
  ['-- public.users is not ours\ncreate table t ()', []],
  ['create table t (id int references public.users)', [['hard-coded-schema', 'public.users']]],
  ['create table t (id int references public.plans); insert into public.log values (1)', []],
  ['select * from PUBLIC.Users, "public"."Users"', [['hard-coded-schema', 'PUBLIC.Users']]],
  [
    'select "public"."F"(); do $$ begin perform public . a(); end $$',
    [
      ['hard-coded-schema', '"public"."F"'],
      ['hard-coded-schema', 'public . a()'],
    ],
  ],
  [`create table t (s text default 'made public. Really')`, []],
  ['create table republic (a int); select republic.a from republic', []],
  ['create extension if not exists citext', [['shared-object', 'create exten']]],
  ['create schema x', [['shared-object', 'create schem']]],
  ['do $$ begin create role reader; end $$', [['shared-object', 'create role ']]],
  [
    `do $$ begin if not exists (select 1 from pg_constraint where conname = 'fk') then raise 'x'; end if; end $$`,
    [['unfiltered-catalog', 'pg_constrain']],
  ],
  [
    `do $$ begin if not exists (select 1 from pg_constraint where conrelid = 'users'::regclass and conname = 'fk') then raise 'x'; end if; end $$`,
    [],
  ],
  [
    `do $$ begin if exists (select from information_schema.columns where table_name = 'users') then raise 'x'; end if; end $$`,
    [['unfiltered-catalog', 'information_']],
  ],
  [
    `do $$ begin if exists (select from information_schema.columns where table_schema = current_schema() and table_name = 'users') then raise 'x'; end if; end $$`,
    [],
  ],
  [
    `do $$ declare r record; begin for r in select * from pg_type t join pg_namespace n on (n.oid = t.typnamespace) where n.nspname = current_schema() loop end loop; end $$`,
    [],
  ],
] as const)('%s', async ([text, lints]) => {
  expect(await lintsOf(text)).toEqual(lints);
});

test.for<[string, string[]]>([
  ['create table if not exists a (); create unlogged table "B c" ()', ['a', 'B c']],
  ['create or replace function Public.F() returns int language sql as $$ select 1 $$', ['f']],
  [`do $$ begin execute 'create materialized view m as select 1'; end $$`, ['m']],
  ['create unique index concurrently i on t (x); alter table o rename to n', ['i', 'n']],
  ['-- create table commented ()\ncreate temp table passing ()', []],
  ['-- sqlmig: allow-public\ncreate table public.p (); create table own ()', ['own']],
])('the names of what a file makes: %s', ([text, names]) => {
  expect(namesMadeBy(text)).toEqual(names);
});

test('what public files make as well is not only the tenants’', () => {
  const isTenants = tenantNames({
    public: [{ text: 'create table users ()' }],
    tenant: [{ text: 'create table users (); create table orders ()' }],
  });
  expect(['users', 'orders', 'plans'].filter(isTenants)).toEqual(['orders']);
});

test('public files may name what they are about', async () => {
  expect(await lintsOf('create extension citext; create table public.t ()', 'public')).toEqual([]);
});

test.for([
  [`alter type mood add value 'new'; select 1, 'new'::mood`, [54 - 10]],
  [`alter type mood add value 'new'; /* ü */ select 'new', cast('new' as mood)`, [61]],
  [`alter type acme.mood add value 'new'; select 'new'::acme.mood`, [46]],
  [`alter type mood add value 'new'; alter table t add column m mood default 'new'`, [74]],
  [`alter type mood add value 'new'; create table t (n text default 'new', m mood default 'new')`, [87]],
  [`alter type mood add value 'new'; create view v as select * from t where m = mood 'new'`, [82]],
  // Only the server knows what these are.
  [`alter type mood add value 'new'; update t set m = 'new'`, []],
  [`alter type mood add value 'new'; insert into log values ('new')`, []],
  [`alter type mood add value 'new'; select 'new'::text, 'new'::acme.mood, '{new}'::mood[]`, []],
  [`alter type mood add value 'new'; alter table t add column if not exists m mood default 'new'`, []],
  [`alter type mood add value if not exists 'new'; select 'new'::mood`, []],
  [`alter type mood add value 'new'; alter table t alter m set default 'other'`, []],
  [`alter type mood add value 'new'; comment on type mood is 'new'`, []],
  [`select 'new'::mood; alter type mood add value 'new'`, []],
  // The file makes the type itself.
  [`create type mood as enum (); alter type mood add value 'new'; select 'new'::mood`, []],
  [`create type s.mood as enum (); alter type s.mood add value 'new'; select 'new'::s.mood`, []],
  [
    `create type m2 as enum (); alter type m2 rename to mood; alter type mood add value 'new'; select 'new'::mood`,
    [],
  ],
  [
    `do $$ begin create type mood as enum (); exception when duplicate_object then null; end $$; alter type mood add value 'new'; select 'new'::mood`,
    [],
  ],
  [`alter type mood rename value 'old' to 'new'; select 'new'::mood`, []],
  [`-- sqlmig: no-transaction\nalter type mood add value 'new'; select 'new'::mood`, []],
] as [string, number[]][])('a new enum value in the file that adds it: %s', async ([text, columns]) => {
  const script = await toScript(migration(text), 'public');
  const found = 'migration' in script ? [] : script.map(({ code, details }) => [code, details.column]);
  expect(found).toEqual(columns.map((column) => ['enum-value-in-use', column]));
});

test('of many warnings of one rule the first ten are told, and how many more there are', async () => {
  const text = 'select * from public.a;\n'.repeat(10_000);
  const script = await toScript(migration(`${text}create schema x`), 'public', () => true);
  if (!('migration' in script)) throw new Error('it must be accepted');
  expect(script.lints.map(({ rule }) => rule)).toEqual([
    ...Array.from({ length: 10 }, () => 'hard-coded-schema'),
    'shared-object',
  ]);
  expect(script.lints[9]?.message).toMatch(/ \(and 9990 more in this file\)$/);
});

test.for([
  [`do $$ begin if (select 1 from pg_class) then x(); end if; perform nspname; end $$`, 1],
  [
    `do $$ begin perform 1 from pg_class where (a = (b)) and relnamespace = 1; perform 1 from pg_type; end $$`,
    1,
  ],
  [
    `do $$ begin perform (select 1 from pg_class c where (select nspname) = c.x) + (select 1 from pg_type); end $$`,
    1,
  ],
  [`do $$ begin perform 1) from pg_class; perform schema; end $$`, 1],
])('a look-up is judged by the query around it: %s', async ([text, count]) => {
  expect((await lintsOf(text as string)).length).toBe(count);
});
