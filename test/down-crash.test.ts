import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { down, up, verify } from '../src/index.ts';
import { spawnSqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { numbered, project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

/** Each down file would fail in a second run, and counts itself where no rollback reaches. */
function counted(tenants: readonly string[], files: number, more = ''): TestProject {
  const tenant = Array.from({ length: files }, (_, i) => i + 1).map((n) => [
    [`sql/tenant/${n}_t.sql`, `create table t${n} ();`],
    [`sql/tenant/${n}_t.down.sql`, `${more}drop table t${n};`],
  ]);
  return project(
    { url: db.url, tenants: { list: tenants }, concurrency: 4 },
    {
      'sql/public/1_p.sql': 'create table p ()',
      'sql/public/1_p.down.sql': 'drop table p',
      ...Object.fromEntries(tenant.flat()),
    },
  );
}

/** A history has the versions of exactly the tables that are there. */
async function expectWhole(tenants: readonly string[]): Promise<void> {
  for (const schema of tenants) {
    const tables = await db.query(
      `select substr(tablename, 2)::int as n from pg_tables where schemaname = '${schema}' and tablename ~ '^t[0-9]' order by 1`,
    );
    const rows = await db.query(
      `select version::int as n from ${schema}.schema_migrations where state = 'applied' order by 1`,
    );
    expect(rows).toEqual(tables);
  }
}

const applied = async () =>
  Number((await db.query(`select count(*)::int as n from pg_tables where tablename ~ '^t[0-9]'`))[0]?.n);

test('killed -9 in the middle of 50 tenants and started again: each file with its row, or neither', async () => {
  const tenants = numbered('t', 50);
  const p = counted(tenants, 6);
  await up(await p.config(), { select: all });
  for (const threshold of [250, 150]) {
    const killed = start(['down', '--all', '--to', '0', '--yes', '--concurrency', '2'], p.dir);
    while ((await applied()) > threshold) await delay(5);
    killed.process.kill('SIGKILL');
    await killed.ended;
    await expectWhole(tenants);
    expect(await applied()).toBeGreaterThan(0);
  }
  expect(await verify(await p.config())).toMatchObject({ ok: true, findings: [] });
  expect(await spawnSqlmig(['down', '--all', '--to', '0', '--yes', '--quiet'], p.dir)).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await applied()).toBe(0);
  expect(await db.history('public')).toEqual({});
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 51 });
}, 120_000);

test('backends that are ended at random: --steps undoes that many, and not one more', async () => {
  const tenants = numbered('t', 30);
  const p = counted(tenants, 5, 'select pg_sleep(0.02); ');
  await up(await p.config(), { select: all });
  const run = start(['down', '--all', '--steps', '2', '--yes', '--max-failures', '100%', '--json'], p.dir);
  while ((await applied()) === 150) await delay(5);
  const until = performance.now() + 4_000;
  while (performance.now() < until && run.process.exitCode === null) {
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database() order by random() limit 1`,
    );
    await delay(60);
  }
  const { stdout } = await run.ended;
  await expectWhole(tenants);
  for (const { schema, scope, state, migrations, error } of JSON.parse(stdout).schemas) {
    if (scope === 'public') continue;
    const left = Object.keys(await db.history(schema)).length;
    // All readings after a failure may be ended as well.
    if (error?.state?.includes(`the state of ${schema} is unknown`)) continue;
    expect([schema, left]).toEqual([schema, 5 - migrations.length]);
    if (state === 'undone') expect(migrations).toMatchObject([{ version: '5' }, { version: '4' }]);
  }
}, 120_000);

test('beside a running up the locks keep them apart, whichever comes first', async () => {
  const tenants = numbered('t', 20);
  const p = counted(tenants, 2);
  await up(await p.config(), { select: all });
  p.write({ 'sql/tenant/3_t.sql': 'create table t3 ();', 'sql/tenant/3_t.down.sql': 'drop table t3;' });
  const both = await Promise.all([
    spawnSqlmig(['up', '--all', '--json'], p.dir),
    spawnSqlmig(['down', '--all', '--to', '1', '--yes', '--json'], p.dir),
    spawnSqlmig(['up', '--all', '--json'], p.dir),
  ]);
  for (const { code, stdout } of both) {
    const { schemas } = JSON.parse(stdout);
    const failed = schemas.filter(({ state }: { state: string }) => state === 'failed');
    expect(failed).toEqual([]);
    // Public is not undone while another run has brought a tenant up again.
    expect([0, 1]).toContain(code);
  }
  await expectWhole(tenants);
  expect(await verify(await p.config())).toMatchObject({ findings: [] });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await applied()).toBe(60);
}, 120_000);

test('a down waits for a run that holds the schema, and undoes what that run applied', async () => {
  const p = counted(['acme'], 1);
  await up(await p.config(), { select: all });
  const open = await closeGate(db);
  p.write({
    'sql/tenant/2_t.sql': `${waitAtGate()} create table t2 ();`,
    'sql/tenant/2_t.down.sql': 'drop table t2',
  });
  const upward = start(['up', '--all'], p.dir);
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
  const downward = down(await p.config(), {
    select: all,
    to: '0',
    onEvent: (event) => {
      if (event.type === 'retrying') void open();
    },
  });
  expect(await downward).toMatchObject({
    ok: true,
    schemas: [{ migrations: [{ version: '2' }, { version: '1' }] }, {}],
  });
  expect(await upward.ended).toMatchObject({ code: 0 });
  expect(await db.history('acme')).toEqual({});
});

test('SIGTERM: what runs is rolled back with its row, exit 143', async () => {
  const p = counted(['acme', 'globex'], 1, waitAtGate());
  await up(await p.config(), { select: all });
  await closeGate(db);
  const run = start(['down', '--all', '--steps', '1', '--yes', '--json'], p.dir);
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 2) await delay(20);
  run.process.kill('SIGTERM');
  const { code, stdout } = await run.ended;
  expect(code).toBe(143);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    skipped: 3,
    schemas: [
      {
        state: 'skipped',
        version: '1',
        error: { code: 'interrupted', hint: 'run the same command again to continue' },
      },
      { state: 'skipped', version: '1' },
      { schema: 'public', state: 'skipped', error: { code: 'interrupted' } },
    ],
  });
  expect(await applied()).toBe(2);
});

const missing = poolerMissing();
test.skipIf(missing !== null)(
  `behind a pooler in transaction mode${missing === null ? '' : ` (skipped: ${missing})`}`,
  async () => {
    const tenants = numbered('t', 10);
    const p = counted(tenants, 4);
    await up(await p.config(), { select: all });
    const url = await startPooler(db.url, 'transaction', 4);
    const pooled = { DATABASE_URL: url };
    const runs = await Promise.all(
      [1, 2].map(() =>
        spawnSqlmig(['down', '--all', '--to', '1', '--yes', '--url', url, '--json'], p.dir, pooled),
      ),
    );
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    await expectWhole(tenants);
    expect(await applied()).toBe(10);
  },
  60_000,
);
