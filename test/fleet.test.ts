import { expect, test } from 'vitest';
import { SqlmigError } from '../src/errors.ts';
import { createFleet } from '../src/fleet/fleet.ts';
import { hasWork } from '../src/fleet/outcome.ts';
import { schemaRefusal } from '../src/fleet/schema-errors.ts';
import { readMigrations } from '../src/project/migrations.ts';
import { rereadTarget } from '../src/state/target.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

test('a connection that is lost while a schema is looked at again costs that basis alone', async () => {
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
    { session: first, spare: async () => null },
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
      return rereadTarget({ session, spare: async () => null }, { schema, basis }, config.historyTable);
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
