import { beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { loadConfig, up } from '../src/index.ts';
import { upTable } from '../src/report/up.ts';
import type { UpResult } from '../src/results.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const base = {
  'sql/public/1_plans.sql': `create table plans (id int primary key, title text);
insert into plans select n, 'plan ' || n from generate_series(1, 5) n;`,
  'sql/tenant/1_users.sql': `create table users (id int primary key, plan int, age int, name text);
create index users_age on users (age);
create table empty_one (id int);
create materialized view ages as select plan, count(*) from users group by plan;`,
};

async function rehearse(p: ReturnType<typeof project>, select: unknown = { kind: 'all', except: [] }) {
  const config = await loadConfig({ cwd: p.dir });
  return up(config, { select, rehearse: true } as never);
}

const costsIn = ({ schemas }: UpResult, schema: string) =>
  schemas.find((outcome) => outcome.schema === schema)?.costs ?? [];

test('each file: locks with their line, rewrites, indexes, rows, and what is outside of the schema', async () => {
  const p = project({ url: db.url, tenants: { list: ['acme', 'globex'] } }, base);
  const config = await loadConfig({ cwd: p.dir });
  expect(await up(config, { select: { kind: 'all', except: [] } })).toMatchObject({ ok: true });
  await db.query(`insert into acme.users select n, 1, n % 50, repeat('x', 100) from generate_series(1, 2000) n;
    insert into globex.users select n, 1, n, 'x' from generate_series(1, 10) n`);
  p.write({
    'sql/tenant/2_type.sql': '-- widens\nalter table users alter column age type bigint;',
    'sql/tenant/3_index.sql': 'create index users_name on users (name);\ncreate index on empty_one (id);',
    'sql/tenant/4_key.sql':
      'alter table users add foreign key (plan) references plans (id);\nalter table users add column late int;',
    'sql/tenant/5_fill.sql': `update users set name = 'y' where id <= 7;
delete from users where id = 8;
insert into users values (-1, 1, 1, 'z');`,
    'sql/tenant/6_more.sql': 'alter table users add column more text;',
    'sql/tenant/7_empty.sql': 'truncate users;\nrefresh materialized view ages;',
    'sql/tenant/8_reindex.sql': 'reindex table empty_one;',
    'sql/tenant/9_widen.sql': 'alter table users alter column name type varchar;',
    'sql/tenant/10_public.sql': `-- sqlmig: allow-public
update plans set title = 'a plan' where id < 3;
create function made_here() returns int language sql as 'select 1';
create function public.made_there() returns int language sql as 'select 1';`,
  });
  const sequences = await db.query('select count(*)::int as n from pg_class');
  const result = await rehearse(p);
  expect(result.schemas.flatMap(({ error }) => error ?? [])).toEqual([]);
  expect(result).toMatchObject({ ok: true, applied: 2, upToDate: 1 });
  const costs = costsIn(result, 'acme');
  const [type, index, key, fill, more, empty, reindex, widen, shared] = costs;
  const users = { schema: 'acme', relation: 'users' };
  expect(type).toMatchObject({
    version: '2',
    file: 'sql/tenant/2_type.sql',
    locks: expect.arrayContaining([
      { ...users, mode: 'AccessExclusiveLock', line: 2, heldMs: expect.any(Number) },
    ]),
    rewritten: [{ ...users, how: 'rewritten', bytes: expect.any(Number) }],
    rows: [],
    outside: [],
  });
  expect(type?.rewritten[0]?.bytes).toBeGreaterThan(200_000);
  expect(type?.indexes.map((one) => [one.index, one.rebuilt])).toEqual([
    ['users_pkey', true],
    ['users_age', true],
  ]);
  expect(index?.indexes).toMatchObject([
    { ...users, index: 'users_name', rebuilt: false },
    { relation: 'empty_one', rebuilt: false },
  ]);
  expect(index?.indexes[0]?.bytes).toBeGreaterThan(16_384);
  expect(index?.rewritten).toEqual([]);
  expect(index?.locks).toMatchObject([
    { relation: 'empty_one', mode: 'ShareLock', line: 2 },
    { ...users, mode: 'ShareLock', line: 1 },
  ]);
  // The rehearsal holds the lock on users since 2_type.sql, but `up` takes it again.
  const again = { ...users, mode: 'AccessExclusiveLock', inferred: true };
  expect(key).toMatchObject({
    locks: [
      { ...again, line: 2 },
      { schema: 'public', relation: 'plans', mode: 'ShareRowExclusiveLock' },
    ],
    indexes: [],
    rewritten: [],
    outside: ['locks public.plans'],
  });
  expect(fill).toMatchObject({ locks: [], rows: [{ ...users, inserted: 1, updated: 7, deleted: 1 }] });
  expect(more?.locks).toMatchObject([{ ...again, line: 1 }]);
  expect(more).toMatchObject({ rewritten: [], indexes: [], rows: [] });
  expect(empty).toMatchObject({
    rewritten: expect.arrayContaining([
      { ...users, how: 'truncated', bytes: expect.any(Number) },
      { schema: 'acme', relation: 'ages', how: 'rewritten', bytes: expect.any(Number) },
    ]),
    indexes: [],
    rows: [],
  });
  expect(reindex).toMatchObject({ rewritten: [], indexes: [{ relation: 'empty_one', rebuilt: true }] });
  expect(widen).toMatchObject({ rewritten: [], indexes: [] });
  expect(shared?.rows).toMatchObject([{ schema: 'public', relation: 'plans', updated: 2 }]);
  expect(shared?.outside).toEqual(
    expect.arrayContaining(['creates function public.made_there()', 'updates 2 rows of table public.plans']),
  );
  // The worst of both, with the tenant.
  expect(result.costs?.[0]).toMatchObject({
    scope: 'tenant',
    schemas: 2,
    rewritten: [{ schema: null, relation: 'users', worstIn: 'acme', schemas: 2 }],
  });
  expect(await db.query('select count(*)::int as n from pg_class')).toEqual(sequences);
  expect(await db.history('acme')).toEqual({ 1: 1 });
});

