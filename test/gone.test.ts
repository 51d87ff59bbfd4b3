import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeAll, expect, test } from 'vitest';
import { createTenant, type RunEvent, up } from '../src/index.ts';
import { lockClass, lockObjects, nameKey } from '../src/protocol/keys.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { holdKey, holdLock } from './setup/gate.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.query('create table gate ()');
});

const ownDatabase = '(select oid from pg_database where datname = current_database())';
const all = { kind: 'all', except: [] } as const;

/** Keeps everybody out of `gate` until it is released. */
async function holdGate() {
  const sql = postgres(db.url, { max: 1, onnotice: () => {} });
  await sql.unsafe('begin; lock table gate').simple();
  return async () => {
    await sql.unsafe('commit').simple();
    await sql.end();
  };
}

/** The tenants in which a run is at work, once there are any. */
async function atWork(): Promise<string[]> {
  for (;;) {
    const rows = await db.query(`select n.nspname as name from pg_locks w
      join pg_locks l on l.pid = w.pid and l.locktype = 'advisory' and l.classid = ${lockClass}
      join pg_namespace n on n.oid = l.objid
      where not w.granted and w.relation = 'gate'::regclass and w.database = ${ownDatabase}`);
    if (rows.length > 0) return [...new Set(rows.map(({ name }) => String(name)))];
    await delay(20);
  }
}

test.for([true, false])(
  'tenants that go while others are migrated (with a history: %j)',
  async (migrated) => {
    const list = ['a', 'b', 'c', 'd'].map((name) => `${name}_${migrated}`);
    const table = `tenants_${migrated}`;
    await db.query(
      `create table ${table} (name text); insert into ${table} values ${list.map((name) => `('${name}')`).join()};
     ${list.map((name) => `create schema ${name}`).join(';')}`,
    );
    const p = project(
      {
        url: db.url,
        concurrency: 1,
        historyTable: `h_${migrated}`,
        tenants: { query: `select name from ${table}` },
      },
      { 'sql/tenant/1_a.sql': '' },
    );
    if (migrated) expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
    p.write({ 'sql/tenant/2_b.sql': 'lock table gate in access share mode' });
    const open = await holdGate();
    const running = up(await p.config(), { select: all, maxFailures: { count: 2 } });
    const [first] = await atWork();
    const [dropped, renamed, last] = list.filter((name) => name !== first);
    await db.query(`drop schema ${dropped} cascade; delete from ${table} where name = '${dropped}';
    alter schema ${renamed} rename to ${renamed}_old`);
    await open();
    const result = await running;
    const of = (schema: string | undefined) => result.schemas.find((outcome) => outcome.schema === schema);
    expect(of(dropped)).toMatchObject({
      state: 'skipped',
      version: null,
      error: {
        code: 'schema-missing',
        message:
          'the schema is gone: it was dropped or renamed during the run, and the tenant list no longer has it',
        state: `${dropped} does not exist`,
      },
    });
    expect(of(renamed)).toMatchObject({
      state: 'failed',
      error: { code: 'schema-missing', message: expect.stringContaining('the tenant list still has it') },
    });
    expect([of(first)?.state, of(last)?.state]).toEqual(['applied', 'applied']);
    expect(result).toMatchObject({ ok: false, failed: 1, skipped: 1 });
    // It is not made again either.
    const left = await db.query(
      `select nspname from pg_namespace where nspname in ('${dropped}', '${renamed}')`,
    );
    expect(left).toEqual([]);
  },
);

