import { SessionLost } from '../server/answer.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { lockClass, lockKey, lockObjects } from './keys.ts';
import type { UnitSchema } from './unit-context.ts';
import { begin } from './unit-settings.ts';

// The file may have set any search_path.
const ownBegin = begin({ ownSession: false });

/**
 * A transaction of sqlmig's own between the statements of a file. Settings of the file (role, search_path, timeouts,
 * READ ONLY) do not apply to it, and are in effect again afterwards. Its role is the one that the session started
 * with, which may differ from the login role (ALTER ROLE ... SET role). `work` is one or more whole statements.
 */
export function bookkeeping(work: string): string {
  return `${ownBegin}SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
${work}COMMIT;
`;
}

/** The same session for sqlmig's own queries, each wrapped by `bookkeeping`. */
export function betweenStatements(session: Session): Session {
  return {
    ...session,
    get lost() {
      return session.lost;
    },
    run: (text, onRow, onNotice) => session.run(bookkeeping(`${text};\n`), onRow, onNotice),
  };
}

/** SQL query: sets session settings. */
export function setSettings(values: Readonly<Record<string, string>>): string {
  return `select pg_catalog.set_config(v.name, v.value, false) from ${listOf(values)}`;
}

/**
 * A transaction that restores the settings that a statement of the file has RESET, and keeps what the file has SET.
 * `statement_timeout`, which this transaction sets itself, is restored together with `application_name`.
 */
export function restoreSettings(values: Readonly<Record<string, string>>): string {
  // Setting search_path here would make it look SET, so every name is qualified instead.
  return `${begin({ ownSession: true })}SET LOCAL statement_timeout = 0;
${setSettings(values)} join pg_catalog.pg_settings s on s.name operator(pg_catalog.=)
  case when v.name operator(pg_catalog.=) 'statement_timeout' then 'application_name' else v.name end and s.source operator(pg_catalog.<>) 'session';
COMMIT;
`;
}

function listOf(values: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(values).map(
    ([name, value]) => `(${quoteLiteral(name)}, ${quoteLiteral(value)})`,
  );
  return `(values ${pairs.join(', ')}) v (name, value)`;
}

/** SQL expression: the OID of a schema, looked up by name. */
function oidOf({ schema }: UnitSchema): string {
  return `(select oid from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)})`;
}

/** SQL expression: tries the session locks of a non-transactional file, true if all are granted (docs/lock-protocol.md, Order). */
export function tryLocks(schema: UnitSchema): string {
  return `pg_try_advisory_lock_shared(${lockKey(lockObjects.fleet)}) and pg_try_advisory_lock_shared(${lockKey(lockObjects.marker)})
  and coalesce(pg_try_advisory_lock(${lockKey(`${oidOf(schema)}::int4`)}), false)`;
}

/** SQL condition: this session no longer holds the locks of `tryLocks`. Depends on nothing that a file can SET. */
export function locksGone(schema: UnitSchema): string {
  return `(select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = 'advisory' and classid = ${lockClass} and objsubid = 2
    and objid in (${lockObjects.fleet}, ${lockObjects.marker}, ${oidOf(schema)})) < 3`;
}

/** SQL query: the session's number for its current transaction; they count up by one. */
export const transactionNumber = `select pg_catalog.split_part(virtualtransaction, '/', 2) as sqlmig_transaction
from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'virtualxid' and mode = 'ExclusiveLock'`;

/** Reads the result of `transactionNumber`; NaN if there is none. */
export function transactionNumberOf(rows: readonly { readonly sqlmig_transaction?: unknown }[]): number {
  return Number(rows[0]?.sqlmig_transaction);
}

/**
 * Whether a statement that has just failed was a single transaction, so that nothing of it is kept: since `noted` there
 * must have been the statement's transaction, the ROLLBACK after it, and this query.
 */
export async function ranWhole(own: Session, noted: number): Promise<boolean> {
  return transactionNumberOf(await own.run(transactionNumber)) - noted === 3;
}

/** Removes everything a file has left in the session, or closes a session that cannot be reset. */
export async function reset(session: Session): Promise<void> {
  try {
    await session.run('DISCARD ALL');
  } catch (error) {
    if (!isServerError(error) && !(error instanceof SessionLost)) throw error;
    await session.close();
  }
}
