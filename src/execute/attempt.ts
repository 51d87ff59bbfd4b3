import type { FileCost, TakenLock, UnrehearsedFile } from '../cost-results.ts';
import { type RaisedError, retryReason } from '../decide/after-error.ts';
import type { RetryReason } from '../decide/retry.ts';
import { type ErrorCode, SqlmigError } from '../errors.ts';
import { isCatalogRace } from '../protocol/catalog-key.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { AppliedMigration } from '../results.ts';
import { SessionLost } from '../server/answer.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Migration } from '../sql/migration.ts';
import { asSqlmigError } from './failure.ts';
import type { UnitPlace } from './unit-place.ts';

/** The outcome of one attempt to apply the pending migrations of a schema. */
export type Attempt =
  | {
      readonly kind: 'done';
      readonly applied: readonly AppliedMigration[];
      readonly locks?: readonly TakenLock[];
      readonly costs?: readonly FileCost[];
      /** The pending files that a rehearsal left out. */
      readonly unrehearsed?: readonly UnrehearsedFile[];
      /** Files that failed in a transaction with others, and were applied without them. */
      readonly unjoinable?: readonly string[];
    }
  | { readonly kind: 'retry'; readonly reason: RetryReason; readonly error: SqlmigError }
  /** The run was interrupted or stopped before the next file, so nothing more was started. */
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'failed';
      readonly error: SqlmigError;
      /** A migration is incomplete, and its history row says so. */
      readonly incomplete?: boolean;
      /** The costs of the files before it, and of the file itself if it ran to its end. */
      readonly costs?: readonly FileCost[];
    };

/**
 * The attempt that ended with a lost connection or an error in sqlmig's own statements. `isWaiting`: a public unit was
 * still waiting for its locks. Rethrows all other errors.
 */
export function attemptOf(error: unknown, place: UnitPlace, isWaiting = false): Attempt {
  const ours = asSqlmigError(error, place.schema.schema);
  if (error instanceof SessionLost) return { kind: 'retry', reason: 'lost', error: ours };
  const reason = isServerError(error) ? retryReason(raisedError(error, place, isWaiting)) : null;
  if (reason === null || !isServerError(error)) return { kind: 'failed', error: ours };
  return putOff(reason, error, place);
}

/** The attempt that ends with a retry of the schema. */
export function putOff(reason: RetryReason, error: ServerError, { schema: { schema } }: UnitPlace): Attempt {
  const { state, message } = unitRefusalOf(error) ?? { state: error.code, message: error.message };
  const extra = { schema, sqlstate: state, cause: error };
  return { kind: 'retry', reason, error: new SqlmigError(codeOf(reason), message, extra) };
}

function codeOf(reason: RetryReason): ErrorCode {
  if (reason === 'public') return 'public-behind';
  return reason === 'busy' || reason === 'waited' ? 'lock-timeout' : 'migration-failed';
}

/** The facts about an error that the decision depends on. */
export function raisedError(
  error: ServerError,
  { schema, context }: UnitPlace,
  isWaiting: boolean,
): RaisedError {
  return {
    state: unitRefusalOf(error)?.state ?? error.code,
    isCatalogRace: isCatalogRace(error),
    violatesHistory: error.schema_name === schema.schema && error.table_name === context.table,
    isWaiting,
  };
}

/** An applied migration with the duration from its history row. */
export function appliedMigration(
  { version, name }: Pick<Migration, 'version' | 'name'>,
  durationMs = 0,
): AppliedMigration {
  return { version, name, durationMs };
}