test('a tenant that is dropped and taken off the list is no failure, and the run is fine', async () => {
  const list = ['x_1', 'x_2', 'x_3'];
  await db.query(`create table x_tenants as select unnest(array['x_1', 'x_2', 'x_3']) as name`);
  const p = project(
    {
      url: db.url,
      concurrency: 1,
      historyTable: 'x_history',
      tenants: { query: 'select name from x_tenants' },
    },
    { 'sql/tenant/1_a.sql': '' },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  p.write({ 'sql/tenant/2_b.sql': 'lock table gate in access share mode', 'sql/tenant/3_c.sql': '' });
  const open = await holdGate();
  const running = up(await p.config(), { select: all });
  const [first] = await atWork();
  const [other, third] = list.filter((name) => name !== first);
  // One before its message, and one between two transactions of it, for which the drop waits.
  await db.query(
    `drop schema ${other} cascade; delete from x_tenants where name in ('${other}', '${first}')`,
  );
  const dropping = db.query(`drop schema ${first} cascade`);
  while (
    (
      await db.query(`select from pg_locks l join pg_stat_activity a using (pid)
      where not l.granted and a.query like 'drop schema%' and a.datname = current_database()`)
    ).length === 0
  )
    await delay(20);
  await open();
  const result = await running;
  await dropping;
  expect(result).toMatchObject({ ok: true, failed: 0, skipped: 2, applied: 1 });
  expect(result.schemas.find(({ schema }) => schema === third)).toMatchObject({ state: 'applied' });
  for (const schema of [first, other]) {
    expect(result.schemas.find((outcome) => outcome.schema === schema)).toMatchObject({
      state: 'skipped',
      error: { code: 'schema-missing' },
    });
  }
});

test('a tenant that is dropped between the list and the look is not created again', async () => {
  await db.query(`create table y_tenants as select unnest(array['y_1', 'y_2']) as name`);
  // The list loses one when it is read for the second time: as if that had been dropped right after the first.
  await db.query(`create sequence y_reads;
    create function y_list() returns setof text language sql as $$
      select name from y_tenants where name <> 'y_2' or (select nextval('y_reads')) < 2 $$`);
  const load = async () => {
    const rows = await db.query('select y_list() as name');
    return rows.map(({ name }) => name);
  };
  const p = project({ url: db.url, historyTable: 'y_history' }, { 'sql/tenant/1_a.sql': '' });
  const config = await p.config();
  const tenants = { kind: 'function', load } as const;
  const result = await up({ ...config, database: { ...config.database, tenants } }, { select: all });
  expect(result).toMatchObject({ ok: true, applied: 1 });
  expect(await db.query(`select nspname from pg_namespace where nspname like 'y\\_%'`)).toEqual([
    { nspname: 'y_1' },
  ]);
});

/** Has a run wait before it creates z_1, which is taken off the list meanwhile. */
async function delistWhileWaiting<T>(
  run: (onEvent: (event: RunEvent) => void) => Promise<T>,
  hold: () => Promise<() => Promise<void>>,
): Promise<T> {
  const release = await hold();
  let waits = false;
  const running = run((event) => {
    if (event.type === 'retrying' && event.schema === 'z_1') waits = true;
  });
  while (!waits) await delay(20);
  await db.query(`delete from z_tenants where name = 'z_1'`);
  await release();
  return running;
}

test('a tenant that is taken off the list while its creation waits is not created', async () => {
  await db.query(`create table z_tenants as select unnest(array['z_1', 'z_2']) as name`);
  const p = project(
    { url: db.url, historyTable: 'z_history', tenants: { query: 'select name from z_tenants' } },
    { 'sql/tenant/1_a.sql': '' },
  );
  const config = await p.config();
  const schemas = `select nspname as name from pg_namespace where nspname like 'z\\_%' order by 1`;
  // Public exists before the key is held, so that only tenants wait for it.
  expect(await up(config, { select: { kind: 'public' } })).toMatchObject({ ok: true });
  const options = { lockTimeoutMs: 1_000, select: all };
  const result = await delistWhileWaiting(
    (onEvent) => up(config, { ...options, onEvent }),
    () => holdLock(db.url, String(lockObjects.bootstrap)),
  );
  expect(result).toMatchObject({ ok: true, applied: 1, skipped: 1, failed: 0 });
  expect(result.schemas.find(({ schema }) => schema === 'z_1')).toMatchObject({
    state: 'skipped',
    error: { code: 'schema-missing', message: 'not created: the tenant list no longer has it' },
  });
  expect(await db.query(schemas)).toEqual([{ name: 'z_2' }]);

  // Whoever names a tenant to be created gets it.
  const created = await delistWhileWaiting(
    (onEvent) => createTenant(config, { name: 'z_1', unlisted: true, lockTimeoutMs: 1_000, onEvent }),
    () => holdKey(db.url, nameKey('z_1')),
  );
  expect(created).toMatchObject({ state: 'applied' });
  expect(await db.query(schemas)).toEqual([{ name: 'z_1' }, { name: 'z_2' }]);
});
