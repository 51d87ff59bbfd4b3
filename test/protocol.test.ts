import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

async function until(condition: string): Promise<void> {
  while ((await db.query(`select (${condition}) as yes`))[0]?.yes !== true) await delay(20);
}

test('a runner killed -9 in the second of three CONCURRENTLY statements: told exactly, resumed, clean', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['hit', 'other', 'third'] }, concurrency: 1 },
    {
      'sql/tenant/1_items.sql':
        'create table items (id int, name text); create table notes (id int); insert into items select i, i::text from generate_series(1, 500) i;',
      'sql/tenant/0002_indexes.sql':
        'create index concurrently items_id on items (id);\ncreate index concurrently notes_id on notes (id);\ncreate index concurrently items_name on items (name);',
    },
  );
  await up(await p.config(), { select: { kind: 'tenants', names: ['hit'] }, to: '1' });
  // Idle in a transaction there is no snapshot: only the build on this table has to wait.
  const writer = postgres(db.url, { max: 1, fetch_types: false, prepare: false, onnotice: () => {} });
  await writer.unsafe('START TRANSACTION; lock table hit.notes in row exclusive mode').simple();
  const killed = start(['up', '--tenants', 'hit'], p.dir);
  await until(
    `exists (select from pg_stat_progress_create_index where relid = 'hit.notes'::regclass and datname = current_database() and phase like 'waiting%')`,
  );
  killed.process.kill('SIGKILL');
  await killed.ended;
  const next = sqlmig(['up', '--all', '--json'], p.dir);
  // While the orphan works its lock is held, and the next run waits for it.
  await until(`to_regclass('other.items_name') is not null or to_regclass('third.items_name') is not null`);
  expect(
    await db.query(
      'select state, at_statement, done_statements from hit.schema_migrations where version = 2',
    ),
  ).toEqual([{ state: 'incomplete', at_statement: 2, done_statements: 1 }]);
  await writer.unsafe('COMMIT').simple();
  await writer.end();
  const { code, stdout } = await next;
  expect(code).toBe(1);
  const [, hit, other, third] = JSON.parse(stdout).schemas;
  expect([other.state, third.state]).toEqual(['applied', 'applied']);
  expect(hit).toMatchObject({
    state: 'failed',
    error: {
      code: 'incomplete',
      message: '2_indexes was started but not finished',
      state: 'not touched; hit is at 1',
      hint: 'settle it with: sqlmig repair hit 0002 --resume',
    },
  });
  const told = await sqlmig(['repair', 'hit', '2'], p.dir);
  expect(told.stderr).toContain('stopped in hit at statement 2 of 3 (1 done)');
  expect(await sqlmig(['repair', 'hit', '2', '--resume'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(
    await db.query(
      `select count(*)::int as n from pg_index i join pg_class c on c.oid = indexrelid where relname in ('items_id', 'notes_id', 'items_name') and indisvalid`,
    ),
  ).toEqual([{ n: 9 }]);
});

test('kill -9 of the runner ends its transactional unit on the server', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_slow.sql': 'create table slow (); select pg_sleep(600)' },
  );
  const run = start(['up', '--all'], p.dir);
  const sleeping = `exists (select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database())`;
  await until(sleeping);
  run.process.kill('SIGKILL');
  await run.ended;
  // It would sleep longer than this test may.
  await until(`not ${sleeping}`);
  await until(`to_regclass('acme.slow') is null`);
  while ((await db.leftovers()).length > 0) await delay(20);
});

test('a schema dropped and made anew all the time: never two units in it at once', async () => {
  await db.query('create table spans (began timestamptz, ended timestamptz)');
  const p = project(
    { url: db.url, tenants: { list: ['churn'] } },
    {
      'sql/tenant/1_a.sql': `do $$ declare began timestamptz := clock_timestamp(); begin
  perform pg_sleep(0.05); insert into spans values (began, clock_timestamp()); end $$`,
    },
  );
  const config = await p.config();
  const stop = performance.now() + 5_000;
  let units = 0;
  const going = () => performance.now() < stop || units <= 3;
  const churn = async () => {
    while (going()) {
      await db.query('drop schema if exists churn cascade; create schema churn').catch(() => {});
      await delay(30);
      units = Number((await db.query('select count(*)::int as n from spans'))[0]?.n);
    }
  };
  const runner = async () => {
    while (going()) await up(config, { select: all }).catch(() => {});
  };
  await Promise.all([churn(), ...Array.from({ length: 6 }, runner)]);
  const [row] = await db.query(
    `select count(*) filter (where began < before)::int as overlaps
     from (select began, lag(ended) over (order by began) as before from spans) s`,
  );
  expect(row?.overlaps).toBe(0);
});

test('status, verify and up work with far more tenants than the lock table has room for', async () => {
  const server = await ownServer({ max_locks_per_transaction: '10', max_connections: '20', fsync: 'off' });
  const tenants = numbered('t', 3_000);
  const settings = { url: server.url, tenants: { list: tenants } };
  await up(
    await project({ ...settings, tenants: { list: ['t_1'] } }, { 'sql/tenant/1_a.sql': '' }).config(),
    { select: all },
  );
  const columns = 'including defaults including constraints including indexes';
  for (let from = 2; from <= tenants.length; from += 100) {
    await server.query(`do $$ begin for i in ${from}..${Math.min(from + 99, tenants.length)} loop
  execute format('create schema t_%1$s; create table t_%1$s.schema_migrations (like t_1.schema_migrations ${columns}); alter table t_%1$s.schema_migrations replica identity full; insert into t_%1$s.schema_migrations select * from t_1.schema_migrations', i);
end loop; end $$`);
  }
  const everyTable = tenants.map((tenant) => `${tenant}.schema_migrations`).join(', ');
  await expect(server.query(`begin; lock table ${everyTable}; rollback`)).rejects.toMatchObject({
    code: '53200',
  });
  const p = project(settings, { 'sql/tenant/1_a.sql': '' });
  const status = await sqlmig(['status'], p.dir);
  expect(status).toMatchObject({ code: 0, stderr: '' });
  expect(status.stdout).toContain('tenant  at 1     up to date  3000 schemas');
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect((await sqlmig(['up', '--all'], p.dir)).stderr).toContain('0 applied, 3001 up to date, 0 failed');
});
