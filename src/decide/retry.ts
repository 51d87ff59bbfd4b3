/** Why a schema was left, and is to be looked at and tried again. */
export type RetryReason =
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

/** How often a schema is tried again, by reason. Busy ones are not counted: there the clock decides (`waitForLockMs`). */
export const mostRetries: Readonly<Record<RetryReason, number>> = {
  busy: Number.POSITIVE_INFINITY,
  waited: Number.POSITIVE_INFINITY,
  stale: 10,
  public: 10,
  lost: 5,
  'lock-wait': 5,
  'shared-rows': 5,
};
