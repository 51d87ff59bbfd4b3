/** Why a schema is put off: it is read again, then retried. */
export type RetryReason =
  /** Another session holds a lock key. */
  | 'busy'
  /** Public waited for tenants inside its message, and retries at once, before more of them start. */
  | 'waited'
  /** The plan is out of date. */
  | 'stale'
  /** Public is not what the run read. */
  | 'public'
  /** The connection broke: whether the last message took effect is unknown. */
  | 'lost'
  /** A statement of a file waited too long for a lock, or met a deadlock. */
  | 'lock-wait'
  /** A statement of a file and another session changed the same catalog row that all tenants share. */
  | 'shared-rows';

/** The limit of retries per schema, by reason. Busy schemas are limited by time instead (`waitForLockMs`). */
export const mostRetries: Readonly<Record<RetryReason, number>> = {
  busy: Number.POSITIVE_INFINITY,
  waited: Number.POSITIVE_INFINITY,
  stale: 10,
  public: 10,
  lost: 5,
  'lock-wait': 5,
  'shared-rows': 5,
};
