import type { SqlmigError } from '../errors.ts';
import type { SchemaOutcome } from '../results.ts';
import type { SessionSlot } from '../run/session-slot.ts';
import type { Target } from '../state/target.ts';
import type { FleetWork } from './fleet-work.ts';
import { createLastRead } from './last-read.ts';
import { finished, gone, unknown, withError } from './outcome.ts';

/** Says what became of schemas that may have moved since they were looked at. */
export interface FinalOutcomes {
  /** The outcome of a schema that was sent something, by what its history says now. */
  asItIs(
    target: Target,
    state: 'failed' | 'skipped',
    error: SqlmigError,
    slot: SessionSlot,
  ): Promise<SchemaOutcome>;
  /** The outcome of a schema that was dropped or renamed: a failure only where it is still listed. */
  gone(target: Target, slot: SessionSlot): Promise<SchemaOutcome>;
}

/** A settlement of one run. */
export function createSettlement({
  rereadTarget,
  isListed,
  refusalOf,
  hasWork,
  outcomes,
  signal,
}: Pick<
  FleetWork,
  'rereadTarget' | 'isListed' | 'refusalOf' | 'hasWork' | 'outcomes' | 'signal'
>): FinalOutcomes {
  const readLast = createLastRead(rereadTarget, signal);
  const settleGone: FinalOutcomes['gone'] = async (target, slot) => {
    const listed = await slot
      .session()
      .then((session) => isListed(session, target.schema))
      .catch(() => true);
    return withError(target, listed ? 'failed' : 'skipped', gone(listed), outcomes);
  };
  return {
    async asItIs(target, state, error, slot) {
      const now = await readLast(target.schema, slot);
      if (now === null) return unknown(target, error, outcomes);
      if (target.exists && !now.exists) return settleGone(now, slot);
      const isDone = state === 'skipped' && refusalOf(now) === null && !hasWork(now);
      return isDone ? finished(now, [], outcomes) : withError(now, state, error, outcomes);
    },
    gone: settleGone,
  };
}
