import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { effectsTable, leavesEffect } from './setup/effects.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { project } from './setup/project.ts';
import { cancelDroppingProxy } from './setup/proxy.ts';

// Each of these fails when one mechanism between runs, or between a run and the server, is taken out.

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const sleeping = `exists (select from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database())`;

async function until(condition: string): Promise<void> {
  while ((await db.query(`select (${condition}) as yes`))[0]?.yes !== true) await delay(20);
}

/** A writer that keeps an index build on a table waiting until it is let go; idle in its transaction, so without a snapshot. */
async function writerOn(table: string): Promise<() => Promise<void>> {
  const writer = postgres(db.url, { max: 1, fetch_types: false, prepare: false, onnotice: () => {} });
  await writer.unsafe(`START TRANSACTION; lock table ${table} in row exclusive mode`).simple();
  return async () => {
    await writer.unsafe('COMMIT').simple();
    await writer.end();
  };
}

const building = `exists (select from pg_stat_progress_create_index where phase like 'waiting%' and datname = current_database())`;
/** An index build that waits for a writer; `letGo` lets it go on. */
async function buildHeldUp() {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, indexFiles);
  const config = await p.config();
  await up(config, { select: all, to: '1' });
  const letGo = await writerOn('acme.t');
  const build = up(config, { select: all });
  await until(building);
  return { p, config, build, letGo };
}

const indexFiles = {
  'sql/tenant/1_t.sql': 'create table t (id int)',
  'sql/tenant/2_i.sql': 'create index concurrently i on t (id)',
};

test('public that loses a migration while tenants are served: the rest of them wait', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['a', 'b'] }, concurrency: 1 },
    {
      'sql/public/1_p.sql': 'create table p ()',
      'sql/public/2_q.sql': 'create table q ()',
      'sql/tenant/1_t.sql': `create table t (); ${waitAtGate()}`,
    },
  );
  const open = await closeGate(db);
  const run = up(await p.config(), { select: all, maxFailures: { percent: 100 } });
  await until(sleeping);
  await db.query('delete from public.schema_migrations where version = 2');
  await open();
  const codes = (await run).schemas.flatMap((schema) => schema.error?.code ?? []);
  expect(codes).toEqual(['public-behind']);
  expect(await db.query(`select count(*)::int as n from pg_class where relname = 't'`)).toEqual([{ n: 1 }]);
});

test('public does not starve behind tenants that end out of step', async () => {
  const tenants = Array.from({ length: 40 }, (_, i) => `long_${i}`);
  const slow = `select pg_sleep(0.7 + 0.23 * (substring(current_schema() from 6)::int % 4));`;
  const files = { 'sql/public/1_p.sql': effectsTable, 'sql/tenant/1_t.sql': leavesEffect('tenant', 1, slow) };
  const settings = { url: db.url, tenants: { list: tenants }, concurrency: 4 };
  const old = project(settings, files);
  const newer = project(
    { ...settings, tenants: { list: [] } },
    { ...files, 'sql/public/2_q.sql': 'create table q ()' },
  );
  const stop = new AbortController();
  const running = up(await old.config(), { select: all, signal: stop.signal });
  await until(
    `(select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()) = 4`,
  );
  const release = await up(await newer.config(), { select: all });
  const finished = await db.query(`select count(*)::int as n from effects where scope = 'tenant'`);
  stop.abort();
  await running;
  expect(release).toMatchObject({ ok: true, applied: 1 });
  // A try that never queues would come through when the others have finished.
  expect(finished[0]?.n).toBeLessThan(20);
});

test('a second run beside a non-transactional file waits for it, and finds it done', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_n.sql': `-- sqlmig: no-transaction\n${waitAtGate()}` },
  );
  const config = await p.config();
  const open = await closeGate(db);
  const first = up(config, { select: all });
  await until(sleeping);
  const second = up(config, { select: all });
  await delay(1_500);
  await open();
  expect(await first).toMatchObject({ ok: true, applied: 1 });
  expect(await second).toMatchObject({ ok: true, upToDate: 2 });
});

