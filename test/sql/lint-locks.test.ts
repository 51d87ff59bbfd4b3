import { expect, test } from 'vitest';
import { lockRules } from '../../src/sql/lint-rules.ts';
import { toScript } from '../../src/sql/script.ts';

async function lintsOf(text: string, scope: 'public' | 'tenant' = 'tenant') {
  const migration = { scope, version: '1', name: 'x', checksum: '', file: '1_x.sql', text } as const;
  const script = await toScript(migration, 'public');
  if (!('migration' in script)) throw new Error(script.map((error) => error.message).join('; '));
  return script.lockLints;
}

const add = (column: string) => `alter table t add column ${column}`;
const notNull = 'alter table t add constraint c check (a is not null and b > 0) not valid;';
const validate = 'alter table t validate constraint c;';

// Each rule: what it reports, and what it does not.
const cases: Readonly<Record<string, readonly [bad: readonly string[], good: readonly string[]]>> = {
  'required-column': [
    [add('a int not null'), add('a int not null default null')],
    [add('a int'), add('a int not null default 0'), add("a text not null default ''")],
  ],
  'volatile-default': [
    [
      ...['random()', 'gen_random_uuid()', "nextval('s')", 'clock_timestamp()', 'my_function()'].map(
        (value) => add(`a text default ${value}`),
      ),
      add("a text default 'x' || upper(app.next_code())"),
    ],
    [
      ...['now()', 'current_timestamp', "'{}'::jsonb", '2 + 2', "now() + interval '1 day'"].map((value) =>
        add(`a text default ${value}`),
      ),
      add('a text default pg_catalog.now()'),
      'alter table t alter a set default gen_random_uuid()',
    ],
  ],
  'serial-column': [
    [add('a serial'), add('a bigserial'), add('a int generated always as identity')],
    ['alter table t alter a add generated always as identity'],
  ],
  'generated-column': [
    [add('a int generated always as (b + 1) stored'), 'alter table t alter a set expression as (b + 2)'],
    [add('a int generated always as (b + 1) virtual')],
  ],
  'type-change': [
    ['alter table t alter a type bigint', 'alter table t alter a set data type text using a::text'],
    ['alter table t alter a set statistics 10', 'alter type composite alter attribute a type bigint'],
  ],
  'set-not-null': [
    [
      'alter table t alter a set not null',
      `${notNull} alter table t alter a set not null`,
      'alter table t add constraint n not null a',
      'alter domain d set not null',
    ],
    [
      'alter table t add constraint n not null a not valid',
      'alter table t validate constraint c; alter table t alter a set not null; alter table t drop constraint c',
      'create domain d as int; alter domain d set not null',
      'alter table t alter a drop not null',
    ],
  ],
  'drop-column': [
    ['alter table t drop column a', 'alter table t drop a'],
    ['alter table t drop constraint a', 'create table t (a int); alter table t drop column a'],
  ],
  'rename-column': [
    ['alter table t rename a to b'],
    ['create table t (a int); alter table t rename a to b', 'alter table t rename constraint a to b'],
  ],
  'unique-constraint': [
    [
      'alter table t add unique (a)',
      'alter table t add constraint p primary key (a)',
      add('a int unique'),
      'alter table only t add primary key (a)',
    ],
    ['alter table t add unique using index i', 'alter table t add constraint p primary key using index i'],
  ],
  'exclusion-constraint': [
    ['alter table t add exclude using gist (a with &&)'],
    ['create table t (a int4range); alter table t add exclude using gist (a with &&)'],
  ],
  'foreign-key': [
    ['alter table t add foreign key (a) references b', add('a int default 1 references b')],
    ['alter table t add foreign key (a) references b not valid', add('a int references b')],
  ],
  'check-constraint': [
    [
      'alter table t add check (a > 0)',
      add('a int check (a > 0)'),
      'alter domain d add constraint c check (value > 0)',
    ],
    [
      'alter table t add check (a > 0) not valid',
      'alter table t add check (a > 0) not enforced',
      'alter domain d add constraint c check (value > 0) not valid',
      'create table t (a int check (a > 0))',
    ],
  ],
  'validate-with-not-valid': [
    [
      `${notNull} ${validate}`,
      `alter table t add constraint c foreign key (a) references b not valid; ${validate}`,
    ],
    [
      validate,
      `-- sqlmig: no-transaction\n${notNull} ${validate}`,
      `${notNull} alter table u validate constraint c`,
    ],
  ],
  'create-index': [
    ['create index on t (a)', 'create unique index if not exists i on t (a)', 'create index i on s.t (a)'],
    [
      'create index concurrently i on t (a)',
      'create table t (a int); create index on t (a)',
      'create table if not exists t (a int); create index on t (a)',
      'create table t as select 1 as a; create index on t (a)',
      'select 1 as a into t; create index on t (a)',
      'create materialized view t as select 1 as a; create unique index on t (a)',
      'create table u (a int); alter table u rename to t; create index on t (a)',
      'create index i on only t (a)',
    ],
  ],
  'drop-index': [
    ['drop index i', 'drop index if exists i, j'],
    ['drop index concurrently i', 'create table t (a int); create index i on t (a); drop index i'],
  ],
  reindex: [
    ['reindex table t', 'reindex index i', 'reindex (concurrently false) table t', 'reindex schema s'],
    [
      'reindex table concurrently t',
      'reindex (concurrently) index i',
      'reindex (verbose, concurrently on) table t',
    ],
  ],
  refresh: [
    ['refresh materialized view m'],
    [
      'refresh materialized view concurrently m',
      'refresh materialized view m with no data',
      'create materialized view m as select 1 with no data; refresh materialized view m',
    ],
  ],
  'table-rewrite': [
    [
      'cluster t using i',
      'cluster',
      'vacuum full t',
      'vacuum (full, analyze)',
      'alter table t set tablespace s',
      'alter index i set tablespace s',
      'alter table t set logged',
      'alter table t set unlogged',
      'alter table t set access method heap',
    ],
    [
      'vacuum t',
      'vacuum (full false) t',
      'alter table t set (fillfactor = 70)',
      'alter table t set without cluster',
    ],
  ],
  'attach-partition': [
    ['alter table t attach partition p for values in (1)'],
    [
      'create table p (a int); alter table t attach partition p for values in (1)',
      'alter table p add check (a = 1); alter table t attach partition p for values in (1)',
      'create table t (a int) partition by list (a); alter table t attach partition p for values in (1)',
    ],
  ],
  'detach-partition': [
    ['alter table t detach partition p'],
    ['alter table t detach partition p concurrently', 'alter table t detach partition p finalize'],
  ],
  'lock-table': [
    ['lock table t', 'lock t in share mode', 'lock t in access exclusive mode'],
    ['lock t in row exclusive mode', 'lock t in share update exclusive mode', 'create table t (); lock t'],
  ],
  'drop-table': [
    ['drop table t', 'drop table if exists t cascade'],
    ['create table t (); drop table t', 'create temp table t (); drop table t', 'drop view t'],
  ],
  'rename-table': [
    ['alter table t rename to u'],
    ['create table t (); alter table t rename to u', 'alter index i rename to j', 'alter view v rename to w'],
  ],
};

