import { errorOfAll } from '../errors.ts';
import type { DatabaseOutcome } from '../results.ts';
import type { Part } from './parts.ts';

/** The results of the databases that have one. */
export function resultsOf<T>(parts: readonly Part<T>[]): T[] {
  return parts.flatMap((part) => ('result' in part ? [part.result] : []));
}

/** The results of all databases. @throws SqlmigError why one has none. */
export function everyResult<T>(parts: readonly Part<T>[]): T[] {
  const errors = parts.flatMap((part) => ('error' in part ? [part.error] : []));
  if (errors.length > 0) throw errorOfAll(errors);
  return resultsOf(parts);
}

/** What the result of each database says about the database as a whole, by `factsOf`. */
export function databaseOutcomes<T>(
  parts: readonly Part<T>[],
  factsOf: (result: T) => Partial<DatabaseOutcome>,
): DatabaseOutcome[] {
  return parts.map((part) => {
    const { database } = part;
    if ('error' in part) return { database, ok: false, error: part.error.details };
    const { ok = true, host, error, tenantsUnknown } = factsOf(part.result);
    return {
      database,
      ok,
      ...(host !== undefined && { host }),
      ...(error !== undefined && { error: { ...error, database } }),
      ...(tenantsUnknown !== undefined && { tenantsUnknown }),
    };
  });
}

/** What the results of several databases begin with, if each has an `ok`. */
export function mergedOutcomes(parts: readonly Part<Partial<DatabaseOutcome> & { readonly ok: boolean }>[]) {
  const databases = databaseOutcomes(parts, (result) => result);
  return { ok: databases.every(({ ok }) => ok), databases };
}

/** The lists of databases that several results have as one; `failed` completes the entry of one that has no result. */
export function mergedDatabases<D extends DatabaseOutcome>(
  parts: readonly Part<{ readonly databases: readonly D[] }>[],
  failed: (outcome: DatabaseOutcome) => D,
): { readonly ok: boolean; readonly databases: readonly D[] } {
  const databases = parts.flatMap((part) => {
    if ('result' in part) return part.result.databases;
    return [failed({ database: part.database, ok: false, error: part.error.details })];
  });
  return { ok: databases.every(({ ok }) => ok), databases };
}
