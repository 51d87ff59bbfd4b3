import { sqlstates, unitStates } from '../errors.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Script } from '../sql/migration.ts';
import { guardedSchemas } from './guard.ts';
import { lockKey, lockObjects } from './keys.ts';
import type { Check } from './refusal.ts';
import type { UnitSchema } from './unit-context.ts';

/**
 * True where a script changes rows of the catalogues that all tenants share, so that it must not run in two of them at
 * once. Where it is not known yet what is outside of the tenant, every name may be.
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

/** Takes the key for such a script by try, to the end of the transaction; nothing for others. */
export function sharedKeyTry(script: Script, schema: UnitSchema): Check[] {
  if (!changesSharedRows(script, schema)) return [];
  return [[`not pg_try_advisory_xact_lock(${lockKey(lockObjects.shared)})`, unitStates.sharedBusy]];
}

/** SQL expression: the same for the session, true where it got the key or needs none. */
export function trySharedKey(script: Script, schema: UnitSchema): string {
  return changesSharedRows(script, schema) ? `pg_try_advisory_lock(${lockKey(lockObjects.shared)})` : 'true';
}

// What raises "tuple concurrently updated" and "tuple concurrently deleted" (access/heap/heapam.c): an internal error,
// which has no SQLSTATE of its own.
const catalogueWriters: readonly string[] = ['simple_heap_update', 'simple_heap_delete'];

/** True for the error of a statement that met another session at a row of the system catalogues: run again, it may pass. */
export function isCatalogueRace({ code, routine, schema_name: schema }: ServerError): boolean {
  return code === sqlstates.internalError
    ? catalogueWriters.includes(routine ?? '')
    : code === sqlstates.uniqueViolation && schema === 'pg_catalog';
}
