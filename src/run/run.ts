import { SqlmigError, sqlstates } from '../errors.ts';
import { asSqlmigError, serverRefused } from '../execute/failure.ts';
import { canceledHint } from '../execute/stopped-statement.ts';
import { type LockWait, readingWaitMs } from '../history/locked.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { type OnNotice, SessionLost } from '../server/answer.ts';
import { refuseWorker } from '../server/citus-worker.ts';
import { noticeEvent } from '../server/notice.ts';
import { requirePlainStrings } from '../server/plain-strings.ts';
import { refuseReadOnly } from '../server/read-only.ts';
import { isServerError } from '../server/server-error.ts';
import type { Server, Session } from '../server/session.ts';
import { type Caller, newRunId } from './caller.ts';
import type { StartSettings } from './kept-sessions.ts';
import type { SessionSlot } from './session-slot.ts';
import { createSessions, type Sessions } from './sessions.ts';

/** One run of a command against a database. */
export interface Run {
  readonly runId: string;
  readonly config: Config;
  /** The database's name: the config's, or the server's. */
  readonly database: string;
  readonly server: Server;
  /** Reads with the run's own session. If the connection is lost, it is opened again and `read` is repeated. */
  read<T>(read: (session: Session, reader: Reader) => Promise<T>): Promise<T>;
  /** A reader that uses the session of a worker. */
  readonly readerOn: (session: Session) => Reader;
  /** Reads with the run's own session while it is idle (see `OwnSession`). */
  watch<T>(read: (session: Session) => Promise<T>): Promise<T | null>;
  /**
   * Opens a session for units, with these settings unless it goes through a pooler. If the server refuses it and no other
   * is open, returns the run's own session.
   */
  readonly openSession: (settings?: StartSettings) => Promise<Session>;
  /**
   * From now on, up to `most` sessions besides the run's own read long lists of histories. They start with these settings, and
   * `openSession` then takes them over: a backend that has read a history writes to it in less time.
   */
  readonly keepReaders: (settings: StartSettings, most: number) => void;
  /** Whether a session has read the history of a schema in this run. */
  readonly hasRead: (session: Session, schema: string) => boolean;
  /** Whether sessions go through a pooler, whose clients share them. */
  readonly pooled: boolean;
  /** True while the run's own session is its first one and does not go through a pooler. */
  readonly undisturbed: () => boolean;
  /** See `Sessions`. */
  readonly exclusive: Sessions['exclusive'];
  /** How long reading waits for a locked table. */
  readonly wait: LockWait;
  /** Receives the notices of the server while files run. */
  readonly onNotice: UnitContext['onNotice'];
  /** Lets the end of the run, or `ended`, wait for a promise. */
  readonly ending: (work: Promise<void>) => void;
  /** Waits for these promises, so that closing sessions have ended before others are opened. */
  ended(): Promise<void>;
}

/** The options of a run. */
interface RunSettings extends Caller {
  /** What to do if `default_transaction_read_only` is on; absent for a run that only reads. */
  readonly readOnly?: 'refuse' | 'ignore';
  /** How long reading waits for a locked table, in milliseconds; 30 seconds by default. */
  readonly waitForLockMs?: number;
}

/**
 * Connects, passes the run to `work`, and closes all sessions once `work` has ended.
 * @throws SqlmigError `read-only` if a run must not write; `interrupted` if the signal of a run that only reads is aborted.
 */
export async function withRun<T>(
  config: Config,
  { emit, signal, runId = newRunId(), readOnly, waitForLockMs = readingWaitMs }: RunSettings,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const onNotice: OnNotice = (notice) => emit(noticeEvent(notice, null));
  const sessions = createSessions(config, { runId, emit, signal, onNotice });
  const own = sessions.own.slot;
  const endings: Promise<void>[] = [];
  const ended = async () => void (await Promise.all(endings.splice(0)));
  const wait: LockWait = {
    ms: waitForLockMs,
    onWait: (schema, waitedMs, holders) => emit({ type: 'waiting', schema, waitedMs, holders }),
  };
  const reads = new WeakMap<Session, Set<string>>();
  const onRead = (session: Session, schemas: readonly string[]) => {
    const read = reads.get(session) ?? new Set();
    for (const schema of schemas) read.add(schema);
    reads.set(session, read);
  };
  const onlyReads = readOnly === undefined;
  try {
    if (onlyReads && signal.aborted) throw interruptedReading();
    const first = await own.session();
    const { server, pooled } = first;
    await refuseWorker(first);
    if (readOnly !== undefined) await refuseReadOnly(first, readOnly);
    if (pooled) requirePlainStrings(server);
    let reading = 0;
    const read: Run['read'] = (work) =>
      readThrough(own, async (session) => {
        const spares = sessions.spares();
        reading += 1;
        try {
          await sessions.own.unwatched();
          return await work(session, { session, spares: spares.sessions, onRead, wait, signal });
        } finally {
          reading -= 1;
          endings.push(spares.end());
        }
      });
    return await work({
      runId,
      config,
      database: config.database.name ?? server.database,
      server,
      read,
      readerOn: (session) => ({ session, spares: async () => [], wait, signal }),
      keepReaders(settings, most) {
        if (!pooled) sessions.kept.keeping = { settings, most };
      },
      hasRead: (session, schema) => reads.get(session)?.has(schema) === true,
      watch: async (read) => (reading > 0 ? null : sessions.own.watch(read)),
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
    await sessions.kept.close();
  }
}

function interruptedReading(): SqlmigError {
  return new SqlmigError('interrupted', 'interrupted before it finished', { hint: 'run it again' });
}

async function readThrough<T>(slot: SessionSlot, read: (session: Session) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read(await slot.session());
    } catch (error) {
      if (isServerError(error) && error.code === sqlstates.queryCanceled)
        throw serverRefused(error, undefined, await canceledHint(await slot.session()));
      if (!(error instanceof SessionLost) || tries === 5) throw asSqlmigError(error);
    }
  }
}
