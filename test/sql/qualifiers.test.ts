import { expect, test } from 'vitest';
import { mentionsOf, withQualifier } from '../../src/sql/qualifiers.ts';

test.each([
  ['select * from public.users', [['users', 'code']]],
  ['select "public"."Us""ers".id', [['Us"ers', 'code']]],
  ['select 1 -- public.users\n/* public.users */', []],
  ["select 'public.users'::text, 'public.users'::regclass", [['users', 'text']]],
  ["select 'public', 'publication.x', 'not_public.x'", [[null, 'schema']]],
  ["execute 'select from public.' || name", [[null, 'text']]],
  ['execute $q$select from "public"."a"$q$', [['a', 'text']]],
  [
    'select $$public$$, $q$public.users$q$',
    [
      [null, 'schema'],
      ['users', 'text'],
    ],
  ],
  ['select 1 operator(public.===) 2', [['===', 'code']]],
  ['select republic.users, "Public".users', []],
  ["it's not public.closed", [['closed', 'text']]],
] as const)('mentions of public in %s', async (text, expected) => {
  const found = await mentionsOf(text, 'public');
  expect(found.map(({ name, in: where }) => [name, where])).toEqual(expected);
});

test('the name of a schema may have signs that mean something in a pattern', async () => {
  const found = await mentionsOf('execute $q$table "my-app.v1".users$q$', 'my-app.v1');
  expect(found).toEqual([{ name: 'users', line: 1, in: 'text' }]);
});

test('only what moves gets another schema, and strings and comments stay', async () => {
  const text = `select public.plans, public . users, "public".users -- public.users\nwhere x = 'public.users'`;
  expect(await withQualifier(text, 'public', { to: '"a b"', isMoved: (name) => name === 'users' })).toBe(
    `select public.plans, "a b" . users, "a b".users -- public.users\nwhere x = 'public.users'`,
  );
});
