import type { AgainReason } from '../db/attempt.ts';
import type { Target } from './look.ts';

/** How often a schema is tried again. Busy schemas are not counted: there the clock decides (`waitForLockMs`). */
export const mostTries: Readonly<Record<AgainReason, number>> = {
  busy: Number.POSITIVE_INFINITY,
  waited: Number.POSITIVE_INFINITY,
  stale: 10,
  public: 10,
  lost: 5,
  'lock-wait': 5,
  'shared-rows': 5,
};

/** A schema that waits for its turn. */
export interface Job {
  readonly target: Target;
  /** How often it was put aside, for whatever reason: decides how long it waits. */
  readonly tries: number;
  /** The same by reason: decides whether it is given up. */
  readonly because: Readonly<Partial<Record<AgainReason, number>>>;
  readonly due: number;
}
