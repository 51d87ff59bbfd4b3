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
  /** The run log names the tenants that were not started. */
  readonly isLogged: boolean;
}

/** Why a scope must not start after these outcomes of other scopes; `null` if it may. */
export function reasonToStop(
  { settings, size, options, isLogged }: NextScope,
  outcomes: readonly SchemaOutcome[],
): SqlmigError | null {
  if (settings.signal.aborted) return interrupted();
  if (outcomes.some(({ scope, error }) => scope === 'public' && error !== undefined)) return publicFailed();
  const notStarted = outcomes.find((outcome) => outcome.error?.code === 'stopped');
  if (notStarted?.error !== undefined)
    return new SqlmigError('stopped', notStarted.error.message, { hint: notStarted.error.hint });
  const failures = failuresIn(outcomes);
  return failures >= stopRule(size, options).failures ? stopped(failures, isLogged) : null;
}

/** How many more failures stop a scope of this size after these outcomes; at least 1. */
export function failuresLeft(
  size: number,
  options: NextScope['options'],
  outcomes: readonly SchemaOutcome[],
): { readonly count: number } {
  return { count: Math.max(1, stopRule(size, options).failures - failuresIn(outcomes)) };
}

/** The number of tenants in which files failed. */
function failuresIn(outcomes: readonly SchemaOutcome[]): number {
  return new Set(outcomes.filter(countsAsFailure).map(({ schema }) => schema)).size;
}

/** The error of a tenant of a scope that is not started because of the error that ended the run. */
export function endedBy(error: SqlmigError, hint: string): SqlmigError {
  if (error.code === 'interrupted') return interrupted();
  return new SqlmigError('stopped', `not started: the run has ended: ${error.message}`, { hint });
}
