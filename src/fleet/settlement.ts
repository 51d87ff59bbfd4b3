import type { SqlmigError } from '../errors.ts';
import type { SchemaOutcome } from '../results.ts';
import type { Lane } from '../run/lane.ts';
import type { Target } from '../state/look.ts';
import type { FleetWork } from './fleet-work.ts';
import { createLastLook } from './last-look.ts';
import { finished, gone, unfinished, unknown } from './outcome.ts';

/** Says what became of schemas that may have moved since they were looked at. */
export interface Settlement {
  /** The outcome of a schema that was sent something, by what its history says now. */
  asItIs(target: Target, state: 'failed' | 'skipped', error: SqlmigError, lane: Lane): Promise<SchemaOutcome>;
  /** The outcome of a schema that was dropped or renamed: a failure only where it is still listed. */
  gone(target: Target, lane: Lane): Promise<SchemaOutcome>;
}

/** A settlement of one run. */
export function createSettlement({
  lookAgain,
  isListed,
  refusalOf,
  hasWork,
  outcomes,
  signal,
}: Pick<FleetWork, 'lookAgain' | 'isListed' | 'refusalOf' | 'hasWork' | 'outcomes' | 'signal'>): Settlement {
  const lookLast = createLastLook(lookAgain, signal);
  const settleGone: Settlement['gone'] = async (target, lane) => {
    const listed = await lane
      .session()
      .then((session) => isListed(session, target.schema))
      .catch(() => true);
    return unfinished(target, listed ? 'failed' : 'skipped', gone(listed), outcomes);
  };
  return {
    async asItIs(target, state, error, lane) {
      const now = await lookLast(target.schema, lane);
      if (now === null) return unknown(target, error, outcomes);
      if (target.exists && !now.exists) return settleGone(now, lane);
      const isDone = state === 'skipped' && refusalOf(now) === null && !hasWork(now);
      return isDone ? finished(now, [], outcomes) : unfinished(now, state, error, outcomes);
    },
    gone: settleGone,
  };
}
