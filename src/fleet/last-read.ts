import { mostRetries } from '../decide/retry.ts';
import type { SessionSlot } from '../run/session-slot.ts';
import { SessionLost } from '../server/answer.ts';
import { interruptedMs, withDeadline } from '../server/deadline.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';

/**
 * Reads schemas for their final outcome; `null` if that fails. Once the run is interrupted, all reads together have two
 * seconds.
 */
export function createLastRead(
  rereadTarget: (session: Session, schema: string) => Promise<Target>,
  signal: AbortSignal,
): (schema: string, slot: SessionSlot) => Promise<Target | null> {
  let outOfReach = false;
  return async (schema, slot) => {
    if (outOfReach) return null;
    const look = async () => rereadTarget(await slot.session(), schema);
    try {
      const looking = insistently(look);
      return await (signal.aborted ? withDeadline(looking, interruptedMs) : looking);
    } catch {
      // Nobody waits two seconds for each of a thousand.
      outOfReach = signal.aborted;
      return null;
    }
  };
}

/** Reads again when the session is lost, or, once, after another error: cancels may still arrive after an interrupt. */
async function insistently(look: () => Promise<Target>): Promise<Target> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await look();
    } catch (error) {
      if (retries >= (error instanceof SessionLost ? mostRetries.lost : 1)) throw error;
    }
  }
}
