import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../db/session.ts';
import { SqlmigError } from '../errors.ts';

/** A worker's session, opened when first needed and again after it was lost. */
export interface Lane {
  session(): Promise<Session>;
  close(): Promise<void>;
}

// A server that restarts is back in seconds; refusals in between are retried this long.
const reopenWithinMs = 20_000;
const cancelEveryMs = 500;
const graceMs = 10_000;

/**
 * A lane. When `signal` fires, what runs is cancelled on the server, again and again, since a cancel that comes before
 * its message is lost; after ten seconds the connection is closed.
 */
export function createLane(open: () => Promise<Session>, signal: AbortSignal): Lane {
  let current: Session | null = null;
  let opened = false;
  let cancelling: NodeJS.Timeout | undefined;

  const onAbort = () => {
    const since = performance.now();
    current?.cancel();
    cancelling = setInterval(() => {
      if (performance.now() - since > graceMs) void current?.close();
      else current?.cancel();
    }, cancelEveryMs);
  };
  signal.addEventListener('abort', onAbort, { once: true });

  return {
    async session() {
      if (current === null || current.lost) {
        current = opened ? await reopen(open, signal) : await open();
        opened = true;
      }
      return current;
    },
    async close() {
      signal.removeEventListener('abort', onAbort);
      clearInterval(cancelling);
      await current?.close();
    },
  };
}

async function reopen(open: () => Promise<Session>, signal: AbortSignal): Promise<Session> {
  const until = performance.now() + reopenWithinMs;
  for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
    try {
      return await open();
    } catch (error) {
      const hopeless = !(error instanceof SqlmigError) || error.code !== 'connection-failed';
      if (hopeless || signal.aborted || performance.now() > until) throw error;
      await delay(pause, undefined, { signal }).catch(() => {});
    }
  }
}
