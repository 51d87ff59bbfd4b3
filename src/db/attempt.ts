import type { SqlmigError } from '../errors.ts';
import type { AppliedMigration, TakenLock } from '../model.ts';

/** Why a schema was left and is to be looked at again. */
export type AgainReason =
  /** Another session holds a key. */
  | 'busy'
  /** Public waited for tenants inside its message, and must try again before more of them slip in. */
  | 'waited'
  /** The plan is not true any more. */
  | 'stale'
  /** Public is not what the run saw. */
  | 'public'
  /** The connection broke: whether the last message took effect is unknown. */
  | 'lost'
  /** A statement of a file waited too long for a lock, or met a deadlock. */
  | 'lock-wait'
  /** A statement of a file met another session at a row of the catalogues that all tenants share. */
  | 'shared-rows';

/** What came of applying the pending migrations of one schema. */
export type Attempt =
  | {
      readonly kind: 'done';
      readonly applied: readonly AppliedMigration[];
      readonly locks?: readonly TakenLock[];
    }
  | { readonly kind: 'again'; readonly reason: AgainReason; readonly error: SqlmigError }
  | {
      readonly kind: 'failed';
      readonly error: SqlmigError;
      /** The schema is left within a migration, and its row says so. */
      readonly unfinished?: boolean;
    };
