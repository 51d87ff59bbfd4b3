import { stopRule } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { SchemaOutcome } from '../results.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import { countsAsFailure } from './outcome.ts';
import { interrupted, publicFailed, stopped } from './schema-errors.ts';

/** A scope that has not started. */
interface NextScope {
  readonly settings: Pick<MigrateSettings, 'signal'>;
  /** The number of its tenants. */
  readonly size: number;
  readonly options: Parameters<typeof stopRule>[1];
  /** The run log has the tenants that are not started. */
  readonly isLogged: boolean;
}

/** Why a scope must not start after these outcomes of other scopes; `null` if it may. */
export function reasonToStop(
  { settings, size, options, isLogged }: NextScope,
  outcomes: readonly SchemaOutcome[],
): SqlmigError | null {
  if (settings.signal.aborted) return interrupted();
  if (outcomes.some(({ scope, error }) => scope === 'public' && error !== undefined)) return publicFailed();
  const left = outcomes.find((outcome) => outcome.error?.code === 'stopped');
  if (left?.error !== undefined)
    return new SqlmigError('stopped', left.error.message, { hint: left.error.hint });
  const failures = failuresIn(outcomes);
  return failures >= stopRule(size, options).failures ? stopped(failures, isLogged) : null;
}

/** The number of failures that stop a scope of this size after these outcomes; at least 1. */
export function failuresLeft(
  size: number,
  options: NextScope['options'],
  outcomes: readonly SchemaOutcome[],
): { readonly count: number } {
  return { count: Math.max(1, stopRule(size, options).failures - failuresIn(outcomes)) };
}

/** In how many tenants files have failed. */
function failuresIn(outcomes: readonly SchemaOutcome[]): number {
  return new Set(outcomes.filter(countsAsFailure).map(({ schema }) => schema)).size;
}

/** The error of a tenant of a scope that is not started because of the error that ended the run. */
export function endedBy(error: SqlmigError, hint: string): SqlmigError {
  if (error.code === 'interrupted') return interrupted();
  return new SqlmigError('stopped', `not started: the run has ended: ${error.message}`, { hint });
}