test('what a savepoint, a comment, a block and a setting do to the figures', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['fine'] }, historyTable: 'fine_history', publicSchema: 'fine_public' },
    { 'sql/tenant/1_a.sql': 'create table a (id int); insert into a values (0); create table b (id int);' },
  );
  expect(await up(await p.config(), { select: { kind: 'all', except: [] } })).toMatchObject({ ok: true });
  p.write({
    'sql/tenant/2_back.sql': `savepoint s;
alter table a add column x int;
rollback to s;
alter table a add column y int;`,
    'sql/tenant/3_undone.sql': 'savepoint s;\ninsert into b values (1), (2);\nrollback to s;',
    'sql/tenant/4_row.sql': 'insert into b values (1);',
    'sql/tenant/5_off.sql': 'set local track_counts = off;\ninsert into b values (2);',
    'sql/tenant/6_wipe.sql': "do $$ begin execute 'trun' || 'cate a, b'; end $$;",
    'sql/tenant/7_wide.sql': '-- to truncate b is not needed\nalter table b alter column id type bigint;',
  });
  const result = await rehearse(p);
  expect(result).toMatchObject({ ok: true });
  const [back, undone, row, off, wipe, wide] = costsIn(result, 'fine');
  expect(back?.locks).toMatchObject([{ relation: 'a', mode: 'AccessExclusiveLock', line: 4 }]);
  expect(undone?.rows).toEqual([]);
  expect(row?.rows).toMatchObject([{ relation: 'b', inserted: 1 }]);
  expect(off?.rows).toBeNull();
  expect(wipe?.rewritten).toMatchObject([{ how: 'truncated' }, { how: 'truncated' }]);
  expect(wide?.rewritten).toMatchObject([{ relation: 'b', how: 'rewritten' }]);
});

