import { expect, test } from 'vitest';
import { type RunEvent, type UpResult, up } from '../src/index.ts';
import { freshDatabase } from './setup/database.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { project } from './setup/project.ts';
import { unreliableProxy } from './setup/proxy.ts';

const all = { kind: 'all', except: [] } as const;
const states = ({ schemas }: UpResult) =>
  Object.fromEntries(schemas.map(({ database, schema, state }) => [`${schema}@${database}`, state]));

/** A project with the databases eu, ap and us; us is behind a proxy, and its tenant t2 waits at a gate. */
async function threeDatabases() {
  const [eu, ap, us] = await Promise.all([freshDatabase(), freshDatabase(), freshDatabase()]);
  const proxy = await unreliableProxy(us.url);
  const tenants = { list: ['t1', 't2', 'only_us'] };
  const p = project(
    {
      databases: [
        { name: 'eu', url: eu.url, tenants: { list: ['t1', 't2'] } },
        { name: 'ap', url: ap.url, tenants: { query: 'select name from customers order by 1' } },
        { name: 'us', url: proxy.url },
      ],
      tenants,
      concurrency: 1,
    },
    {
      'sql/public/1_customers.sql': `create table customers (name text); insert into customers values ('t1')`,
      'sql/tenant/1_a.sql': 'create table a ()',
    },
  );
  return { eu, ap, us, proxy, p };
}

test('several databases: one that goes down in the middle fails alone, and the next run completes it', async () => {
  const { eu, ap, us, proxy, p } = await threeDatabases();
  const config = await p.config();
  expect(config.otherDatabases.map(({ name }) => name)).toEqual(['ap', 'us']);
  proxy.refuse(true);
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void events.push(event);
  await expect(up(config, { select: all, requireAll: true })).rejects.toMatchObject({
    code: 'connection-failed',
    details: { database: 'us' },
  });
  expect(await eu.query(`select from pg_namespace where nspname = 't1'`)).toEqual([]);
  const first = await up(config, { select: all, onEvent });
  expect(first).toMatchObject({ ok: false, applied: 5, failed: 0, skipped: 0 });
  expect(first.databases).toMatchObject([
    { database: 'eu', ok: true },
    { database: 'ap', ok: true },
    { database: 'us', ok: false, error: { code: 'connection-failed', database: 'us' } },
  ]);
  const begun = events.filter(({ type }) => type === 'run-started');
  expect(begun).toMatchObject([{ runId: first.runId }, { runId: first.runId }]);
  expect(new Set(events.map(({ database }) => database))).toEqual(new Set(['eu', 'ap']));

  proxy.refuse(false);
  const [openEu, openAp, open] = await Promise.all([eu, ap, us].map(closeGate));
  await Promise.all([openEu?.(), openAp?.()]);
  p.write({ 'sql/tenant/2_b.sql': `create table b (); ${waitAtGate()}` });
  const running = up(config, { select: all });
  const waits = `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  await expect.poll(() => us.query(waits), { timeout: 30_000 }).not.toEqual([]);
  proxy.refuse(true);
  const second = await running;
  expect(second.ok).toBe(false);
  expect(second.databases?.map(({ ok }) => ok)).toEqual([true, true, false]);
  expect(states(second)).toMatchObject({ 't1@eu': 'applied', 't2@eu': 'applied', 't1@ap': 'applied' });
  // The backend that waited does not know yet that its client is gone, and would commit.
  await us.query(
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`,
  );
  await open?.();
  proxy.refuse(false);
  const third = await up(config, { select: all });
  expect(third).toMatchObject({ ok: true, failed: 0, skipped: 0 });
  expect(states(third)).toMatchObject({ 't2@eu': 'up-to-date', 't2@us': 'applied', 'only_us@us': 'applied' });
  expect(second.failed + second.skipped).toBe(3);
  for (const schema of ['t1', 't2', 'only_us']) expect(await us.history(schema)).toEqual({ 1: 1, 2: 1 });
  expect(await ap.history('t1')).toEqual({ 1: 1, 2: 1 });
});
