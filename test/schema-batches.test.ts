import { beforeAll, expect, test } from 'vitest';
import { applyBatch } from '../src/execute/schema-batch.ts';
import { createSchemaBatches } from '../src/fleet/schema-batches.ts';
import { up } from '../src/index.ts';
import { composeBatch } from '../src/protocol/message.ts';
import { keepFleetKey } from '../src/protocol/unit-locks.ts';
import { unitSettings } from '../src/protocol/unit-settings.ts';
import type { Target } from '../src/state/target.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { effectsTable, expectExactlyOnce, leavesEffect } from './setup/effects.ts';
import { holdLock, lockObjectOf } from './setup/gate.ts';
import { numbered, project } from './setup/project.ts';
import { emptyTenant, plainReach, testContext, testSession, uncheckedScript } from './setup/unit.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

/** Five tenants that have their first file; the third of them holds a row that `2` stumbles over. */
async function fiveTenants(history: string) {
  const tenants = numbered(history, 5);
  const p = project(
    { url: db.url, tenants: { list: tenants }, historyTable: history },
    { 'sql/tenant/1_a.sql': 'create table a (n int)' },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  await db.query(`insert into ${tenants[2]}.a values (0)`);
  const rows = await db.query(`select nspname as name, oid::text as oid from pg_namespace`);
  const oids = new Map(rows.map(({ name, oid }) => [name, String(oid)]));
  const first = { version: '1', name: 'a', checksum: 'x', state: 'applied' } as const;
  return tenants.map((schema) => ({
    ...emptyTenant(schema),
    oid: oids.get(schema) ?? null,
    history: [first],
  }));
}

const versions = async (schema: string, table: string) =>
  (await db.query(`select version from ${schema}.${table} order by version`)).map((row) => row.version);

test('of a batch that fails, only those are told that are certainly committed', async () => {
  const context = { ...testContext, table: 'halting' };
  const script = uncheckedScript('2', 'alter table a add check (n > 0)');
  const schemas = await fiveTenants('halting');
  const session = await testSession(db.url, unitSettings('tenant', context));
  const durations = await applyBatch(
    session,
    schemas.map((schema) => ({ schema, script })),
    context,
  );
  expect(durations).toHaveLength(1);
  const now = await Promise.all(schemas.map(({ schema }) => versions(schema, 'halting')));
  expect(now).toEqual([['1', '2'], ['1', '2'], ['1'], ['1'], ['1']]);
  const held = `select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`;
  expect(await session.run(held)).toEqual([]);
  await session.close();
});

test('a batch whose session keeps the fleet key leaves no lock, and does nothing if public is behind', async () => {
  const context = { ...testContext, table: 'steady', publicTable: 'steady' };
  const schemas = await fiveTenants('steady');
  const made = uncheckedScript('2', 'alter table a add check (n > 0)');
  const statements = made.statements.map((statement) => ({ ...statement, reach: plainReach }));
  const session = await testSession(db.url, unitSettings('tenant', context));
  const parts = schemas.map((schema) => ({ schema, script: { ...made, statements } }));
  const behind = parts.map((part) => ({
    ...part,
    schema: { ...part.schema, requires: { upTo: '1', digest: 'another' } },
  }));
  expect(composeBatch(parts, { ...context, ownSession: true })).toContain(keepFleetKey);
  expect(await applyBatch(session, behind, context)).toEqual([]);
  expect(await applyBatch(session, parts, context)).toHaveLength(1);
  const now = await Promise.all(schemas.map(({ schema }) => versions(schema, 'steady')));
  expect(now).toEqual([['1', '2'], ['1', '2'], ['1'], ['1'], ['1']]);
  const held = `select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`;
  expect(await session.run(held)).toEqual([]);
  expect(await applyBatch(session, parts.slice(3), context)).toHaveLength(2);
  expect(await session.run(held)).toEqual([]);
  await session.close();
});

test('one that fails at its commit has told how long it took, and is not counted', async () => {
  const context = { ...testContext, table: 'late' };
  const made = uncheckedScript(
    '2',
    'create constraint trigger t after insert on a deferrable initially deferred for each row execute function public.refuse_zero()',
  );
  await db.query(
    `create function public.refuse_zero() returns trigger language plpgsql as $$ begin if new.n = 0 then raise 'no'; end if; return new; end $$`,
  );
  const schemas = await fiveTenants('late');
  const session = await testSession(db.url, unitSettings('tenant', context));
  const parts = schemas.map((schema) => ({ schema, script: made }));
  expect(await applyBatch(session, parts, context)).toHaveLength(5);
  const reach = { ...plainReach, opaque: false };
  const copies = uncheckedScript('3', 'insert into a select n from a');
  const script = { ...copies, statements: copies.statements.map((statement) => ({ ...statement, reach })) };
  const second = { version: '2', name: 'b', checksum: 'x', state: 'applied' } as const;
  const again = schemas.map((schema) => ({
    script,
    schema: { ...schema, history: [...schema.history, second] },
  }));
  expect(await applyBatch(session, again, context)).toHaveLength(2);
  const now = await Promise.all(schemas.map(({ schema }) => versions(schema, 'late')));
  expect(now.map((of) => of.length)).toEqual([3, 3, 2, 2, 2]);
  await session.close();
});

test('schemas go along only for the same file, once it was quick elsewhere, and while enough are left for all', () => {
  const file = { scope: 'tenant', version: '1', name: 'a', checksum: '', file: 'a.sql', text: 'x' } as const;
  const other = { ...file, version: '2' };
  const target = (steps: readonly (typeof file | typeof other)[], hasHistory = true) =>
    ({ schema: 's', hasHistory, plan: { steps } }) as unknown as Target;
  const jobs = (n: number) => Array.from({ length: n }, () => ({ target: target([file]), retries: 0 }));
  const script = uncheckedScript('1', '');
  const batches = (ms: number, times = 4) => {
    const made = createSchemaBatches(() => ({ schema: emptyTenant('s'), script }), testContext, 4);
    for (let i = 0; i < times; i++) {
      made.note(target([file]), [{ version: '1', name: 'a', durationMs: ms }]);
    }
    return made;
  };
  const first = target([file]);
  expect(batches(2).companions(first, jobs(32), 500)).toBe(15);
  expect(batches(2).companions(first, jobs(32), 40)).toBe(5);
  expect(batches(2).companions(first, jobs(7), 7)).toBe(0);
  expect(batches(2, 3).companions(first, jobs(32), 500)).toBe(0);
  expect(batches(11).companions(first, jobs(32), 500)).toBe(0);
  expect(batches(2).companions(target([file, other]), jobs(32), 500)).toBe(0);
  expect(batches(2).companions(target([file], false), jobs(32), 500)).toBe(0);
  expect(
    batches(2).companions(first, [...jobs(3), { target: target([other]), retries: 0 }, ...jobs(28)], 500),
  ).toBe(3);
  expect(batches(2).companions(first, [...jobs(2), { target: first, retries: 1 }, ...jobs(29)], 500)).toBe(2);
  const untransactional = createSchemaBatches(() => null, testContext, 4);
  for (let i = 0; i < 4; i++) untransactional.note(first, [{ version: '1', name: 'a', durationMs: 1 }]);
  expect(untransactional.companions(first, jobs(32), 500)).toBe(0);
});

test('tenants that fail or are busy in the middle of many are told with file and line; the rest go on, each once', async () => {
  const own = await freshDatabase();
  const tenants = numbered('t', 120);
  const p = project(
    { url: own.url, tenants: { list: tenants } },
    {
      'sql/public/1_effects.sql': effectsTable,
      'sql/tenant/1_a.sql': leavesEffect('tenant', 1, 'create table a (n int);'),
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  await own.query('insert into t_40.a values (0); insert into t_80.a values (0)');
  p.write({ 'sql/tenant/2_b.sql': leavesEffect('tenant', 2, 'select 1;\nalter table a add check (n > 0);') });
  const release = await holdLock(own.url, lockObjectOf('t_60'));
  const running = up(await p.config(), { select: all, maxFailures: { percent: 100 } });
  await expect.poll(() => own.history('t_120')).toHaveProperty('2');
  await release();
  const result = await running;
  const failed = result.schemas.filter(({ state }) => state === 'failed');
  expect(failed.map(({ schema }) => schema).sort()).toEqual(['t_40', 't_80']);
  for (const { error } of failed) expect(error).toMatchObject({ sqlstate: '23514', line: 2, statement: 2 });
  expect(result.applied).toBe(118);
  expect(result.schemas.filter(({ migrations }) => migrations.length === 1)).toHaveLength(118);
  await own.query('delete from t_40.a; delete from t_80.a');
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 2 });
  await expectExactlyOnce(own, tenants, [1, 2]);
});

test('backends that are ended under batches leave each file applied once', async () => {
  const own = await freshDatabase();
  const tenants = numbered('k', 300);
  const p = project(
    { url: own.url, tenants: { list: tenants } },
    { 'sql/public/1_effects.sql': effectsTable, 'sql/tenant/1_a.sql': leavesEffect('tenant', 1) },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  p.write({ 'sql/tenant/2_b.sql': leavesEffect('tenant', 2) });
  // A schema may lose its session five times; so often sessions are ended, whatever they are at.
  let running = true;
  let ended = 0;
  const killer = (async () => {
    while (running && ended < 5) {
      const victims = await own.query(
        `select pg_terminate_backend(pid), pg_sleep(0.05) from pg_stat_activity where application_name like 'sqlmig % 2 %' and datname = current_database() limit 1`,
      );
      ended += victims.length;
    }
  })();
  const result = await up(await p.config(), { select: all });
  running = false;
  await killer;
  expect(ended).toBeGreaterThan(0);
  expect(result).toMatchObject({ ok: true, applied: 300 });
  await expectExactlyOnce(own, tenants, [1, 2]);
});

test('what was committed before an interruption in the middle of many is told as applied', async () => {
  const own = await freshDatabase();
  const p = project(
    { url: own.url, tenants: { list: numbered('i', 120) }, concurrency: 2 },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  // Tenants run in random order: both sessions come to the 30th and later, in messages of many.
  await own.query('create sequence public.ran');
  p.write({ 'sql/tenant/2_b.sql': `select pg_sleep(60) where nextval('public.ran') >= 30` });
  const interruption = new AbortController();
  const running = up(await p.config(), { select: all, signal: interruption.signal });
  const sleeping = `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  await expect.poll(() => own.query(sleeping)).toHaveLength(2);
  interruption.abort();
  const { schemas } = await running;
  const told = schemas.filter(({ migrations }) => migrations.length === 1).map(({ schema }) => schema);
  const done = await Promise.all(
    numbered('i', 120).map(async (schema) => ((await own.history(schema))['2'] === 1 ? [schema] : [])),
  );
  expect(told.sort()).toEqual(done.flat().sort());
  expect(
    schemas
      .filter(({ state }) => state === 'applied')
      .map(({ schema }) => schema)
      .sort(),
  ).toEqual(told);
});
