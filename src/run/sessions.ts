import { randomBytes } from 'node:crypto';
import { isConnectionError, type SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import type { ConnectionTarget } from '../server/connection-string.ts';
import { requirePlainStrings } from '../server/plain-strings.ts';
import { staysOnBackend } from '../server/pool-mode.ts';
import { type Connection, type OnNotice, openSession, type Session } from '../server/session.ts';
import { createConnectRetry, hasNoRoom } from './connect-retry.ts';
import { createSessionSlot, type SessionSlot } from './session-slot.ts';

/** The sessions of one run. One is enough; where the server has room for no more, that one does all the work. */
export interface Sessions {
  /** The run's own one, which reads. */
  readonly own: SessionSlot;
  /**
   * Reads with the run's own session while nobody else uses it. Gives `null` where somebody does, where it is gone, and
   * where reading fails: this must stand in nobody's way.
   */
  watch<T>(read: (session: Session) => Promise<T>): Promise<T | null>;
  /** Waits until `watch` has no use for the run's own session. */
  unwatched(): Promise<void>;
  /** A session for units, with these settings. Where there is no room for one and no other works, it is the run's own. */
  open(settings?: Readonly<Record<string, string>>): Promise<Session>;
  /** A slot for reading beside the run's own; gives `null` where there is no room. */
  spare(): { readonly session: () => Promise<Session | null>; readonly close: () => Promise<void> };
  /**
   * Opens sessions that nobody else gets parts of: past the pooler, or through one in session mode. `null` where the
   * pooler is in transaction mode and no direct URL is given.
   */
  exclusive(): Promise<(() => Promise<Session>) | null>;
}

/** How sessions are opened when nobody said otherwise. */
const connectTimeoutMs = 10_000;
/** Once there was no room, nobody asks for a while: other runners need the slots. */
export const askAgainMs = 10_000;

/** Sessions for a run; the first is opened when it is first needed. */
export function createSessions(
  { database: { target, directTarget }, waitMs, poolMode }: Config,
  {
    runId,
    emit,
    signal,
    onNotice,
  }: {
    readonly runId: string;
    readonly emit: OnEvent;
    readonly signal: AbortSignal;
    readonly onNotice: OnNotice;
  },
): Sessions {
  const patient = createConnectRetry(signal, waitMs, (message) => emit({ type: 'warning', message }));
  const connect = (to: ConnectionTarget, more: Partial<Connection> = {}) =>
    openSession(
      {
        target: to,
        applicationName: `sqlmig ${runId}`,
        connectTimeoutMs: to.connectTimeoutMs ?? connectTimeoutMs,
        signal,
        ...more,
      },
      onNotice,
    );
  const own = createSessionSlot(() => patient(() => connect(target), true), signal);
  let working: readonly Session[] = [];
  let lent: Session | null = null;
  let refused: { readonly error: SqlmigError; readonly at: number } | null = null;

  const refuseForNow = (error: SqlmigError) => {
    if (refused === null) {
      const message = `there is no room for more sessions, going on with those there are: ${error.message}`;
      emit({ type: 'warning', message });
    }
    refused = { error, at: performance.now() };
  };
  const recentRefusal = () =>
    refused !== null && performance.now() - refused.at < askAgainMs ? refused.error : null;

  let watching: Promise<unknown> | null = null;
  const unwatched = async () => {
    while (watching !== null) await watching;
  };
  const anyWorks = () => working.some((session) => !session.lost);
  const isLent = () => lent !== null && !lent.lost;
  /** The run's own session, until it is closed; that only gives it back. `null` while somebody has it. */
  const lend = async (): Promise<Session | null> => {
    if (isLent()) return null;
    const session = await own.session();
    await unwatched();
    if (isLent()) return null;
    requirePlainStrings(session.server);
    let returned = false;
    const giveBack = () => {
      returned = true;
    };
    lent = {
      ...session,
      get lost() {
        return returned || session.lost;
      },
      close: async () => giveBack(),
    };
    return lent;
  };

  let known: Promise<boolean> | null = null;
  const isExclusive = async () => {
    if (poolMode !== null) return poolMode === 'session';
    const channel = `sqlmig_${randomBytes(6).toString('hex')}`;
    await unwatched();
    const other = (onNotification: (name: string) => void) => connect(target, { onNotification });
    return staysOnBackend(await own.session(), other, channel).catch(() => false);
  };

  return {
    own,
    unwatched,
    async watch(read) {
      const session = own.current();
      if (session === null || isLent() || watching !== null) return null;
      const reading = read(session).catch(() => null);
      watching = reading;
      try {
        return await reading;
      } finally {
        watching = null;
      }
    },
    async open(settings) {
      working = working.filter((session) => !session.lost);
      let refusal = recentRefusal();
      if (refusal === null) {
        try {
          const session = await patient(() => connect(target, settings && { settings }), false);
          working = [...working, session];
          return session;
        } catch (error) {
          if (!hasNoRoom(error)) throw error;
          refuseForNow(error);
          refusal = error;
        }
      }
      const mine = anyWorks() ? null : await lend();
      if (mine === null) throw refusal;
      return mine;
    },
    spare() {
      const slot = createSessionSlot(() => patient(() => connect(target), false), signal);
      return {
        async session() {
          if (recentRefusal() !== null) return null;
          try {
            return await slot.session();
          } catch (error) {
            if (hasNoRoom(error)) refuseForNow(error);
            if (isConnectionError(error)) return null;
            throw error;
          }
        },
        close: () => slot.close(),
      };
    },
    async exclusive() {
      if (directTarget !== null)
        return () => patient(() => connect(directTarget, { settings: pinnedSettings }), true);
      known ??= isExclusive();
      return (await known) ? () => patient(() => connect(target), true) : null;
    },
  };
}
