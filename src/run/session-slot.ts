import type { Session } from '../server/session.ts';

/** A worker's session, opened when first needed and again after it was lost. */
export interface SessionSlot {
  /** The session; a new one after it was lost or has applied a thousand migrations. */
  session(): Promise<Session>;
  /** The open session, or `null`. */
  current(): Session | null;
  /** Notes that this many migrations were applied on the session. */
  worked(migrations: number): void;
  /** How many sessions it has opened. */
  opened(): number;
  close(): Promise<void>;
  /** Ends the slot like `close`, and passes its open session on; `null` if it has none. */
  release(): Session | null;
}

const cancelEveryMs = 500;
const graceMs = 4_000;
// A backend caches every catalog entry that it reads, and searches the cache on each change. After a few thousand
// migrations it is several times slower than a new backend, which takes milliseconds to start.
const recycleAfter = 1_000;

/**
 * A slot. When `signal` is aborted, the running statement is canceled repeatedly, since a cancel request that arrives
 * before its statement has no effect. After four seconds the session is abandoned, so that the whole run ends within the
 * ten seconds that a container has after SIGTERM.
 */
export function createSessionSlot(open: () => Promise<Session>, signal: AbortSignal): SessionSlot {
  let current: Session | null = null;
  let sessions = 0;
  let migrated = 0;
  let closed = false;
  let canceling: NodeJS.Timeout | undefined;

  const onAbort = () => {
    const since = performance.now();
    current?.cancel();
    canceling = setInterval(() => {
      if (performance.now() - since > graceMs) current?.abandon();
      else current?.cancel();
    }, cancelEveryMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });

  const end = () => {
    closed = true;
    signal.removeEventListener('abort', onAbort);
    clearInterval(canceling);
  };
  return {
    async session() {
      if (migrated >= recycleAfter) {
        await current?.close();
        current = null;
      }
      if (current === null || current.lost) {
        current = await open();
        // The slot was closed while the session was being opened.
        if (closed) current.abandon();
        sessions += 1;
        migrated = 0;
      }
      return current;
    },
    current: () => (current === null || current.lost ? null : current),
    worked(migrations) {
      migrated += migrations;
    },
    opened: () => sessions,
    async close() {
      end();
      await current?.close();
    },
    release() {
      end();
      return current === null || current.lost ? null : current;
    },
  };
}