test('a file that fails: its place, and the costs of the files before it', async () => {
  const config = { url: db.url, tenants: { list: ['short'] }, historyTable: 'short_history' };
  const p = project(
    { ...config, publicSchema: 'short_public' },
    { 'sql/tenant/1_a.sql': 'create table a (id int);' },
  );
  expect(await up(await loadConfig({ cwd: p.dir }), { select: { kind: 'all', except: [] } })).toMatchObject({
    ok: true,
  });
  p.write({
    'sql/tenant/2_b.sql': 'alter table a add column b int;',
    // In `up`, these two share a transaction.
    'sql/tenant/3_new.sql': 'create table fresh_one (id int);',
    'sql/tenant/4_again.sql': 'alter table a add column d int;',
    'sql/tenant/5_block.sql': 'do $$ begin alter table a alter column b type bigint; end $$',
    'sql/tenant/6_c.sql':
      'update a set b = 1;\n  alter table a add column ü int;\nselect nothing from a;\nselect 1;',
  });
  const result = await rehearse(p);
  const lock = { schema: 'short', relation: 'a', mode: 'AccessExclusiveLock' };
  expect(result.schemas[1]).toMatchObject({
    state: 'failed',
    error: { file: 'sql/tenant/6_c.sql', line: 3, column: 8, statement: 3, statements: 4 },
    costs: [
      { version: '2', locks: [{ ...lock, line: 1 }] },
      { version: '3', locks: [] },
      { version: '4', locks: [{ ...lock, line: 1, inferred: true }] },
      // A rewrite is not possible without it.
      { version: '5', rewritten: [{ relation: 'a' }], locks: [{ ...lock, inferred: true }] },
    ],
  });
  expect(result.costs?.map(({ file, schemas }) => [file, schemas])).toContainEqual(['sql/tenant/2_b.sql', 1]);
});

test('a lock that is held already is read from every statement that takes it', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['held'] }, historyTable: 'held_history', publicSchema: 'held_public' },
    {
      'sql/tenant/1_t.sql':
        'create table t (id int primary key); create policy old on t; create table m (id int) partition by list (id);',
    },
  );
  expect(await up(await p.config(), { select: { kind: 'all', except: [] } })).toMatchObject({ ok: true });
  const again = [
    'lock table t',
    'create policy p on t',
    'alter policy p on t using (true)',
    'drop policy old on held.t',
    'create rule r as on delete to t do nothing',
    'drop rule r on t',
    'alter table m attach partition t for values in (1)',
  ];
  p.write({
    'sql/tenant/2_a.sql': 'alter table t add a int; alter table m add a int',
    ...Object.fromEntries(again.map((text, i) => [`sql/tenant/${i + 3}_again.sql`, text])),
  });
  const result = await rehearse(p);
  const lock = { relation: 't', mode: 'AccessExclusiveLock', inferred: true, line: 1 };
  const [, ...costs] = result.schemas[1]?.costs ?? [];
  for (const [i, { locks }] of costs.entries())
    expect(locks, again[i]).toContainEqual(expect.objectContaining(lock));
  expect(costs).toHaveLength(again.length);
});

