import { randomBytes } from 'node:crypto';
import { isConnectionError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import type { OnNotice } from '../server/answer.ts';
import type { ConnectionTarget } from '../server/connection-string.ts';
import { staysOnBackend } from '../server/pool-mode.ts';
import { type Connection, connectTimeoutOf, openSession, type Session } from '../server/session.ts';
import { createConnectRetry, hasNoRoom } from './connect-retry.ts';
import { createOwnSession, type OwnSession } from './own-session.ts';
import { createRoom, type Room } from './room.ts';
import { createSessionSlot } from './session-slot.ts';

/** The sessions of one run. If the server accepts only one, that one does all the work. */
export interface Sessions {
  readonly own: OwnSession;
  /** Opens a session for units. If the server refuses it and no other is open, returns the run's own session. */
  open(settings?: Readonly<Record<string, string>>): Promise<Session>;
  /** A second session for reading, opened when first needed. */
  spare(): SpareSession;
  /**
   * A function that opens sessions which no other client shares: outside the pooler, or through one in session mode.
   * `null` if the pooler is in transaction mode and there is no direct URL.
   */
  exclusive(): Promise<(() => Promise<Session>) | null>;
}

/** A session that speeds up reading; `session` resolves to `null` if the server refuses it. */
interface SpareSession {
  session(): Promise<Session | null>;
  close(): Promise<void>;
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
  return {
    own,
    open: createOpener(own, room, openOptional),
    spare: () => createSpare(openOptional, room, signal),
    async exclusive() {
      if (directTarget !== null)
        return () => retrying(() => connect(directTarget, { settings: pinnedSettings }), true);
      sessionMode ??=
        poolMode === null ? isExclusive(own, connect, target) : Promise.resolve(poolMode === 'session');
      return (await sessionMode) ? () => retrying(() => connect(target), true) : null;
    },
  };
}

function createOpener(
  own: OwnSession,
  room: Room,
  connect: (more?: Partial<Connection>) => Promise<Session>,
): Sessions['open'] {
  let opened: readonly Session[] = [];
  return async (settings) => {
    opened = opened.filter((session) => !session.lost);
    let refusal = room.refusal();
    if (refusal === null) {
      try {
        const session = await connect(settings && { settings });
        opened = [...opened, session];
        return session;
      } catch (error) {
        if (!hasNoRoom(error)) throw error;
        room.refused(error);
        refusal = error;
      }
    }
    const lent = opened.some((session) => !session.lost) ? null : await own.lend();
    if (lent === null) throw refusal;
    return lent;
  };
}

function createSpare(connect: () => Promise<Session>, room: Room, signal: AbortSignal): SpareSession {
  const slot = createSessionSlot(connect, signal);
  return {
    async session() {
      if (room.refusal() !== null) return null;
      try {
        return await slot.session();
      } catch (error) {
        if (hasNoRoom(error)) room.refused(error);
        if (isConnectionError(error)) return null;
        throw error;
      }
    },
    close: () => slot.close(),
  };
}

/** Tests whether a pooler is in session mode. */
async function isExclusive(own: OwnSession, connect: Connect, target: ConnectionTarget): Promise<boolean> {
  const channel = `sqlmig_${randomBytes(6).toString('hex')}`;
  await own.unwatched();
  const other = (onNotification: (name: string) => void) => connect(target, { onNotification });
  return staysOnBackend(await own.slot.session(), other, channel).catch(() => false);
}
