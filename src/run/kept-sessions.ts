import type { Session } from '../server/session.ts';

/** Settings that a session starts with. */
export type StartSettings = Readonly<Record<string, string>>;

/** How sessions are kept. */
interface Keeping {
  readonly settings: StartSettings;
  /** How many there may be. */
  readonly most: number;
}

/** Idle sessions of a run, which have read histories and which workers take over. */
export interface KeptSessions {
  /** Set once a run keeps sessions. */
  keeping: Keeping | null;
  /** Keeps a session, or closes it if the run keeps none. */
  put(session: Session): Promise<void>;
  /** Takes a session that started with these settings; `null` if there is none. */
  take(settings: StartSettings | undefined): Session | null;
  /** Closes one to make room for another; returns false if there is none. */
  closeOne(): Promise<boolean>;
  close(): Promise<void>;
}

/** No sessions yet. */
export function createKeptSessions(): KeptSessions {
  let idle: Session[] = [];
  const takeAny = () => {
    idle = idle.filter((session) => !session.lost);
    return idle.shift() ?? null;
  };
  const kept: KeptSessions = {
    keeping: null,
    async put(session) {
      if (kept.keeping === null) await session.close();
      else idle.push(session);
    },
    take: (settings) =>
      JSON.stringify(kept.keeping?.settings) === JSON.stringify(settings) ? takeAny() : null,
    async closeOne() {
      const session = takeAny();
      await session?.close();
      return session !== null;
    },
    async close() {
      kept.keeping = null;
      await Promise.all(idle.splice(0).map((session) => session.close()));
    },
  };
  return kept;
}
