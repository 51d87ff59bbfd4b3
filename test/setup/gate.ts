import postgres from 'postgres';
import { lockClass } from '../../src/protocol/keys.ts';
import type { TestDatabase } from './database.ts';

/** Creates a gate that `waitAtGate` waits at. Returns a function that lets through all that wait for `step` or less. */
export async function closeGate(db: TestDatabase): Promise<(step?: number) => Promise<void>> {
  await db.query('create sequence public.gate');
  return async (step = 2) => void (await db.query(`select setval('public.gate', ${step})`));
}

/**
 * A statement that sleeps until the gate is opened, so that no test depends on how fast it is. A sequence needs no commit
 * to be seen, and sleeping is no lock wait, which lock_timeout would end.
 */
export const waitAtGate = (step = 2) =>
  `do $$ begin while (select last_value from public.gate) < ${step} loop perform pg_sleep(0.02); end loop; end $$;`;

/** Holds an advisory lock of sqlmig in a session of its own, as a run at work does. Returns its release. */
export function holdLock(url: string, object: string, options = {}): Promise<() => Promise<void>> {
  return holdKey(url, `${lockClass}, ${object}`, options);
}

/** The same for a key of either class. */
export async function holdKey(
  url: string,
  key: string,
  { shared = false, name = 'test' } = {},
): Promise<() => Promise<void>> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: name } });
  await sql.unsafe(`select pg_advisory_lock${shared ? '_shared' : ''}(${key})`).simple();
  return async () => {
    await sql.unsafe('select pg_advisory_unlock_all()').simple();
    await sql.end();
  };
}

/** The lock object of a schema. */
export const lockObjectOf = (schema: string) => `'${schema}'::regnamespace::oid::int4`;
