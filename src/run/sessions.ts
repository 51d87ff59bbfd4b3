import { randomBytes } from 'node:crypto';
import { isConnectionError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import type { OnNotice } from '../server/answer.ts';
import type { ConnectionTarget } from '../server/connection-string.ts';
import { staysOnBackend } from '../server/pool-mode.ts';
import { type Connection, connectTimeoutOf, openSession, type Session } from '../server/session.ts';
import { settleAll } from '../server/settle-all.ts';
import { createConnectRetry, hasNoRoom } from './connect-retry.ts';
import { createKeptSessions, type KeptSessions, type StartSettings } from './kept-sessions.ts';
import { createOwnSession, type OwnSession } from './own-session.ts';
import { createRoom, type Room } from './room.ts';
import { createSessionSlot, type SessionSlot } from './session-slot.ts';

/** The sessions of one run. If the server accepts only one, that one does all the work. */
export interface Sessions {
  readonly own: OwnSession;
  /** Opens a session for units. If the server refuses it and no other is open, returns the run's own session. */
  open(settings?: StartSettings): Promise<Session>;
  /** Further sessions for reading, opened when needed. */
  spares(): SpareSessions;
  /** Idle sessions, which `open` prefers to new ones. */
  readonly kept: KeptSessions;
  /**
   * A function that opens sessions which no other client shares: outside the pooler, or through one in session mode.
   * `null` if the pooler is in transaction mode and there is no direct URL.
   */
  exclusive(): Promise<(() => Promise<Session>) | null>;
}

/** Sessions that speed up reading. */
interface SpareSessions {
  /** As many sessions as this number of queries is worth, without those that the server refuses. */
  sessions(queries: number): Promise<readonly Session[]>;
  /** Closes them, unless the run keeps them. */
  end(): Promise<void>;
}

/** What all sessions of a run share. */
interface RunConnection {
  readonly runId: string;
  readonly emit: OnEvent;
  readonly signal: AbortSignal;
  readonly onNotice: OnNotice;
}

type Connect = (to: ConnectionTarget, more?: Partial<Connection>) => Promise<Session>;

/** The sessions of a run; the first is opened when it is needed. */
export function createSessions(
  { database: { target, directTarget }, waitMs, poolMode }: Config,
  { runId, emit, signal, onNotice }: RunConnection,
): Sessions {
  const retrying = createConnectRetry(signal, waitMs, (message) => emit({ type: 'warning', message }));
  let oneByOne = false;
  const connect: Connect = async (to, more = {}) => {
    const session = await openSession(
      {
        target: to,
        applicationName: `sqlmig ${runId}`,
        connectTimeoutMs: connectTimeoutOf(to),
        oneByOne,
        signal,
        ...more,
      },
      onNotice,
    );
    oneByOne = session.server.isCitus;
    return session;
  };
  const own = createOwnSession(createSessionSlot(() => retrying(() => connect(target), true), signal));
  const room = createRoom(emit);
  const openOptional = (more?: Partial<Connection>) => retrying(() => connect(target, more), false);
  let sessionMode: Promise<boolean> | null = null;
  const kept = createKeptSessions();
  return {
    own,
    open: createOpener(own, room, { kept, connect: openOptional }),
    spares: () => createSpares(kept, room, { connect: openOptional, signal }),
    kept,
    async exclusive() {
      if (directTarget !== null)
        return () => retrying(() => connect(directTarget, { settings: pinnedSettings }), true);
      sessionMode ??=
        poolMode === null ? isExclusive(own, connect, target) : Promise.resolve(poolMode === 'session');
      return (await sessionMode) ? () => retrying(() => connect(target), true) : null;
    },
  };
}

type ConnectOptional = (more?: Partial<Connection>) => Promise<Session>;

function createOpener(
  own: OwnSession,
  room: Room,
  { kept, connect }: { readonly kept: KeptSessions; readonly connect: ConnectOptional },
): Sessions['open'] {
  let opened: readonly Session[] = [];
  return async (settings) => {
    opened = opened.filter((session) => !session.lost);
    const noting = (session: Session) => {
      opened = [...opened, session];
      return session;
    };
    const idle = kept.take(settings);
    if (idle !== null) return noting(idle);
    let refusal = room.refusal();
    // A kept session may hold the last connection slot.
    while (refusal === null || (await kept.closeOne())) {
      try {
        return noting(await connect(settings && { settings }));
      } catch (error) {
        if (!hasNoRoom(error)) throw error;
        refusal = error;
      }
    }
    if (room.refusal() === null) room.refused(refusal);
    const lent = opened.some((session) => !session.lost) ? null : await own.lend();
    if (lent === null) throw refusal;
    return lent;
  };
}

// A session costs as much as reading fifty histories: its process must start and read the catalogs.
const queriesPerSpare = 16;

function createSpares(
  kept: KeptSessions,
  room: Room,
  { connect, signal }: { readonly connect: ConnectOptional; readonly signal: AbortSignal },
): SpareSessions {
  const slots: SessionSlot[] = [];
  const settings = kept.keeping?.settings;
  const open = async () => kept.take(settings) ?? connect(settings && { settings });
  const sessionOf = async (slot: SessionSlot): Promise<readonly Session[]> => {
    if (room.refusal() !== null) return [];
    try {
      return [await slot.session()];
    } catch (error) {
      if (hasNoRoom(error)) room.refused(error);
      if (isConnectionError(error)) return [];
      throw error;
    }
  };
  return {
    async sessions(queries) {
      const most = kept.keeping?.most ?? 1;
      const wanted = Math.min(Math.max(Math.floor(queries / queriesPerSpare), 1), most);
      while (slots.length < wanted) slots.push(createSessionSlot(open, signal));
      return (await settleAll(slots.map(sessionOf))).flat();
    },
    async end() {
      const sessions = slots.flatMap((slot) => slot.release() ?? []);
      await Promise.all(sessions.map(kept.put));
    },
  };
}

/** Tests whether a pooler is in session mode. */
async function isExclusive(own: OwnSession, connect: Connect, target: ConnectionTarget): Promise<boolean> {
  const channel = `sqlmig_${randomBytes(6).toString('hex')}`;
  await own.unwatched();
  const other = (onNotification: (name: string) => void) => connect(target, { onNotification });
  return staysOnBackend(await own.slot.session(), other, channel).catch(() => false);
}
