import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { spawnSqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { effectsTable, expectExactlyOnce, leavesEffect } from './setup/effects.ts';
import { numbered, project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const versions = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

function counting(tenants: readonly string[], files: number, more = ''): TestProject {
  const tenantFiles = versions(files).map((version) => [
    `sql/tenant/${String(version).padStart(4, '0')}_step.sql`,
    leavesEffect('tenant', version, `${more} create table step_${version} (id int primary key, note text);`),
  ]);
  return project(
    { url: db.url, tenants: { list: tenants }, concurrency: 4 },
    { 'sql/public/1_effects.sql': effectsTable, ...Object.fromEntries(tenantFiles) },
  );
}

async function effects(): Promise<number> {
  const [row] = await db.query(
    `select case when to_regclass('public.effects') is null then 0 else 1 end as there`,
  );
  if (row?.there !== 1) return 0;
  return Number((await db.query('select count(*)::int as n from effects'))[0]?.n);
}

test('100 files x 40 tenants, killed with -9 in the middle and started again: everything exactly once', async () => {
  const tenants = numbered('t', 40);
  const p = counting(tenants, 100);
  for (const threshold of [500, 2_000]) {
    const killed = start(['up', '--all'], p.dir);
    while ((await effects()) < threshold) await delay(20);
    killed.process.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    expect(await effects()).toBeLessThan(4_000);
  }
  expect(await spawnSqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
  await expectExactlyOnce(db, tenants, versions(100));
  expect(await spawnSqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.leftovers()).toEqual([]);
}, 300_000);

test('backends terminated at random for five seconds: no uncaught exception, everything exactly once', async () => {
  const tenants = numbered('t', 40);
  const p = counting(tenants, 6, 'select pg_sleep(0.02);');
  const runs = [
    start(['up', '--all', '--max-failures', '100%'], p.dir),
    start(['up', '--all', '--max-failures', '100%'], p.dir),
  ];
  const until = performance.now() + 5_000;
  while (performance.now() < until) {
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database() order by random() limit 1`,
    );
    await delay(60);
  }
  for (const { stderr, code } of await Promise.all(runs.map((run) => run.ended))) {
    expect(stderr).not.toMatch(/uncaught|unhandled|TypeError|at .*\.js:\d+/i);
    // 3: its very first connection was the one that was terminated.
    expect([0, 1, 3]).toContain(code);
  }
  expect(await spawnSqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
  await expectExactlyOnce(db, tenants, versions(6));
});
