import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { effectsTable, expectExactlyOnce, leavesEffect } from './setup/effects.ts';
import { numbered, project } from './setup/project.ts';
import { applyPending, emptyTenant, testContext, testSession, uncheckedScript } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

test('without any advisory lock the history rows alone keep everything at exactly once', async () => {
  const names = ['pg_try_advisory_xact_lock', 'pg_try_advisory_xact_lock_shared', 'pg_try_advisory_lock'];
  const stubs = names.map(
    (name) =>
      `create or replace function pg_catalog.${name}(int, int) returns boolean language sql as 'select true';`,
  );
  await db.query(`set allow_system_table_mods = on; ${stubs.join(' ')} reset allow_system_table_mods`);
  expect(
    await db.query(
      'select pg_try_advisory_xact_lock(1, 1) and pg_try_advisory_lock(1, 1) and not exists (select from pg_locks where objid = 1 and pid = pg_backend_pid()) as stubbed',
    ),
  ).toEqual([{ stubbed: true }]);
  const tenants = numbered('t', 20);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 4 },
    {
      'sql/public/1_effects.sql': effectsTable,
      'sql/tenant/1_a.sql': leavesEffect(
        'tenant',
        1,
        'create table a (id int primary key); select pg_sleep(0.05);',
      ),
      'sql/tenant/2_b.sql': leavesEffect('tenant', 2),
    },
  );
  const config = await p.config();
  const runs = await Promise.all(
    Array.from({ length: 4 }, () => up(config, { select: all, maxFailures: { percent: 100 } })),
  );
  expect(runs.map((run) => run.schemas.filter((s) => s.error).map((s) => s.error?.message))).toEqual([
    [],
    [],
    [],
    [],
  ]);
  await expectExactlyOnce(db, tenants, [1, 2]);
});

test('a schema that was dropped and made anew since the look gets nothing by an old plan', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  await up(await p.config(), { select: all });
  const [was] = await db.query(`select 'acme'::regnamespace::oid::text as oid`);
  await db.query('drop schema acme cascade; create schema acme');
  const script = uncheckedScript('2', 'create table b ()');
  const history = [{ version: '1', name: 'a', checksum: 'a', state: 'applied' }] as const;
  const session = await testSession(db.url);
  const [now] = await db.query(`select 'acme'::regnamespace::oid::text as oid`);
  const target = { ...emptyTenant('acme'), history };
  // Known by its old OID, and, as if the look came between drop and history, by its new one.
  for (const [bootstrap, oid] of [
    [true, was?.oid],
    [false, was?.oid],
    [true, now?.oid],
  ] as const) {
    const attempt = await applyPending(
      session,
      { schema: { ...target, oid: String(oid) }, scripts: [script], bootstrap },
      { context: testContext, signal: new AbortController().signal },
    );
    expect(attempt).toMatchObject({ kind: 'retry', reason: 'stale' });
  }
  await session.close();
  expect(await db.query(`select to_regclass('acme.b') as b`)).toEqual([{ b: null }]);
});