test('every rule has examples', () => {
  expect(Object.keys(cases).sort()).toEqual([...lockRules].sort());
});

test.for(Object.entries(cases))('%s', async ([rule, [bad, good]]) => {
  const rulesOf = async (text: string) => (await lintsOf(text)).map((lint) => lint.rule);
  for (const text of bad) expect([text, await rulesOf(text)]).toEqual([text, expect.arrayContaining([rule])]);
  for (const text of good)
    expect([text, await rulesOf(text)]).toEqual([text, expect.not.arrayContaining([rule])]);
});

test('a warning is at its statement, and an ALTER TABLE has one for each of its commands', async () => {
  const text = 'select 1;\n-- why\nalter table t drop column a, alter b type bigint;\nreindex table t';
  const found = (await lintsOf(text)).map(({ rule, index }) => [rule, text.slice(index, index + 13)]);
  expect(found).toEqual([
    ['drop-column', 'alter table t'],
    ['type-change', 'alter table t'],
    ['reindex', 'reindex table'],
  ]);
});

test('a later transaction is a later file, in tenants one that shares no transaction', async () => {
  const text = 'alter table t add check (a > 0)';
  const [[tenant], [shared]] = [await lintsOf(text), await lintsOf(text, 'public')];
  expect(tenant?.message).toBe(
    'the check reads all of t while blocking reads and writes; add it as NOT VALID, and VALIDATE it in a later file with "-- sqlmig: own-transaction"',
  );
  expect(shared?.message).toMatch(/VALIDATE it in a later file$/);
});

test('only a public file may name the tables of public with and without the schema', async () => {
  const text = 'create table t (a int); create index on public.t (a); create index on other.t (a)';
  const rules = async (scope: 'public' | 'tenant') => (await lintsOf(text, scope)).map(({ index }) => index);
  expect(await rules('public')).toEqual([54]);
  expect(await rules('tenant')).toEqual([24, 54]);
});

test('a file that undoes a migration has none', async () => {
  const text = 'drop table t';
  const migration = {
    scope: 'tenant',
    version: '1',
    name: 'x',
    checksum: '',
    file: '1_x.down.sql',
    text,
  } as const;
  expect(await toScript({ ...migration, undoes: true }, 'public')).toMatchObject({ lockLints: [] });
});

test('a directive turns rules off in its file, and only rules that exist', async () => {
  const text = 'drop table t; create index on u (a); alter table u drop a';
  const rules = async (head: string) => (await lintsOf(`${head}\n${text}`)).map(({ rule }) => rule);
  expect(await rules('-- why')).toEqual(['drop-table', 'create-index', 'drop-column']);
  expect(await rules('-- sqlmig: allow drop-table')).toEqual(['create-index', 'drop-column']);
  expect(await rules('-- sqlmig: allow drop-table, drop-column\n-- sqlmig: allow create-index')).toEqual([]);
  await expect(rules('-- sqlmig: allow dropp-table')).rejects.toThrow(
    'unknown rule "dropp-table" in -- sqlmig: allow',
  );
  await expect(rules('-- sqlmig: allow')).rejects.toThrow('unknown directive "allow"');
});