test('a sample: the largest of the selected tenants, and an estimate for all of these', async () => {
  const list = ['s_small', 's_large', 's_middle', 's_done'];
  const p = project(
    { url: db.url, tenants: { list }, historyTable: 's_history', publicSchema: 's_public' },
    { 'sql/tenant/1_a.sql': 'create table a (id int, name text);' },
  );
  const config = await loadConfig({ cwd: p.dir });
  const all = { kind: 'all', except: [] } as const;
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  const add = (schema: string, rows: number) =>
    `insert into ${schema}.a select n, repeat('x', 200) from generate_series(1, ${rows}) n; analyze ${schema}.a;`;
  await db.query(`${add('s_small', 100)}${add('s_large', 4000)}${add('s_middle', 400)}`);
  p.write({ 'sql/tenant/2_b.sql': 'alter table a alter column id type bigint;' });
  expect(await up(config, { select: { kind: 'tenants', names: ['s_done'] } })).toMatchObject({ ok: true });

  const warnings: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  const result = await up(config, { select: all, rehearse: true, sample: 1, onEvent });
  expect(warnings).toEqual([]);
  expect(result).toMatchObject({ ok: true, applied: 1, upToDate: 2, sample: { tenants: 3, sampled: 1 } });
  expect(result.schemas.map(({ schema }) => schema)).toEqual(['s_public', 's_large', 's_done']);
  const { bytes = 0, sampledBytes = 0 } = result.sample ?? {};
  expect(bytes / sampledBytes).toBeGreaterThan(1.1);
  expect(bytes / sampledBytes).toBeLessThan(1.5);
  const [cost] = result.costs ?? [];
  const total = cost?.totalMs ?? 0;
  expect(cost).toMatchObject({
    schemas: 1,
    worstIn: 's_large',
    estimate: { tenants: 3, byCountMs: 3 * total, bySizeMs: Math.round((total * bytes) / sampledBytes) },
  });
  expect(upTable(result)).toMatch(
    /^sample: 1 of 3 tenants with pending migrations, the largest \(\d+ kB of /m,
  );

  const some = { kind: 'tenants', names: ['s_small', 's_middle'] } as const;
  const selected = await up(config, {
    select: some,
    rehearse: true,
    sample: 1,
    canary: { names: ['s_small'] },
  });
  expect(selected.schemas.map(({ schema }) => schema)).toEqual(['s_public', 's_middle']);
  expect(selected.sample).toMatchObject({ tenants: 2, sampled: 1 });
  await expect(up(config, { select: all, sample: 1 })).rejects.toThrow(
    'option sample requires option rehearse',
  );
});

test('two databases: a sample in each, and the sum of the estimates', async () => {
  const other = await freshDatabase();
  const p = project(
    {
      databases: [
        { name: 'one', url: db.url, tenants: { list: ['t_1', 't_2'] } },
        { name: 'two', url: other.url, tenants: { list: ['t_3', 't_4', 't_5'] } },
      ],
      historyTable: 't_history',
      publicSchema: 't_public',
    },
    { 'sql/tenant/1_a.sql': 'create table a (id int);' },
  );
  const config = await loadConfig({ cwd: p.dir });
  const result = await up(config, { select: { kind: 'all', except: [] }, rehearse: true, sample: 1 });
  expect(result).toMatchObject({ ok: true, sample: { tenants: 5, sampled: 2 } });
  expect(result.costs).toMatchObject([{ schemas: 2, estimate: { tenants: 5, bySizeMs: null } }]);
  const [worst] = result.costs ?? [];
  expect(`${worst?.worstIn} in ${worst?.worstInDatabase}`).toMatch(/^(t_1 in one|t_3 in two)$/);
  expect(upTable(result)).toContain(`(${worst?.worstIn}@${worst?.worstInDatabase})`);
});

test('kinds of tenants: a sample of each, and what is not rehearsed', async () => {
  const p = project(
    {
      url: db.url,
      tenants: { list: ['k_1', 'k_2', 'k_3'] },
      scopes: [{ name: 'vip', tenants: { list: ['k_1', 'k_2'] } }],
      historyTable: 'k_history',
      publicSchema: 'k_public',
    },
    { 'sql/tenant/1_a.sql': 'create table a (id int);', 'sql/vip/1_b.sql': 'create table b (id int);' },
  );
  const config = await p.config();
  const all = { kind: 'all', except: [] } as const;
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  p.write({
    'sql/vip/2_c.sql': 'alter table b add column c int;',
    'sql/vip/3_d.sql': 'create index concurrently on b (c);',
  });
  const warnings: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  const result = await up(await p.config(), { select: all, rehearse: true, sample: 1, onEvent });
  expect(result).toMatchObject({ ok: true, sample: { tenants: 2, sampled: 1 } });
  expect(result.costs).toMatchObject([
    { scope: 'vip', file: 'sql/vip/2_c.sql', rows: [], estimate: { tenants: 2 } },
  ]);
  expect(result.unrehearsed).toEqual([
    { scope: 'vip', file: 'sql/vip/3_d.sql', schemas: 1, why: 'it is non-transactional' },
  ]);
  const left = 'sql/vip/3_d.sql and what follows it are not rehearsed in 1 tenant: it is non-transactional';
  expect(warnings).toContain(left);
});
