import type { DatabaseOutcome, DownResult, ServerWarning, UpResult } from '../results.ts';
import type { Part } from './parts.ts';

/** The result of `up` in several databases as one. */
export function mergedUp(parts: readonly Part<UpResult>[], runId: string): UpResult {
  const results = resultsOf(parts);
  return {
    ...mergedRun(parts, runId),
    applied: sum(results, ({ applied }) => applied),
    upToDate: sum(results, ({ upToDate }) => upToDate),
    schemas: results.flatMap(({ schemas }) => schemas),
  };
}

/** The result of `down` in several databases as one. */
export function mergedDown(parts: readonly Part<DownResult>[], runId: string): DownResult {
  const results = resultsOf(parts);
  return {
    ...mergedRun(parts, runId),
    ...(results.some(({ declined }) => declined) && { declined: true }),
    undone: sum(results, ({ undone }) => undone),
    unchanged: sum(results, ({ unchanged }) => unchanged),
    schemas: results.flatMap(({ schemas }) => schemas),
  };
}

/** What has an error and an `ok` of its own in each database. */
export function databaseOutcomes<T extends Partial<DatabaseOutcome>>(
  parts: readonly Part<T>[],
): DatabaseOutcome[] {
  return parts.map((part) => {
    const { database } = part;
    if ('error' in part) return { database, ok: false, error: part.error.details };
    const { ok = true, host, error } = part.result;
    const own = error === undefined ? {} : { error: { ...error, database } };
    return { database, ok, ...(host !== undefined && { host }), ...own };
  });
}

/** The results of the databases that have one. */
export function resultsOf<T>(parts: readonly Part<T>[]): T[] {
  return parts.flatMap((part) => ('result' in part ? [part.result] : []));
}

function mergedRun(parts: readonly Part<UpResult | DownResult>[], runId: string) {
  const results = resultsOf(parts);
  const databases = databaseOutcomes(parts);
  return {
    ok: databases.every(({ ok }) => ok),
    ...(results.some(({ rehearsed }) => rehearsed) && { rehearsed: true }),
    runId,
    failed: sum(results, ({ failed }) => failed),
    skipped: sum(results, ({ skipped }) => skipped),
    unconfirmed: sum(results, ({ unconfirmed }) => unconfirmed),
    durationMs: Math.max(...results.map(({ durationMs }) => durationMs)),
    warnings: parts.flatMap(warningsOf),
    databases,
  };
}

function warningsOf(part: Part<UpResult | DownResult>): ServerWarning[] {
  const { database } = part;
  return 'result' in part ? part.result.warnings.map((warning) => ({ ...warning, database })) : [];
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
