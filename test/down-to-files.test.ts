import { beforeEach, expect, test } from 'vitest';
import { down, type RunEvent, up, verify } from '../src/index.ts';
import { longestKept } from '../src/sql/kept-down.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const old = {
  'sql/public/0001_plans.sql': 'create table plans (id int primary key)',
  'sql/public/0001_plans.down.sql': 'drop table plans',
  'sql/tenant/0001_orders.sql': 'create table orders (id int primary key)',
  'sql/tenant/0001_orders.down.sql': 'drop table orders',
  'sql/tenant/0002_note.sql': 'alter table orders add note text',
  'sql/tenant/R__count.sql': 'create or replace view order_count as select count(*) from orders',
};
const newer = {
  ...old,
  'sql/public/0002_rates.sql': 'create table rates (id int primary key)',
  'sql/public/0002_rates.down.sql': 'drop table rates;\r\n',
  'sql/tenant/0003_rate.sql': 'alter table orders add rate int references rates (id)',
  'sql/tenant/0003_rate.down.sql': "alter table orders drop rate; -- it's",
  'sql/tenant/0004_index.sql': 'create index concurrently orders_rate on orders (rate)',
  'sql/tenant/0004_index.down.sql': 'drop index concurrently orders_rate',
  'sql/tenant/0005_lines.sql': 'create table lines (id int)',
  'sql/tenant/0005_lines.down.sql': 'do $$ begin drop table lines; end $$',
};
const images = (list: readonly string[]): readonly [TestProject, TestProject] => [
  project({ url: db.url, tenants: { list } }, old),
  project({ url: db.url, tenants: { list } }, newer),
];

test('an old image brings back 50 tenants, some of which had not got all that the newer one has', async () => {
  const names = numbered('t', 50);
  const [before, after] = images(names);
  await up(await before.config(), { select: all });
  const some = (from: number, to: number) => ({ kind: 'tenants', names: names.slice(from, to) }) as const;
  await up(await after.config(), { select: some(0, 10), to: '3' });
  await up(await after.config(), { select: some(10, 20), to: '4', concurrentIndexJobs: 4 });
  await up(await after.config(), { select: some(20, 40), concurrentIndexJobs: 4 });
  // An old image that starts beside the newer one goes on as before.
  expect(await sqlmig(['up', '--all'], before.dir)).toMatchObject({ code: 0 });

  const { code, stdout } = await sqlmig(['down', '--all', '--to-files', '--yes', '--json'], before.dir);
  expect(code).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ ok: true, undone: 41, unchanged: 10, failed: 0 });
  expect(result.schemas.at(-1)).toMatchObject({ schema: 'public', state: 'undone', version: '0001' });
  const undone = new Set(
    result.schemas.map(({ migrations }: { migrations: unknown[] }) => migrations.length),
  );
  expect(undone).toEqual(new Set([0, 1, 2, 3]));
  for (const name of names) expect(await db.history(name)).toEqual({ 1: 1, 2: 1, R__count: 1 });
  expect(
    await db.query(
      "select 1 from pg_class where relname in ('lines', 'orders_rate', 'rates') and relkind in ('r', 'i')",
    ),
  ).toEqual([]);
  expect(await verify(await before.config(), { checkPending: true })).toMatchObject({
    ok: true,
    findings: [],
  });
  expect(await sqlmig(['up', '--all'], before.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('up to date'),
  });

  expect(await up(await after.config(), { select: all, concurrentIndexJobs: 4 })).toMatchObject({
    ok: true,
    applied: 51,
  });
  expect(await verify(await after.config(), { checkPending: true })).toMatchObject({ ok: true });
}, 120_000);

test('a down file of the project is used rather than the one that the history keeps', async () => {
  const [before, after] = images(['acme']);
  await up(await after.config(), { select: all });
  before.write({ 'sql/tenant/0005_lines.down.sql': 'drop table lines; create table corrected ()' });
  expect(await down(await before.config(), { select: all, toFiles: true })).toMatchObject({ ok: true });
  expect(await db.query("select 1 as n from pg_tables where tablename = 'corrected'")).toEqual([{ n: 1 }]);
});

test('what has no down file anywhere is refused by name, and nothing is touched', async () => {
  const [before, after] = images(['acme', 'globex']);
  after.write({
    'sql/tenant/0006_none.sql': 'create table none ()',
    'sql/tenant/0007_long.sql': 'create table long ()',
    'sql/tenant/0007_long.down.sql': `drop table long; --${' '.repeat(longestKept)}`,
  });
  await up(await after.config(), { select: all });
  const { code, stdout, stderr } = await sqlmig(['down', '--all', '--to-files', '--yes'], before.dir);
  expect([code, stdout]).toEqual([2, '']);
  for (const label of ['7_long', '6_none'])
    expect(stderr).toContain(
      `${label} (tenant, applied in acme and 1 more) has no down file here, and the history keeps none`,
    );
  expect(stderr).not.toContain('5_lines');
  // Without the history, the newer versions have none at all.
  const steps = await sqlmig(['down', '--all', '--to', '2', '--yes'], before.dir);
  expect(steps.code).toBe(2);
  expect(steps.stderr).toContain('or use what the history keeps of a newer release: sqlmig down --to-files');
  expect(await db.history('acme')).toMatchObject({ 5: 1, 6: 1, 7: 1 });
  await expect(down(await after.config(), { select: all, to: '5' })).rejects.toMatchObject({
    code: 'down-missing',
  });
});

