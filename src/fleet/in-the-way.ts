import type { Job } from '../decide/job-queue.ts';
import { describeHolders, type Holder } from '../protocol/holders.ts';
import { type Blocker, describeBlockers } from '../server/blockers.ts';
import type { Target } from '../state/target.ts';

/** What a schema waits for, in words: the holder of its lock, or why it is retried. */
export function inTheWay(
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
      return `its file is tried again, after it waited too long for a lock of ${who}`;
    }
    case 'shared-rows':
      return 'its file is tried again, after it met another session at a row of the system catalogs';
    case 'public':
      return 'it is looked at again: public is not what it was when this run began';
    case 'lost':
      return 'it is tried again, after the connection was lost';
    default:
      return 'it is looked at again, since it has changed meanwhile';
  }
}
