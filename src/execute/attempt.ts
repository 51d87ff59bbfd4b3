import type { RetryReason } from '../decide/retry.ts';
import type { SqlmigError } from '../errors.ts';
import type { AppliedMigration, TakenLock } from '../results.ts';

/** What came of applying the pending migrations of one schema. */
export type Attempt =
  | {
      readonly kind: 'done';
      readonly applied: readonly AppliedMigration[];
      readonly locks?: readonly TakenLock[];
    }
  | { readonly kind: 'again'; readonly reason: RetryReason; readonly error: SqlmigError }
  | {
      readonly kind: 'failed';
      readonly error: SqlmigError;
      /** The schema is left within a migration, and its row says so. */
      readonly incomplete?: boolean;
    };