test('a text that was changed in the history is refused in that schema, and public waits', async () => {
  const [before, after] = images(['acme', 'globex']);
  await up(await after.config(), { select: all });
  await db.query("update acme.schema_migrations set down = 'drop table orders cascade' where version = 5");
  const result = await down(await before.config(), { select: all, toFiles: true });
  expect(result).toMatchObject({
    ok: false,
    undone: 1,
    failed: 1,
    skipped: 1,
    schemas: [
      { schema: 'acme', state: 'failed', version: '5', error: { code: 'down-changed', schema: 'acme' } },
      { schema: 'globex', state: 'undone', version: '0002' },
      { schema: 'public', state: 'skipped', error: { code: 'tenants-failed' } },
    ],
  });
  expect(await db.history('acme')).toMatchObject({ 1: 1, 5: 1 });
  // Even with the right checksum beside it, a text is only what it is: the others are not affected by it.
  expect(await down(await after.config(), { select: all, to: '2' })).toMatchObject({
    ok: true,
    undone: 1,
    failed: 0,
  });
});

test('a folder without versioned files is no release to go back to', async () => {
  const [, after] = images(['acme']);
  await up(await after.config(), { select: all });
  const empty = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/public/0001_plans.sql': old['sql/public/0001_plans.sql'] },
  );
  await expect(down(await empty.config(), { select: all, toFiles: true })).rejects.toMatchObject({
    code: 'files-missing',
  });
  empty.write({ 'sql/tenant/R__count.sql': old['sql/tenant/R__count.sql'] });
  await expect(down(await empty.config(), { select: all, toFiles: true })).rejects.toMatchObject({
    code: 'files-missing',
  });
  expect(await db.history('acme')).toMatchObject({ 5: 1 });
});

test('tables of an earlier version have kept nothing, which is refused and not an error of the server', async () => {
  const [before, after] = images(['acme']);
  await up(await after.config(), { select: all });
  await db.query('alter table acme.schema_migrations drop column down, drop column down_checksum');
  await expect(down(await before.config(), { select: all, toFiles: true })).rejects.toMatchObject({
    code: 'down-missing',
  });
  expect(await down(await after.config(), { select: all, to: '2' })).toMatchObject({ ok: true });
});

test('placeholders in a text that the history keeps are filled in', async () => {
  const settings = { url: db.url, tenants: { list: ['acme'] }, vars: { role: 'reader' } };
  const before = project(settings, { 'sql/tenant/1_a.sql': 'select 1' });
  const after = project(settings, {
    'sql/tenant/1_a.sql': 'select 1',
    'sql/tenant/2_b.sql': "create table {{tenant}}_b (by text default {{'role'}})",
    'sql/tenant/2_b.down.sql': 'drop table {{tenant}}_b',
    'sql/tenant/3_c.sql': 'create index concurrently c on {{tenant}}_b (by)',
    'sql/tenant/3_c.down.sql': 'drop index concurrently {{tenant}}.c',
  });
  await up(await after.config(), { select: all });
  const result = await down(await before.config(), { select: all, toFiles: true });
  expect(result).toMatchObject({ ok: true, undone: 1 });
  expect(await db.query("select tablename from pg_tables where tablename = 'acme_b'")).toEqual([]);
});

test('a mistake in a text that the history keeps is reported with its place', async () => {
  const [before, after] = images(['acme']);
  after.write({ 'sql/tenant/0005_lines.down.sql': 'drop table lines;\ndrop tabel lines' });
  await up(await after.config(), { select: all });
  await expect(down(await before.config(), { select: all, toFiles: true })).rejects.toMatchObject({
    code: 'sql-syntax',
    details: { file: '5_lines.down.sql (kept in the history)', line: 2 },
  });
});

test('a schema with an unfinished migration of the newer image is left alone', async () => {
  const [before, after] = images(['acme', 'globex']);
  await up(await after.config(), { select: all, to: '3' });
  await db.query('create table acme.orders_rate ()');
  await up(await after.config(), { select: all, maxFailures: { count: 9 } });
  await db.query(
    "update acme.schema_migrations set state = 'incomplete', at_statement = 1 where version = 3",
  );
  const events: RunEvent[] = [];
  const result = await down(await before.config(), {
    select: all,
    toFiles: true,
    onEvent: (e) => events.push(e),
  });
  expect(result.schemas).toMatchObject([
    {
      state: 'failed',
      error: {
        code: 'incomplete',
        hint: 'settle it first, with a release that has its file: sqlmig repair acme 3 --resume',
      },
    },
    { schema: 'globex', state: 'undone', version: '0002' },
    { schema: 'public', state: 'skipped' },
  ]);
});
