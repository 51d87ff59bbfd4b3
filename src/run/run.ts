import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname, userInfo } from 'node:os';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { asSqlmigError, serverRefused } from '../execute/failure.ts';
import { cancelledHint } from '../execute/stopped-statement.ts';
import { type LockWait, readingWaitMs } from '../history/locked.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { noticeEvent } from '../server/notice.ts';
import { requirePlainStrings } from '../server/plain-strings.ts';
import { refuseReadOnly } from '../server/read-only.ts';
import { isServerError } from '../server/server-error.ts';
import { type OnNotice, type Server, type Session, SessionLost } from '../server/session.ts';
import type { SessionSlot } from './session-slot.ts';
import { createSessions, type Sessions } from './sessions.ts';

/** One invocation that works on a database. */
export interface Run {
  readonly runId: string;
  readonly config: Config;
  /** The database's name: the config's, or the server's. */
  readonly database: string;
  readonly server: Server;
  /** Reads with the run's own session; if the connection is lost it is opened again and all is read again. */
  read<T>(read: (session: Session, reader: Reader) => Promise<T>): Promise<T>;
  /** A reader on a session of a worker. */
  readonly readerOn: (session: Session) => Reader;
  /** Reads with the session of `look` while that is idle (see `Sessions`). */
  watch<T>(read: (session: Session) => Promise<T>): Promise<T | null>;
  /**
   * A session for units; it begins with these settings, unless a pooler stands between. Where the server has no room for
   * it, and no other one works, it is the one of `look`.
   */
  readonly openSession: (settings?: Readonly<Record<string, string>>) => Promise<Session>;
  /** True when a pooler stands between us and the server: sessions are not ours alone then. */
  readonly pooled: boolean;
  /** True while the session of `look` is the first one, and a backend of our own. */
  readonly undisturbed: () => boolean;
  /** Opens sessions that are ours alone although there is a pooler; `null` where there is no way to. */
  readonly exclusive: Sessions['exclusive'];
  /** How long reading waits for a table that somebody has locked. */
  readonly wait: LockWait;
  /** Takes what the server says while files run. */
  readonly onNotice: UnitContext['onNotice'];
  /** Has something awaited at the run's end, or by `ended`, since nothing before needs to wait for it. */
  readonly ending: (work: Promise<void>) => void;
  /** Waits for all that `ending` was given, so that what is opened next adds no session to those. */
  ended(): Promise<void>;
}

/** A signal that fires with another; many may listen to it without a warning. */
export function ownSignal(signal: AbortSignal | undefined): AbortSignal {
  const own = signal === undefined ? new AbortController().signal : AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

/** How a run begins. */
export interface RunSettings {
  readonly emit: OnEvent;
  readonly signal: AbortSignal;
  /** What a database that asks not to be written to means for a run that writes; absent for one that only reads. */
  readonly readOnly?: 'refuse' | 'ignore';
  /** How long reading waits for a table that somebody has locked, in milliseconds; 30 seconds by default. */
  readonly waitForLockMs?: number;
}

/**
 * Connects, gives the run to `work`, and closes whatever happens.
 * @throws SqlmigError `read-only` where a run that writes must not, `interrupted` where the signal of one that only reads
 *   fires.
 */
export async function withRun<T>(
  config: Config,
  { emit, signal, readOnly, waitForLockMs = readingWaitMs }: RunSettings,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const runId = randomBytes(4).toString('hex');
  const onNotice: OnNotice = (notice) => emit(noticeEvent(notice, null));
  const sessions = createSessions(config, { runId, emit, signal, onNotice });
  const { own } = sessions;
  const endings: Promise<void>[] = [];
  const ended = async () => void (await Promise.all(endings.splice(0)));
  const wait: LockWait = {
    ms: waitForLockMs,
    tell: (schema, waitedMs, holders) => emit({ type: 'waiting', schema, waitedMs, holders }),
  };
  const onlyReads = readOnly === undefined;
  try {
    if (onlyReads && signal.aborted) throw interruptedReading();
    const first = await own.session();
    const { server, pooled } = first;
    if (readOnly !== undefined) await refuseReadOnly(first, readOnly);
    if (pooled) requirePlainStrings(server);
    let reading = 0;
    const read: Run['read'] = (work) =>
      readThrough(own, async (session) => {
        const spare = sessions.spare();
        reading += 1;
        try {
          await sessions.unwatched();
          return await work(session, { session, spare: spare.session, wait });
        } finally {
          reading -= 1;
          // Others may need its place.
          endings.push(spare.close());
        }
      });
    return await work({
      runId,
      config,
      database: config.database.name ?? server.database,
      server,
      read,
      readerOn: (session) => ({ session, spare: async () => null, wait }),
      watch: async (read) => (reading > 0 ? null : sessions.watch(read)),
      openSession: (settings = pinnedSettings) => sessions.open(pooled ? undefined : settings),
      pooled,
      undisturbed: () => !pooled && own.opened() === 1,
      exclusive: sessions.exclusive,
      onNotice: (notice, source) => emit(noticeEvent(notice, source)),
      wait,
      ending: (closing) => void endings.push(closing),
      ended,
    });
  } catch (error) {
    throw onlyReads && signal.aborted ? interruptedReading() : error;
  } finally {
    await Promise.all([own.close(), ended()]);
  }
}

function interruptedReading(): SqlmigError {
  return new SqlmigError('interrupted', 'interrupted before it was done', { hint: 'run it again' });
}

async function readThrough<T>(slot: SessionSlot, read: (session: Session) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read(await slot.session());
    } catch (error) {
      if (isServerError(error) && error.code === sqlstates.queryCanceled)
        throw serverRefused(error, undefined, await cancelledHint(await slot.session()));
      if (!(error instanceof SessionLost) || tries === 5) throw asSqlmigError(error);
    }
  }
}

/** What the units of a run have in common. */
export function unitContext(
  { runId, config, server, onNotice }: Run,
  { lockTimeoutMs, sync }: Pick<UnitContext, 'lockTimeoutMs' | 'sync'>,
): UnitContext {
  const host = hostname();
  return {
    runId,
    host,
    appliedBy: `${server.login} (${accountName()}@${host})`,
    publicSchema: config.publicSchema,
    table: config.historyTable,
    searchPath: config.searchPath,
    lockTimeoutMs,
    sync,
    ownSession: false,
    onNotice,
    // The setting came with PostgreSQL 14.
    checksClient: server.isLinux && server.version >= 140_000,
    limitsTransactions: server.version >= 170_000,
  };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a uid that has no name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
