import type { SessionSlot } from '../run/session-slot.ts';
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
      // Cancels are still being sent when a run is interrupted, so the first look may be canceled too.
      const looking = look().catch(look);
      return await (signal.aborted ? withDeadline(looking, interruptedMs) : looking);
    } catch {
      // Nobody waits two seconds for each of a thousand.
      outOfReach = signal.aborted;
      return null;
    }
  };
}
