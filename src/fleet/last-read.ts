import { mostRetries } from '../decide/retry.ts';
import type { SessionSlot } from '../run/session-slot.ts';
import { SessionLost } from '../server/answer.ts';
import { interruptedMs, withDeadline } from '../server/deadline.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';

/**
 * Reads schemas for their final outcome; `null` if a read fails. Once the run is interrupted, each read has two seconds,
 * and none follows one that fails.
 */
export function createLastRead(
  rereadTarget: (session: Session, schema: string) => Promise<Target>,
  signal: AbortSignal,
): (schema: string, slot: SessionSlot) => Promise<Target | null> {
  let gaveUp = false;
  return async (schema, slot) => {
    if (gaveUp) return null;
    const read = async () => rereadTarget(await slot.session(), schema);
    try {
      const reading = withRetries(read);
      return await (signal.aborted ? withDeadline(reading, interruptedMs) : reading);
    } catch {
      // Otherwise an interrupted run would wait two seconds for every schema.
      gaveUp = signal.aborted;
      return null;
    }
  };
}

/** Retries a read if the session is lost, and once after any other error: after an interrupt, cancels may still arrive. */
async function withRetries(read: () => Promise<Target>): Promise<Target> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await read();
    } catch (error) {
      if (retries >= (error instanceof SessionLost ? mostRetries.lost : 1)) throw error;
    }
  }
}
