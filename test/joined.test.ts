import { expect, test } from 'vitest';
import { type RunEvent, up } from '../src/index.ts';
import { transactionsOf } from '../src/protocol/transactions.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { checkedScript, emptyTenant } from './setup/unit.ts';

const all = { kind: 'all', except: [] } as const;
const guarded = {
  ...emptyTenant('acme'),
  guarded: {
    schemas: new Map([['public', '2200']]),
    perTenant: { words: [], schemas: new Map() },
    names: new Set(['plans', 'touch']),
  },
};
const plain = 'create table t (id int)';

test.for<[string, readonly string[], readonly number[]]>([
  ['files about the tenant alone', [plain, 'alter table t add a int', 'insert into t values (1)'], [3]],
  ['a block that names nothing of public', [plain, 'do $$ begin perform 1; end $$', plain], [3]],
  [
    'an enum value, which is used only after its commit',
    [plain, "alter type e add value 'x'", plain, plain],
    [2, 2],
  ],
  ['a foreign key to public', [plain, 'create table u (p int references plans)', plain], [1, 1, 1]],
  [
    'a foreign key that names public',
    [plain, 'create table u (p int references public.other)', plain],
    [1, 1, 1],
  ],
  ['a foreign key within the tenant', [plain, 'create table u (t int references t)'], [2]],
  [
    'a block that names a table of public',
    [plain, "do $$ begin execute 'lock plans'; end $$", plain],
    [1, 1, 1],
  ],
  ['a grant on a table of public', [plain, 'grant select on plans to public', plain], [1, 1, 1]],
  ['a file that says so', [plain, '-- sqlmig: own-transaction\nselect 1', plain], [1, 1, 1]],
  ['a file that may change public', [plain, '-- sqlmig: allow-public\nselect 1', plain], [1, 1, 1]],
  ['a temporary table', [plain, 'create temp table t as select 1 as x', plain], [1, 1, 1]],
  ['more tables than a transaction should lock', Array.from({ length: 100 }, () => plain), [66, 34]],
])('%s', async ([, texts, sizes]) => {
  const scripts = await Promise.all(
    texts.map((text, i) => checkedScript('tenant', `${i + 1}_file.sql`, text)),
  );
  expect(transactionsOf(scripts, guarded, false).map(({ length }) => length)).toEqual(sizes);
  expect(transactionsOf(scripts, guarded, true)).toHaveLength(scripts.length);
  expect(transactionsOf(scripts, { ...guarded, guarded: null }, false)).toHaveLength(scripts.length);
});

const noted = (n: number) => `do $$ begin raise notice 'in ${n}'; end $$`;
const files = {
  'sql/tenant/1_a.sql':
    'create table a (x bigint default pg_current_xact_id()::text::bigint); insert into a default values',
  'sql/tenant/2_b.sql': `${noted(2)}; insert into a default values`,
  'sql/tenant/3_c.sql': `${noted(3)};\ninsert into a default values;\ncreate index on a (y);`,
  'sql/tenant/4_d.sql': 'insert into a default values',
};

test('files share a transaction; if one fails, those before it stay applied, and it is blamed with its place', async () => {
  const db = await freshDatabase();
  const bad = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  await db.query('create schema acme');
  const notices: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'server-notice') notices.push(event.message);
  };
  const failed = await up(await bad.config(), { select: all, onEvent });
  expect(failed.schemas.find(({ schema }) => schema === 'acme')).toMatchObject({
    state: 'failed',
    error: { code: 'migration-failed', sqlstate: '42703', file: 'sql/tenant/3_c.sql', line: 3, statement: 3 },
  });
  expect(notices).toEqual(['in 2', 'in 3']);
  expect(Object.keys(await db.history('acme'))).toEqual(['1', '2']);
  expect(await db.query('select count(distinct x)::int as n, count(*)::int as rows from acme.a')).toEqual([
    { n: 2, rows: 2 },
  ]);

  const good = { ...files, 'sql/tenant/3_c.sql': noted(3) };
  const apart = project({ url: db.url, tenants: { list: ['apart'] }, transactionPerFile: true }, good);
  const joined = project({ url: db.url, tenants: { list: ['joined'] } }, good);
  for (const p of [apart, joined]) expect((await up(await p.config(), { select: all })).ok).toBe(true);
  const transactions = (schema: string) =>
    db.query(`select count(distinct x)::int as n, count(distinct applied_at)::int as times
      from ${schema}.a, ${schema}.schema_migrations`);
  expect(await transactions('apart')).toEqual([{ n: 3, times: 4 }]);
  expect(await transactions('joined')).toEqual([{ n: 1, times: 4 }]);
});
