import { beforeAll, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { lockClass } from '../src/protocol/keys.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { countingProxy } from './setup/proxy.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

test('one new file costs a round trip a tenant beside the scan; nothing to do takes no lock at all', async () => {
  const proxy = await countingProxy(db.url);
  const tenants = numbered('t', 120);
  const p = project(
    { url: proxy.url, tenants: { list: tenants } },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  await up(await p.config(), { select: all });
  const idle = await proxy.during(async () => {
    // A run that needed one of these locks would wait for ever.
    const holder = await testSession(db.url);
    await holder.run(
      `select pg_advisory_lock(${lockClass}, 0), pg_advisory_lock(${lockClass}, oid::int4) from pg_namespace`,
    );
    const result = await up(await p.config(), { select: all, waitForLockMs: 0 });
    expect(result).toMatchObject({ ok: true, applied: 0, upToDate: 121 });
    await holder.close();
  });
  p.write({ 'sql/tenant/2_b.sql': 'create table b ()' });
  const one = await proxy.during(async () => {
    expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 120 });
  });
  // The scan: one look at the catalog, three batches, one history. Each session greets once.
  expect(idle).toBeLessThanOrEqual(8);
  expect(one - idle - tenants.length).toBeLessThanOrEqual(4 + 8 + 4);
});

test('a slot is a new session after a thousand migrations', async () => {
  const p = project(
    { url: db.url, tenants: { list: numbered('many', 30) }, concurrency: 1, historyTable: 'lane_history' },
    Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [
        `sql/tenant/${i + 1}_x.sql`,
        i === 0 ? 'create table backend as select pg_backend_pid() as pid' : '-- nothing',
      ]),
    ),
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  const pids = numbered('many', 30).map((tenant) => `select pid from ${tenant}.backend`);
  expect(await db.query(`select count(distinct pid)::int as n from (${pids.join(' union all ')}) x`)).toEqual(
    [{ n: 3 }],
  );
});
