import { backoffMs } from '../core/backoff.ts';
import type { AgainReason } from '../db/attempt.ts';
import { type Blocker, describeBlockers } from '../db/blockers.ts';
import { describeHolders, type Holder } from '../db/holders.ts';
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
  /** The last of these reasons; absent before it was put aside. */
  readonly last?: AgainReason;
  readonly due: number;
}

/** A job that is put aside for a reason. */
export function putOff({ target, tries, because }: Job, last: AgainReason): Job {
  const due = performance.now() + (last === 'waited' ? 0 : backoffMs(tries + 1, Math.random));
  return { target, tries: tries + 1, because: { ...because, [last]: (because[last] ?? 0) + 1 }, last, due };
}

/** What a schema waits for, in words: whoever holds its key, else why it is tried again. */
export function inTheWay(
  { target: { schema }, last = 'busy' }: Job,
  holders: readonly Holder[],
  blockers: readonly Blocker[],
): string {
  switch (last) {
    case 'busy':
    case 'waited':
      return describeHolders(holders, schema);
    case 'lock-wait': {
      const who = blockers.length === 0 ? 'other sessions' : describeBlockers(blockers);
      return `its file is tried again, after it waited too long for a lock of ${who}`;
    }
    case 'shared-rows':
      return 'its file is tried again, after it met another session at a row of the system catalogues';
    case 'public':
      return 'it is looked at again: public is not what it was when this run began';
    case 'lost':
      return 'it is tried again, after the connection was lost';
    default:
      return 'it is looked at again, since it has changed meanwhile';
  }
}
