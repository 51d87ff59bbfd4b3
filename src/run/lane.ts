import type { Session } from '../db/session.ts';

/** A worker's session, opened when first needed and again after it was lost. */
export interface Lane {
  session(): Promise<Session>;
  close(): Promise<void>;
}

const cancelEveryMs = 500;
const graceMs = 10_000;

/**
 * A lane. When `signal` fires, what runs is cancelled on the server, again and again, since a cancel that comes before
 * its message is lost; after ten seconds the connection is closed.
 */
export function createLane(open: () => Promise<Session>, signal: AbortSignal): Lane {
  let current: Session | null = null;
  let cancelling: NodeJS.Timeout | undefined;

  const onAbort = () => {
    const since = performance.now();
    current?.cancel();
    cancelling = setInterval(() => {
      if (performance.now() - since > graceMs) void current?.close();
      else current?.cancel();
    }, cancelEveryMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });

  return {
    async session() {
      if (current === null || current.lost) current = await open();
      return current;
    },
    async close() {
      signal.removeEventListener('abort', onAbort);
      clearInterval(cancelling);
      await current?.close();
    },
  };
}
