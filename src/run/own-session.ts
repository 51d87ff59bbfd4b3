import { requirePlainStrings } from '../server/plain-strings.ts';
import type { Session } from '../server/session.ts';
import type { SessionSlot } from './session-slot.ts';

/** The session that a run reads with. While it is idle, it can watch, or a worker can borrow it. */
export interface OwnSession {
  readonly slot: SessionSlot;
  /**
   * Reads with the session while it is idle. Resolves to `null` if it is in use or lost, or if reading fails: watching
   * must never delay or fail a run.
   */
  watch<T>(read: (session: Session) => Promise<T>): Promise<T | null>;
  /** Waits until `watch` no longer uses it. */
  unwatched(): Promise<void>;
  /** Lends the session to a worker, which returns it with `close`. `null` while another worker has it. */
  lend(): Promise<Session | null>;
}

/** Makes the session of a slot the run's own. */
export function createOwnSession(slot: SessionSlot): OwnSession {
  let watching: Promise<unknown> | null = null;
  let lent: Session | null = null;
  const isLent = () => lent !== null && !lent.lost;
  const unwatched = async () => {
    while (watching !== null) await watching;
  };
  return {
    slot,
    unwatched,
    async watch(read) {
      const session = slot.current();
      if (session === null || isLent() || watching !== null) return null;
      const reading = read(session).catch(() => null);
      watching = reading;
      try {
        return await reading;
      } finally {
        watching = null;
      }
    },
    async lend() {
      if (isLent()) return null;
      const session = await slot.session();
      await unwatched();
      if (isLent()) return null;
      requirePlainStrings(session.server);
      lent = returnable(session);
      return lent;
    },
  };
}

/** A session that `close` ends for its user only: the connection stays open. */
function returnable(session: Session): Session {
  let returned = false;
  return {
    ...session,
    get lost() {
      return returned || session.lost;
    },
    async close() {
      returned = true;
    },
  };
}
