import { defaults } from '../project/defaults.ts';
import type { Session } from '../server/session.ts';

/** A worker's session, opened when first needed and again after it was lost. */
export interface SessionSlot {
  /** The session; another one after it was lost, or has done so much that it has become slow. */
  session(): Promise<Session>;
  /** The session as it is, without opening one; `null` where there is none. */
  current(): Session | null;
  /** Notes that so many migrations were applied on the session. */
  worked(migrations: number): void;
  /** How many sessions there have been. */
  opened(): number;
  close(): Promise<void>;
}

const cancelEveryMs = 500;
const graceMs = 4_000;
// A backend keeps all it has ever seen of the catalogues, and looks at it with each change: after a few thousand
// migrations it is several times slower than a new one, which costs some milliseconds.
const recycleAfter = 1_000;

/**
 * A slot. When `signal` fires, what runs is cancelled on the server, again and again, since a cancel that comes before
 * its message is lost; after four seconds the session is abandoned: with what comes after, the whole ends within the ten
 * that a container has.
 */
export function createSessionSlot(open: () => Promise<Session>, signal: AbortSignal): SessionSlot {
  let current: Session | null = null;
  let sessions = 0;
  let done = 0;
  let closed = false;
  let cancelling: NodeJS.Timeout | undefined;

  const onAbort = () => {
    const since = performance.now();
    current?.cancel();
    cancelling = setInterval(() => {
      if (performance.now() - since > graceMs) current?.abandon();
      else current?.cancel();
    }, cancelEveryMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });

  return {
    async session() {
      if (done >= recycleAfter) {
        await current?.close();
        current = null;
      }
      if (current === null || current.lost) {
        current = await open();
        // Whoever asked has gone meanwhile.
        if (closed) current.abandon();
        sessions += 1;
        done = 0;
      }
      return current;
    },
    current: () => (current === null || current.lost ? null : current),
    worked(migrations) {
      done += migrations;
    },
    opened: () => sessions,
    async close() {
      closed = true;
      signal.removeEventListener('abort', onAbort);
      clearInterval(cancelling);
      await current?.close();
    },
  };
}

/**
 * How many tenants at a time suit a server. Up to version 16 each index built waits for the disk, which others can use;
 * from 17 on it does not, and more sessions than cores only make each other's catalogue caches invalid.
 */
export function defaultConcurrency(serverVersion: number): number {
  return serverVersion >= 170_000 ? defaults.concurrency : defaults.concurrencyBefore17;
}
