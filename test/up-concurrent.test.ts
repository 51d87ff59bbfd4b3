import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { spawnSqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { effectsTable, expectExactlyOnce, leavesEffect } from './setup/effects.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

test('four processes on 200 tenants share the work: exactly once, and no tenant before public', async () => {
  const tenants = numbered('t', 200);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 4 },
    {
      'sql/public/1_effects.sql': effectsTable,
      'sql/public/2_second.sql': leavesEffect('public', 2, 'select pg_sleep(0.2);'),
      'sql/public/3_third.sql': leavesEffect('public', 3, 'select pg_sleep(0.2);'),
      'sql/tenant/1_a.sql': leavesEffect('tenant', 1, 'create table a (id int primary key);'),
      'sql/tenant/2_b.sql': leavesEffect('tenant', 2, 'create table b (id int references a (id));'),
      'sql/tenant/3_c.sql': leavesEffect('tenant', 3),
    },
  );
  const runs = await Promise.all(
    Array.from({ length: 4 }, () => spawnSqlmig(['up', '--all', '--json'], p.dir)),
  );
  expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    runs.map(({ stderr }) => ({ code: 0, stderr })),
  );
  await expectExactlyOnce(db, tenants, [1, 2, 3]);
  expect(await db.history('public')).toEqual({ 1: 1, 2: 1, 3: 1 });
  expect(
    await db.query(`select count(*)::int as n from effects where scope = 'tenant' and seen <> 3`),
  ).toEqual([{ n: 0 }]);
  expect(
    await db.query(
      `select min(at) filter (where scope = 'tenant') > max(at) filter (where scope = 'public') as after from effects`,
    ),
  ).toEqual([{ after: true }]);
  const applied = runs.map((run) => JSON.parse(run.stdout).applied);
  expect(applied.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(201);
});

test('twenty cold starts at once on an empty database all succeed', async () => {
  const tenants = numbered('cold', 5);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 2, publicSchema: 'shared' },
    {
      'sql/public/1_effects.sql': effectsTable,
      'sql/tenant/1_a.sql': leavesEffect('tenant', 1),
    },
  );
  const runs = await Promise.all(
    Array.from({ length: 20 }, () => spawnSqlmig(['up', '--all', '--quiet'], p.dir)),
  );
  expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    runs.map(() => ({ code: 0, stderr: '' })),
  );
  expect(await db.history('shared')).toEqual({ 1: 1 });
  expect(await db.query('select count(*)::int as n from shared.effects')).toEqual([{ n: 6 }]);
});

test('a public file waits for running tenants only as long as they run, and none overlaps it', async () => {
  const tenants = numbered('busy', 60);
  const files = {
    'sql/public/1_effects.sql': effectsTable,
    'sql/tenant/1_slow.sql': leavesEffect('tenant', 1, 'select pg_sleep(0.25);'),
  };
  const old = project({ url: db.url, tenants: { list: tenants }, concurrency: 2 }, files);
  const newer = project(
    { url: db.url, tenants: { list: tenants.slice(0, 1) } },
    { ...files, 'sql/public/2_next.sql': leavesEffect('public', 2, 'select pg_sleep(0.3);') },
  );
  const running = spawnSqlmig(['up', '--all', '--json'], old.dir);
  while (
    (
      await db.query(
        `select to_regclass('busy_1.schema_migrations') is null and to_regclass('busy_2.schema_migrations') is null and to_regclass('busy_9.schema_migrations') is null as no`,
      )
    )[0]?.no === true
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // In this process: on a busy machine, another one could start so slowly that no tenant is left.
  const release = await up(await newer.config(), { select: { kind: 'public' } });
  const doneBefore = await db.query(`select count(*)::int as n from effects where scope = 'tenant'`);
  expect(release).toMatchObject({ ok: true });
  expect(doneBefore[0]?.n).toBeLessThan(60);
  expect(await running).toMatchObject({ code: 0 });
  await expectExactlyOnce(db, tenants, [1]);
  const overlaps =
    await db.query(`select count(*)::int as n from effects p join effects t on p.version = 2 and p.scope = 'public'
    and t.scope = 'tenant' and t.at > p.at - interval '0.3 s' and t.at - interval '0.25 s' < p.at`);
  expect(overlaps).toEqual([{ n: 0 }]);
});
