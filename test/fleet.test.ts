import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SqlmigError } from '../src/errors.ts';
import { createFleet } from '../src/fleet/fleet.ts';
import type { FleetWork } from '../src/fleet/fleet-work.ts';
import { hasWork } from '../src/fleet/outcome.ts';
import { schemaRefusal } from '../src/fleet/schema-errors.ts';
import { readMigrations } from '../src/project/migrations.ts';
import { type Row, SessionLost } from '../src/server/answer.ts';
import type { Session } from '../src/server/session.ts';
import { readTargets, rereadTarget, type Target } from '../src/state/target.ts';
import { freshDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

test('a connection that is lost while a schema is looked at again costs that reading alone', async () => {
  const db = await freshDatabase();
  await db.query('create schema acme');
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  const config = await p.config();
  const files = (await readMigrations(config)).tenant;
  const options = { to: null, steps: null, outOfOrder: false, ignoreChanged: false };
  const basis = { scope: 'tenant', files, options } as const;
  const first = await testSession(db.url);
  const target = await rereadTarget(
    { session: first, spares: async () => [] },
    { schema: 'acme', basis },
    config.historyTable,
  );
  await first.close();
  const busy = new SqlmigError('lock-timeout', 'another run is using this schema', { schema: 'acme' });
  const reasons: string[] = [];
  const endings: Promise<void>[] = [];
  let attempts = 0;
  let looks = 0;
  const outcomes = await createFleet({
    context: { runId: 'test', database: db.name, basis },
    openSession: () => testSession(db.url),
    concurrency: 1,
    waitForLockMs: 60_000,
    attempt: async () => {
      attempts += 1;
      if (attempts === 1) return { kind: 'retry', reason: 'busy', error: busy };
      return { kind: 'done', applied: [{ version: '1', name: 'a', durationMs: 1 }] };
    },
    batches: null,
    blockersOf: () => [],
    hasWork,
    schemaRefusal,
    isListed: async () => true,
    rereadTarget: async (session, schema) => {
      looks += 1;
      if (looks === 1)
        await db.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sqlmig test' and datname = current_database()`,
        );
      return rereadTarget({ session, spares: async () => [] }, { schema, basis }, config.historyTable);
    },
    refreshGate: async () => {},
    ending: (closing) => void endings.push(closing),
    signal: new AbortController().signal,
    emit: (event) => {
      if (event.type === 'retrying') reasons.push(event.reason);
    },
  }).migrate([target]);
  await Promise.all(endings);
  expect(outcomes).toMatchObject([{ schema: 'acme', state: 'applied', version: '1' }]);
  expect(attempts).toBe(2);
  expect(looks).toBe(2);
  expect(reasons).toHaveLength(2);
});

test('a connection that is lost while a run gives up on busy schemas leaves none without an outcome', async () => {
  const db = await freshDatabase();
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) await db.query(`create schema ${name}`);
  const p = project({ url: db.url, tenants: { list: names } }, { 'sql/tenant/1_a.sql': 'create table a ()' });
  const config = await p.config();
  const files = (await readMigrations(config)).tenant;
  const options = { to: null, steps: null, outOfOrder: false, ignoreChanged: false };
  const basis = { scope: 'tenant', files, options } as const;
  const read: FleetWork['rereadTarget'] = (session, schema) =>
    rereadTarget({ session, spares: async () => [] }, { schema, basis }, config.historyTable);
  const reader = await testSession(db.url);
  const targets: Target[] = [];
  for (const name of names) targets.push(await read(reader, name));
  let lost = 0;
  const openSession = async () => {
    const session = await testSession(db.url);
    return {
      ...session,
      read: async (text: string, ...more: [((row: Row) => void)?]) => {
        if (!text.includes('pg_blocking_pids')) return session.read(text, ...more);
        lost += 1;
        throw new SessionLost('cut', null);
      },
    };
  };
  const error = new SqlmigError('lock-timeout', 'another run is using this schema');
  const finished: string[] = [];
  const endings: Promise<void>[] = [];
  const outcomes = await createFleet({
    context: { runId: 'test', database: db.name, basis },
    openSession,
    concurrency: 1,
    waitForLockMs: 300,
    rules: { stopRule: { failures: 10, canaryFailures: 1 } },
    attempt: async () => ({ kind: 'retry', reason: 'busy', error }),
    batches: null,
    blockersOf: () => [],
    hasWork,
    schemaRefusal,
    isListed: async () => true,
    rereadTarget: (_, schema) => read(reader, schema),
    refreshGate: async () => {},
    ending: (closing) => void endings.push(closing),
    signal: new AbortController().signal,
    emit: (event) => {
      if (event.type === 'schema-finished') finished.push(event.outcome.schema);
    },
  }).migrate(targets);
  await Promise.all([...endings, reader.close()]);
  expect(lost).toBeGreaterThan(0);
  expect(outcomes.map(({ schema, error }) => [schema, error?.code])).toEqual(
    names.map((name) => [name, 'lock-timeout']),
  );
  expect(finished.sort()).toEqual(names);
});

test('a worker migrates the schemas whose histories its session has read before others', async () => {
  const db = await freshDatabase();
  const names = numbered('t', 40);
  await db.query(names.map((name) => `create schema ${name};`).join(''));
  const p = project({ url: db.url, tenants: { list: names } }, { 'sql/tenant/1_a.sql': 'create table a ()' });
  const config = await p.config();
  const files = (await readMigrations(config)).tenant;
  const options = { to: null, steps: null, outOfOrder: false, ignoreChanged: false };
  const basis = { scope: 'tenant', files, options } as const;
  const reader = await testSession(db.url);
  const requests = names.map((schema) => ({ schema, basis }));
  const targets = await readTargets(
    requests,
    { session: reader, spares: async () => [] },
    config.historyTable,
  );
  const sessions: Session[] = [];
  const hasRead = (session: Session, schema: string) =>
    names.indexOf(schema) % 2 === sessions.indexOf(session);
  let others = 0;
  const endings: Promise<void>[] = [];
  const outcomes = await createFleet({
    context: { runId: 'test', database: db.name, basis },
    openSession: async () => {
      const session = await testSession(db.url);
      sessions.push(session);
      return session;
    },
    hasRead,
    concurrency: 2,
    waitForLockMs: 300,
    attempt: async (session, { schema }) => {
      if (!hasRead(session, schema)) others += 1;
      await delay(5);
      return { kind: 'done', applied: [{ version: '1', name: 'a', durationMs: 1 }] };
    },
    batches: null,
    blockersOf: () => [],
    hasWork,
    schemaRefusal,
    isListed: async () => true,
    rereadTarget: async () => {
      throw new Error('nothing is read again');
    },
    refreshGate: async () => {},
    ending: (closing) => void endings.push(closing),
    signal: new AbortController().signal,
    emit: () => {},
  }).migrate(targets);
  await Promise.all([...endings, reader.close()]);
  expect(outcomes.map(({ state }) => state)).toEqual(names.map(() => 'applied'));
  // A worker opens its session for its first schema; at the end, one helps the other.
  expect(others).toBeLessThanOrEqual(6);
});
