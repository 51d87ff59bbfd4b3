import { isServerError } from '../server/server-error.ts';
import { type Session, SessionLost } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { lockClass, lockKey, lockObjects } from './keys.ts';
import type { UnitSchema } from './unit-context.ts';
import { begin } from './unit-settings.ts';

// Whatever path the file has set.
const ownBegin = begin({ ownSession: false });

/**
 * A transaction of sqlmig's own between the statements of a file: what the file has set (roles, paths, timeouts, READ
 * ONLY) has no say in it, and holds again afterwards. The role is the one that the session began with, which need not be
 * the login's (ALTER ROLE ... SET role). `work` is whole statements.
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

/** The same session for queries of sqlmig's own, each in a transaction as of `bookkeeping`. */
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
 * A transaction that sets those of a file's settings again that a statement of it has reset; what the file has set
 * itself stays. `statement_timeout` goes with `application_name`: this transaction has a value of its own for it.
 */
export function restoreSettings(values: Readonly<Record<string, string>>): string {
  // Under the file's path, or that would count as set by this transaction as well: so each name says where it is.
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

/** SQL of a schema's OID by its name, for a key. */
function oidOf({ schema }: UnitSchema): string {
  return `(select oid from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)})`;
}

/** SQL expression: tries the session locks of a non-transactional file, true if all are granted (docs/lock-protocol.md, Order). */
export function tryLocks(schema: UnitSchema): string {
  return `pg_try_advisory_lock_shared(${lockKey(lockObjects.fleet)}) and pg_try_advisory_lock_shared(${lockKey(lockObjects.marker)})
  and coalesce(pg_try_advisory_lock(${lockKey(`${oidOf(schema)}::int4`)}), false)`;
}

/** SQL condition: this session holds the locks of `tryLocks` no more. Nothing that a file may SET or RESET is asked. */
export function locksGone(schema: UnitSchema): string {
  return `(select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = 'advisory' and classid = ${lockClass} and objsubid = 2
    and objid in (${lockObjects.fleet}, ${lockObjects.marker}, ${oidOf(schema)})) < 3`;
}

/** SQL query: the number that this session gives the transaction it is in; each that it begins gets the next one. */
export const transactionNumber = `select pg_catalog.split_part(virtualtransaction, '/', 2) as sqlmig_transaction
from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'virtualxid' and mode = 'ExclusiveLock'`;

/** What `transactionNumber` gave; NaN where it gave nothing. */
export function transactionNumberOf(rows: readonly { readonly sqlmig_transaction?: unknown }[]): number {
  return Number(rows[0]?.sqlmig_transaction);
}

/**
 * True where a statement that has just failed was one transaction: then nothing of it is kept. Since `noted` there were
 * its own transactions, that of the ROLLBACK after it, and this one.
 */
export async function ranWhole(own: Session, noted: number): Promise<boolean> {
  return transactionNumberOf(await own.run(transactionNumber)) - noted === 3;
}

/** Leaves nothing of a file behind; a session that cannot be reset is closed. */
export async function reset(session: Session): Promise<void> {
  try {
    await session.run('DISCARD ALL');
  } catch (error) {
    if (!isServerError(error) && !(error instanceof SessionLost)) throw error;
    await session.close();
  }
}