test('public never waits in the lock queue while an index build of ours runs', async () => {
  const { p, config, build, letGo } = await buildHeldUp();
  p.write({ 'sql/public/1_p.sql': 'create table p ()' });
  const release = up(config, { select: { kind: 'public' } });
  const waits: unknown[] = [];
  for (let i = 0; i < 60; i++) {
    waits.push(
      ...(await db.query(`select objid from pg_locks l join pg_database d on d.oid = l.database
        where locktype = 'advisory' and not granted and datname = current_database()`)),
    );
    await delay(20);
  }
  await letGo();
  expect([await build, await release]).toMatchObject([{ ok: true }, { ok: true }]);
  expect(waits).toEqual([]);
});

test('an index build waits longer than a default of lock_timeout', async () => {
  await db.query(`alter database ${db.name} set lock_timeout = '200ms'`);
  const { build, letGo } = await buildHeldUp();
  await delay(700);
  await letGo();
  expect(await build).toMatchObject({ ok: true });
});

test('a statement that succeeds and leaves an invalid index is not called done', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': 'create table t (id int)',
      'sql/tenant/2_n.sql': `-- sqlmig: no-transaction\nselect 1;\ncreate index concurrently i on t (id);\nselect 3;`,
    },
  );
  await db.query(`create function public.breaks() returns event_trigger language plpgsql as $$ begin
    update pg_catalog.pg_index set indisvalid = false where indexrelid = to_regclass('acme.i'); end $$;
    create event trigger breaks on ddl_command_end when tag in ('CREATE INDEX') execute function public.breaks()`);
  const result = await up(await p.config(), { select: all });
  expect(result.schemas[1]?.error).toMatchObject({ code: 'invalid-index', statement: 2, line: 3 });
  expect(
    await db.query(
      'select state, at_statement, done_statements from acme.schema_migrations where version = 2',
    ),
  ).toEqual([{ state: 'incomplete', at_statement: 2, done_statements: 1 }]);
});

test('resumed past its end, a file with an invalid index is still not applied', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': 'create table t (id int); insert into t values (1), (1)',
      'sql/tenant/2_n.sql': 'create unique index concurrently i on t (id)',
    },
  );
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(1);
  expect(await sqlmig(['repair', 'acme', '2', '--from-statement', '2'], p.dir)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('error[invalid-index]'),
  });
  expect(await db.query('select state from acme.schema_migrations where version = 2')).toEqual([
    { state: 'incomplete' },
  ]);
});

test('where no cancel request gets through, the connection is closed in the end', async () => {
  const { url } = await cancelDroppingProxy(db.url, 1_000_000);
  const p = project(
    { url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_slow.sql': 'create table slow (); select pg_sleep(600)' },
  );
  const stop = new AbortController();
  const run = up(await p.config(), { select: all, signal: stop.signal });
  await until(sleeping);
  stop.abort();
  expect(await run).toMatchObject({ ok: false, skipped: 1 });
  await until(`not ${sleeping}`);
});

const pooled = poolerMissing();
if (pooled !== null) console.log(`skipped: ${pooled}`);
(pooled === null ? test : test.skip)(
  'SIGTERM ends a non-transactional statement on the direct URL',
  async () => {
    const url = await startPooler(db.url, 'transaction', 6);
    const p = project(
      { url, tenants: { list: ['acme'] } },
      { 'sql/tenant/1_n.sql': '-- sqlmig: no-transaction\nselect pg_sleep(600)' },
    );
    const run = start(['up', '--all', '--direct-url', db.url], p.dir);
    await until(sleeping);
    run.process.kill('SIGTERM');
    expect((await run.ended).code).toBe(143);
    await until(`not ${sleeping}`);
  },
);

test('a schema whose OID is above 2^31 has a lock of its own, by either kind of file', async () => {
  await db.query(
    `set allow_system_table_mods = on; insert into pg_catalog.pg_namespace values (3000000000, 'acme', 10, null); reset allow_system_table_mods`,
  );
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': `create table t (id int); ${waitAtGate(2)}`,
      'sql/tenant/2_i.sql': `-- sqlmig: no-transaction\n${waitAtGate(3)}`,
    },
  );
  const open = await closeGate(db);
  const run = up(await p.config(), { select: all });
  const seen: string[] = [];
  for (const version of [1, 2]) {
    await until(
      `exists (select from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig % ${version} %' and datname = current_database())`,
    );
    seen.push((await sqlmig(['locks'], p.dir)).stdout);
    await open(version + 1);
  }
  expect(await run).toMatchObject({ ok: true, applied: 1 });
  for (const locks of seen) expect(locks).toMatch(/^acme +held +exclusive/m);
});
