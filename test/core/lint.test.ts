import { expect, test } from 'vitest';
import { toScript } from '../../src/core/script.ts';

const migration = (text: string, scope: 'public' | 'tenant' = 'tenant') =>
  ({ scope, version: '1', name: 'x', checksum: '', file: '1_x.sql', text }) as const;

async function lintsOf(text: string, scope?: 'public' | 'tenant') {
  const script = await toScript(migration(text, scope), 'public');
  if (!('migration' in script)) throw new Error(script.map((error) => error.message).join('; '));
  return script.lints.map(({ rule, index }) => [rule, text.slice(index, index + 12)]);
}

test.for([
  ['create table t (id int references plans)', []],
  ['-- public.users is not ours\ncreate table t ()', []],
  ['create table t (id int references public.plans)', [['hard-coded-schema', 'public.plans']]],
  [
    'select "public"."f"(); do $$ begin perform public . f(); end $$',
    [
      ['hard-coded-schema', '"public"."f"'],
      ['hard-coded-schema', 'public . f()'],
    ],
  ],
  [`create table t (s text default 'made public. Really')`, [['hard-coded-schema', 'public. Real']]],
  ['create table republic (a int); select republic.a from republic', []],
  ['create extension if not exists citext', [['shared-object', 'create exten']]],
  ['create schema x', [['shared-object', 'create schem']]],
  ['do $$ begin create role reader; end $$', [['shared-object', 'create role ']]],
  [
    `do $$ begin if not exists (select 1 from pg_constraint where conname = 'fk') then raise 'x'; end if; end $$`,
    [['unfiltered-catalogue', 'pg_constrain']],
  ],
  [
    `do $$ begin if not exists (select 1 from pg_constraint where conrelid = 'users'::regclass and conname = 'fk') then raise 'x'; end if; end $$`,
    [],
  ],
  [
    `do $$ begin if exists (select from information_schema.columns where table_name = 'users') then raise 'x'; end if; end $$`,
    [['unfiltered-catalogue', 'information_']],
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

test('public files may name what they are about', async () => {
  expect(await lintsOf('create extension citext; create table public.t ()', 'public')).toEqual([]);
});

test.for([
  [`alter type mood add value 'new'; update t set m = 'new'`, [['enum-value-in-use', 51]]],
  [`alter type mood add value 'new'; alter table t alter m set default 'other'`, []],
  [`create type mood as enum (); alter type mood add value 'new'; select 'new'::mood`, []],
  [`alter type mood rename value 'old' to 'new'; update t set m = 'new'`, []],
  [`-- sqlmig: no-transaction\nalter type mood add value 'new'; update t set m = 'new'`, []],
] as const)('a new enum value in the file that adds it: %s', async ([text, mistakes]) => {
  const script = await toScript(migration(text), 'public');
  const found = 'migration' in script ? [] : script.map(({ code, details }) => [code, details.column]);
  expect(found).toEqual(mistakes);
});
