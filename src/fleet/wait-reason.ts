import type { Job } from '../decide/job-queue.ts';
import { describeHolders, type Holder } from '../protocol/holders.ts';
import { type Blocker, describeBlockers } from '../server/blockers.ts';
import type { Target } from '../state/target.ts';

/** Why a schema waits, in words: the holders of its lock, or the reason for its retry. */
export function waitReason(
  { target: { schema }, last = 'busy' }: Job<Target>,
  holders: readonly Holder[],
  blockers: readonly Blocker[],
): string {
  switch (last) {
    case 'busy':
    case 'waited':
      return describeHolders(holders, schema);
    case 'lock-wait': {
      const who = blockers.length === 0 ? 'other sessions' : describeBlockers(blockers);
      return `its file is retried after a lock timeout; the lock was held by ${who}`;
    }
    case 'shared-rows':
      return 'its file is retried after another session changed the same row of a system catalog';
    case 'public':
      return 'it is read again, because public has changed since this run started';
    case 'lost':
      return 'it is retried after the connection was lost';
    default:
      return 'it is read again, because it changed in the meantime';
  }
}
