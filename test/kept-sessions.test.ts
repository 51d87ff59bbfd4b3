import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readHistoryDigests } from '../src/history/read-histories.ts';
import { withRun } from '../src/run/run.ts';
import { freshDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

const settings = { synchronous_commit: 'off', lock_timeout: '1234ms' };

test('sessions that have read histories are passed to workers, and closed at the end', async () => {
  const db = await freshDatabase();
  const tenants = numbered('t', 800);
  await db.query(
    tenants
      .map(
        (name) =>
          `create schema ${name}; create table ${name}.schema_migrations as select 1::bigint as version, ''::text as name, ''::text as checksum, ''::text as state, ''::text as run_id, 'tenant'::text as scope, 1 as at_statement, 1 as done_statements;`,
      )
      .join(''),
  );
  const p = project({ url: db.url, tenants: { list: tenants } }, {});
  const caller = { emit: () => {}, signal: new AbortController().signal, readOnly: 'refuse' } as const;
  const sessions = async () => {
    const [row] = await db.query(
      `select count(*)::int as n from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`,
    );
    return row?.n;
  };
  await withRun(await p.config(), caller, async (run) => {
    run.keepReaders(settings, 3);
    // The run's own session waits for the first history until the others have read theirs.
    const locker = await testSession(db.url);
    await locker.run('begin; lock table t_1.schema_migrations');
    const reading = run.read(async (_, reader) => {
      expect(await reader.spares(15)).toHaveLength(1);
      expect(await reader.spares(40)).toHaveLength(2);
      expect(await reader.spares(100)).toHaveLength(3);
      return readHistoryDigests(reader, tenants, 'schema_migrations');
    });
    while ((await sessions()) !== 5) await delay(10);
    await locker.run('rollback');
    await locker.close();
    expect((await reading).read.size).toBe(800);
    await run.ended();
    expect(await sessions()).toBe(4);
    const other = await run.openSession({ lock_timeout: '1s' });
    expect(tenants.some((name) => run.hasRead(other, name))).toBe(false);
    const readers = await Promise.all([1, 2, 3].map(() => run.openSession(settings)));
    for (const session of readers) {
      expect(tenants.filter((name) => run.hasRead(session, name)).length % 50).toBe(0);
      expect(await session.read('show lock_timeout')).toEqual([{ lock_timeout: '1234ms' }]);
    }
    const read = readers.flatMap((session) => tenants.filter((name) => run.hasRead(session, name)));
    expect(read.length).toBeGreaterThan(0);
    expect(new Set(read).size).toBe(read.length);
    const fourth = await run.openSession(settings);
    expect(tenants.some((name) => run.hasRead(fourth, name))).toBe(false);
    for (const session of [other, fourth, ...readers]) await session.close();
    await run.read((_, reader) => readHistoryDigests(reader, tenants, 'schema_migrations'));
  });
  expect(await sessions()).toBe(0);
});
