import { unitStates } from '../errors.ts';
import { isWrittenHere } from './evidence.ts';
import { type Check, refuseIf } from './refusal.ts';
import type { UnitContext } from './unit-context.ts';

// Commands about roles, settings, tablespaces, subscriptions and their comments keep their lock on the shared catalog
// that they write until the transaction ends (PostgreSQL's source, src/backend/commands). GRANT and SECURITY LABEL do not.
// pg_shdepend is written for every object of a database, and ANALYZE takes ShareUpdateExclusiveLock.
const locksShared = `exists (select from pg_locks l where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.database = 0
  and l.relation <> 'pg_shdepend'::regclass
  and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))`;

const written = isWrittenHere('xmin');
const writesShared = `(exists (select from pg_database where datname <> current_database() and ${written})
  or exists (select from pg_tablespace where ${written}) or exists (select from pg_shseclabel where ${written}))`;

const isBeyond: readonly Check[] = [
  [locksShared, unitStates.beyondDatabase],
  [writesShared, unitStates.beyondDatabase],
];

/**
 * SQL that refuses a transaction of a temporary database which has changed what all databases of the server share, such as
 * roles; empty in other databases.
 */
export function confinement({ confined }: UnitContext): string {
  return confined ? refuseIf(isBeyond) : '';
}
