import { sqlstates, unitStates } from '../errors.ts';
import type { RetryReason } from './retry.ts';

/** An error that the server raised. */
export interface RaisedError {
  /** Its SQLSTATE, or the one of sqlmig's own check (`unitStates`). */
  readonly state: string;
  /** A statement and another session changed the same row of a system catalog. */
  readonly isCatalogRace: boolean;
  /** A constraint of the schema's own history table was violated. */
  readonly violatesHistory: boolean;
  /** A public unit was still waiting for its locks. */
  readonly isWaiting: boolean;
}

/** An error that the server raised in a message of units. */
export interface MessageError extends RaisedError {
  /** The place in a file that the server points to, `outside` for a place in sqlmig's own SQL; `null` for none. */
  readonly position: { readonly unit: number; readonly index: number } | 'outside' | null;
  /** The server's message names the history table. */
  readonly namesHistory: boolean;
  /** The history, or the row of the unit that began last, was gone or changed when a statement needed it. */
  readonly missesHistory: boolean;
}

/** What is known about the message. */
export interface FailedMessage {
  /** The number of units in it. */
  readonly units: number;
  /** How many of them are committed, from the first on; `null` until that was read. */
  readonly committed: number | null;
  /** The unit (from 0) whose file began last; `null` if none did. */
  readonly begun: number | null;
  readonly elapsedMs: number;
  /** The first unit that is not committed shared its transaction with others. */
  readonly joined: boolean;
  /** The run was interrupted. */
  readonly interrupted: boolean;
}

/** What to do after an error in a message of units. */
export type AfterError =
  /** No file is to blame: report it as an error of sqlmig's own statements. */
  | { readonly kind: 'rethrow' }
  /** Put the schema off; the message says nothing about its files. */
  | { readonly kind: 'put-off'; readonly reason: RetryReason }
  /** Read how many units are committed, then decide again. */
  | { readonly kind: 'count-committed' }
  /** Send the units from this one on again, each in a transaction of its own. */
  | { readonly kind: 'separate'; readonly from: number }
  /** Find out whether this unit's file changes another schema; if not, go on with it. */
  | { readonly kind: 'probe'; readonly unit: number }
  /** Send the units from this one on again, one per message. */
  | { readonly kind: 'resend'; readonly from: number }
  /** This unit's file changed its history. */
  | { readonly kind: 'blame-history'; readonly unit: number }
  /** A statement of this unit's file failed. Units before it that are not committed are sent again first. */
  | {
      readonly kind: 'blame-file';
      readonly unit: number;
      /** UTF-16 index into the file; `null` if the server gave no position. */
      readonly index: number | null;
      /** Run the file again, rolled back, to find the statement. */
      readonly replay: boolean;
      /** Why the schema is retried all the same; `null` if it fails. */
      readonly retry: RetryReason | null;
    };

// A failed file is run again to find its statement only if that is cheap.
const replayWithinMs = 10_000;
/** Why a schema is retried after an error that a statement of a file raised: the error says which one. */
export const reasonsInFiles: ReadonlySet<RetryReason> = new Set(['lock-wait', 'shared-rows']);

/** Decides what to do after an error in a message of units. */
export function afterError(error: MessageError, message: FailedMessage): AfterError {
  const { units, committed, begun, elapsedMs, joined, interrupted } = message;
  if (interrupted) return { kind: 'rethrow' };
  const retry = retryReason(error);
  if (retry !== null && !reasonsInFiles.has(retry)) return { kind: 'put-off', reason: retry };
  if (committed === null) return { kind: 'count-committed' };
  // What stays applied, and which file is to blame, must not depend on the files that shared its transaction. A file that
  // somebody has canceled is not sent again, only those before it.
  if (joined && error.state !== sqlstates.queryCanceled) return { kind: 'separate', from: committed };
  if (error.state === unitStates.suspicious) return { kind: 'probe', unit: committed };
  const hasBegun = begun === committed;
  if (hasBegun && error.missesHistory) return { kind: 'blame-history', unit: committed };
  if (isOurs(error, hasBegun)) return { kind: 'rethrow' };
  const running = joined ? (begun ?? committed) : committed;
  const { unit, index } = placeOf(error) ?? { unit: running, index: null };
  // The server refused the text before it ran any of it: the units before the culprit go first.
  if (unit > running && retry === null) return { kind: 'resend', from: committed };
  if (unit >= units) return { kind: 'rethrow' };
  return {
    kind: 'blame-file',
    unit,
    index,
    replay: retry === null && elapsedMs < replayWithinMs,
    retry,
  };
}

/** Why a schema is retried after an error; `null` if a retry cannot help. */
export function retryReason(error: RaisedError): RetryReason | null {
  switch (error.state) {
    case unitStates.schemaBusy:
    case unitStates.fleetBusy:
    case unitStates.sharedBusy:
      return 'busy';
    case unitStates.publicBehind:
      return 'public';
    case unitStates.historyChanged:
    case unitStates.schemaMissing:
      return 'stale';
    case unitStates.lockLost:
      return 'lost';
    case sqlstates.lockNotAvailable:
      return error.isWaiting ? 'waited' : 'lock-wait';
    case sqlstates.deadlockDetected:
    case sqlstates.insufficientResources:
      return 'lock-wait';
    case sqlstates.uniqueViolation:
      // The history's own fence: another session recorded this migration although the lock should have prevented it.
      if (error.violatesHistory) return 'stale';
  }
  return error.isCatalogRace ? 'shared-rows' : null;
}

function placeOf({ position }: MessageError): { readonly unit: number; readonly index: number } | null {
  return position === 'outside' ? null : position;
}

/** True if a statement of sqlmig's own failed, not one of a file. */
function isOurs({ state, position, namesHistory }: MessageError, hasBegun: boolean): boolean {
  if (position !== null) return position === 'outside';
  const isAboutHistory = state === sqlstates.insufficientPrivilege || state === sqlstates.undefinedTable;
  return (isAboutHistory && namesHistory && !hasBegun) || state === sqlstates.readOnly;
}
