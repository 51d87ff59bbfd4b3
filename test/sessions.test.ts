import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeEach, expect, test } from 'vitest';
import { createLimit } from '../src/fleet/limit.ts';
import { status, up } from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

/** Runs `up` to its end, and gives the most sessions and the most schemas at work that were seen at once. */
async function watched(args: readonly string[], dir: string) {
  let going = true;
  const running = start(['up', '--all', ...args], dir);
  const ended = running.ended.finally(() => {
    going = false;
  });
  let sessions = 0;
  let schemas = 0;
  while (going) {
    const [row] = await db.query(`select
(select count(*)::int from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()) as sessions,
(select count(distinct objid)::int from pg_locks where locktype = 'advisory' and objid > 2 and granted
  and database = (select oid from pg_database where datname = current_database())) as schemas`);
    sessions = Math.max(sessions, Number(row?.sessions));
    schemas = Math.max(schemas, Number(row?.schemas));
    await delay(2);
  }
  const { code, stderr } = await ended;
  return { code, stderr, sessions, schemas };
}

test.each([
  ['one slot', '', []],
  ['one slot and a URL past a pooler', '?pgbouncer=true', ['--direct-url']],
])(
  '%s: one tenant at a time and at most three sessions, whatever the files are',
  async (_, query, direct) => {
    const tenants = numbered('t', 24);
    const p = project(
      { url: db.url + query, tenants: { list: tenants }, concurrency: 1 },
      { 'sql/tenant/1_t.sql': 'create table t (i int)' },
    );
    const args = direct.flatMap((flag) => [flag, db.url]);
    expect(await sqlmig(['up', '--all', ...args], p.dir)).toMatchObject({ code: 0 });
    p.write({
      'sql/public/1_p.sql': 'create table p (i int)',
      'sql/tenant/2_i.sql': 'create index concurrently t_i on t (i);\nselect pg_sleep(0.01);',
    });
    const seen = await watched([...args, '--canary', '5'], p.dir);
    expect(seen).toMatchObject({ code: 0, schemas: 1 });
    expect(seen.sessions).toBeLessThanOrEqual(3);
  },
);

test('two concurrency: never more than four sessions, from public over the canaries to the rest', async () => {
  const tenants = numbered('t', 24);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 2 },
    { 'sql/tenant/1_t.sql': 'create table t (i int)' },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  p.write({
    'sql/public/1_p.sql': 'create table p (i int)',
    'sql/tenant/2_i.sql': 'create index concurrently t_i on t (i);\nselect pg_sleep(0.01);',
  });
  const seen = await watched(['--canary', '10'], p.dir);
  expect(seen.code).toBe(0);
  expect(seen.sessions).toBeLessThanOrEqual(4);
});

test('work that comes while another gives its place to one who waits does not run beside it', async () => {
  const limit = createLimit(1);
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await delay(5);
    running -= 1;
  };
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = limit(() => opened);
  const second = limit(work);
  const third = opened.then(() => limit(work));
  open();
  await Promise.all([first, second, third]);
  expect(most).toBe(1);
});

test('a session that is ended while two read the histories does not end the run', async () => {
  const tenants = numbered('t', 60);
  const p = project(
    { url: db.url, tenants: { list: tenants } },
    { 'sql/tenant/1_t.sql': 'create table t (i int)' },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'all', except: [] } });
  const locker = postgres(db.url, { max: 1, onnotice: () => {} });
  const tables = tenants.map((tenant) => `${tenant}.schema_migrations`).join(', ');
  await locker.unsafe(`begin; lock table ${tables}`).simple();
  const reading = status(config);
  const waiting = `from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and application_name like 'sqlmig%'`;
  while ((await db.query(`select count(*)::int as n ${waiting}`))[0]?.n !== 2) await delay(5);
  await db.query(`select pg_terminate_backend(pid) ${waiting} order by backend_start desc limit 1`);
  await delay(200);
  await locker.unsafe('rollback').simple();
  await locker.end();
  expect((await reading).schemas).toHaveLength(61);
});
