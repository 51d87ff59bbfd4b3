import { sqlstates, unitStates } from '../errors.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Script } from '../sql/migration.ts';
import { guardedSchemas } from './guard.ts';
import { lockKey, lockObjects } from './keys.ts';
import type { Check } from './refusal.ts';
import type { UnitSchema } from './unit-context.ts';

/**
 * Whether a script changes catalog rows that all tenants share, so that it must not run in two of them at once
 * (docs/lock-protocol.md, Shared catalog rows). Until it is known which names are outside of the tenant, any may be.
 */
export function changesSharedRows({ sharedRows }: Script, schema: UnitSchema): boolean {
  if (schema.scope === 'public') return false;
  const { certain, names } = sharedRows;
  const { guarded } = schema;
  if (certain || names.size === 0) return certain;
  if (guarded === null) return true;
  const others = guardedSchemas(schema);
  return [...names].some((name) => guarded.names.has(name) || others.has(name));
}

/** Tries the key for such a script, to the end of the transaction; nothing for any other script. */
export function trySharedKey(script: Script, schema: UnitSchema): Check[] {
  if (!changesSharedRows(script, schema)) return [];
  return [[`not pg_try_advisory_xact_lock(${lockKey(lockObjects.shared)})`, unitStates.sharedBusy]];
}

/** SQL expression: tries the key for the session, true if it is granted or not needed. */
export function trySharedKeyForSession(script: Script, schema: UnitSchema): string {
  return changesSharedRows(script, schema) ? `pg_try_advisory_lock(${lockKey(lockObjects.shared)})` : 'true';
}

// The functions that raise "tuple concurrently updated" and "tuple concurrently deleted"
// (src/backend/access/heap/heapam.c), internal errors without a SQLSTATE of their own.
const catalogWriters: readonly string[] = ['simple_heap_update', 'simple_heap_delete'];

/** Whether a statement failed because another session changed the same catalog row: a retry may succeed. */
export function isCatalogRace({ code, routine, schema_name: schema }: ServerError): boolean {
  return code === sqlstates.internalError
    ? catalogWriters.includes(routine ?? '')
    : code === sqlstates.uniqueViolation && schema === 'pg_catalog';
}
