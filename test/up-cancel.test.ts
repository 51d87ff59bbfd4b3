import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { cancelDroppingProxy } from './setup/proxy.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s cancels and rolls back what runs, reports, and exits %i', async ([signal, code]) => {
  const table = `${signal.toLowerCase()}_history`;
  const p = project(
    {
      url: db.url,
      tenants: { list: [`${signal}_1`, `${signal}_2`, `${signal}_3`] },
      concurrency: 2,
      historyTable: table,
    },
    { 'sql/tenant/1_slow.sql': 'create table slow (); select pg_sleep(60)' },
  );
  const run = start(['up', '--all', '--json'], p.dir);
  const running = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(running))[0]?.n !== 2) await delay(20);
  const sent = performance.now();
  run.process.kill(signal);
  const ended = await run.ended;
  expect(performance.now() - sent).toBeLessThan(30_000);
  expect(ended.code).toBe(code);
  const result = JSON.parse(ended.stdout);
  expect(result).toMatchObject({ ok: false, failed: 0, skipped: 3 });
  expect(result.schemas.map((s: { error?: { code: string } }) => s.error?.code)).toEqual([
    undefined,
    ...Array(3).fill('interrupted'),
  ]);
  expect(await db.query(running)).toEqual([{ n: 0 }]);
  expect(await db.query(`select count(*)::int as n from pg_tables where tablename = 'slow'`)).toEqual([
    { n: 0 },
  ]);
  expect(await db.leftovers()).toEqual([]);
});

test.for([['plan'], ['up', '--all', '--json']])('a tenants function that never returns: %j', async (args) => {
  const p = project({}, { 'sql/tenant/1_t.sql': 'create table t ()' });
  p.remove('sqlmig.config.json');
  const tenants = `() => new Promise(() => setInterval(() => {}, 1_000))`;
  p.write({
    'sqlmig.config.mjs': `export default { url: '${db.url}', historyTable: 'never', tenants: ${tenants} }`,
  });
  const run = start(args, p.dir);
  const connected = `select from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(connected)).length === 0) await delay(20);
  run.process.kill('SIGTERM');
  const ended = await Promise.race([run.ended, delay(15_000, null)]);
  run.process.kill('SIGKILL');
  expect(ended).toMatchObject({ code: 143, stderr: expect.stringContaining('error[interrupted]') });
});

test('a cancel request that is lost on the way is sent again', async () => {
  const { url, cancels } = await cancelDroppingProxy(db.url, 2);
  const p = project(
    { url, tenants: { list: ['again'] }, historyTable: 'again_history' },
    { 'sql/tenant/1_slow.sql': 'create table slow (); select pg_sleep(20)' },
  );
  const stop = new AbortController();
  const run = up(await p.config(), { select: { kind: 'all', except: [] }, signal: stop.signal });
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
  stop.abort();
  expect(await run).toMatchObject({
    ok: false,
    skipped: 1,
    schemas: [{}, { error: { code: 'interrupted' }, version: null }],
  });
  expect(cancels()).toBeGreaterThanOrEqual(3);
  expect(await db.query(sleeping)).toEqual([{ n: 0 }]);
});
