import { unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { lockKey, lockObjects, nameKey } from './keys.ts';
import { type Check, holds, refuseIf } from './refusal.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { applicationName, performSet, performSettings } from './unit-settings.ts';

/** The columns in which a public unit reports that it waits for the fleet key, and that it has got it. */
export const waitingColumn = 'sqlmig_waiting';
export const waitedColumn = 'sqlmig_waited';

/** SQL of a schema's advisory lock key; the key of its name while it has no OID. */
export function schemaKey({ schema, oid }: UnitSchema): string {
  return oid === null ? nameKey(schema) : lockKey(`(${quoteLiteral(oid)}::oid)::int4`);
}

/** The fleet key, shared, to the end of the transaction. A public unit already holds it (see `publicLocks`). */
export function tryFleetKey({ scope }: UnitSchema): Check[] {
  if (scope === 'public') return [];
  return [[`not pg_try_advisory_xact_lock_shared(${lockKey(lockObjects.fleet)})`, unitStates.fleetBusy]];
}

/** The schema's key, to the end of the transaction. */
export function trySchemaKey(schema: UnitSchema): Check[] {
  return [[`not pg_try_advisory_xact_lock(${schemaKey(schema)})`, unitStates.schemaBusy]];
}

/** The schema's key, for the session, until `release`. */
function keepSchemaKey(schema: UnitSchema): Check[] {
  return [[`not pg_try_advisory_lock(${schemaKey(schema)})`, unitStates.schemaBusy]];
}

/**
 * Takes only the locks of a tenant's unit. Checks under these locks belong in the next statement, which has a new
 * snapshot. `keeps`: keep the schema's key beyond the transaction (see `release`).
 */
export function lockTenant(
  schema: UnitSchema,
  { keeps, shared }: { readonly keeps: boolean; readonly shared: readonly Check[] },
): string {
  const kept = keeps ? keepSchemaKey(schema) : [];
  return `select ${holds([...tryFleetKey(schema), ...trySchemaKey(schema), ...kept, ...shared])} as locked;\n`;
}

/** The lock that writing a history row takes, for a transaction that writes its rows at its end. */
export function lockHistory({ schema }: UnitSchema, { table }: UnitContext): string {
  return `LOCK TABLE ${historyTable(schema, table)} IN ROW EXCLUSIVE MODE;\n`;
}

/** Keeps the fleet key, shared, until `release`, so that public does not change before that. */
export const keepFleetKey = `select ${holds([[`not pg_try_advisory_lock_shared(${lockKey(lockObjects.fleet)})`, unitStates.fleetBusy]])} as locked;\n`;

/** What `takeLocks` does beyond locking. */
interface LockOptions {
  /** What pg_stat_activity shows. */
  readonly activity: string;
  /** What to check once the locks are held. */
  readonly checks?: readonly Check[];
}

/** Sets a unit's settings, takes its locks, and checks under them (docs/lock-protocol.md, Order). */
export function takeLocks(
  schema: UnitSchema,
  context: UnitContext,
  { activity, checks = [] }: LockOptions,
): string {
  const taken = [...tryFleetKey(schema), ...trySchemaKey(schema), ...checks];
  return (
    (schema.scope === 'public' ? publicLocks(activity, context) : '') +
    refuseIf(taken, { before: performSettings(activity, schema, context) })
  );
}

/**
 * Whether a session may keep a schema's key from unit to unit. Behind a pooler it keeps nothing. On Citus the row of a
 * unit that follows (see `lockAndRecord`) would take the other locks where the history is.
 */
export function keepsKeys({ ownSession, isCitus }: UnitContext): boolean {
  return ownSession && !isCitus;
}

/** Releases every key that the session has kept. */
export const release = 'select pg_advisory_unlock_all();\n';

// The marker comes first and the wait for the fleet key is short (docs/lock-protocol.md, Why only public waits).
function publicLocks(activity: string, context: UnitContext): string {
  const marker: Check = [
    `not pg_try_advisory_xact_lock(${lockKey(lockObjects.marker)})`,
    unitStates.schemaBusy,
  ];
  const set = performSet({
    statement_timeout: '0',
    lock_timeout: '2s',
    application_name: applicationName(activity, context),
  });
  return `${refuseIf([marker], { before: set })}select ${quoteLiteral(activity)} as ${waitingColumn};
select pg_advisory_xact_lock(${lockKey(lockObjects.fleet)}) as ${waitedColumn};
`;
}
