import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname, userInfo } from 'node:os';
import type { Config } from '../config.ts';
import { noticeEvent } from '../core/notice.ts';
import { quoteIdentifier } from '../core/quote.ts';
import { asSqlmigError } from '../db/failure.ts';
import { pinnedSettings } from '../db/pinned-settings.ts';
import type { Reader } from '../db/scan.ts';
import { type OnNotice, openSession, type Server, type Session, SessionLost } from '../db/session.ts';
import type { UnitFrame } from '../db/unit-frame.ts';
import { isConnectionError, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { createLane, type Lane } from './lane.ts';
import { createPatience } from './patience.ts';

/** How sessions are opened when nobody said otherwise. */
const connectTimeoutMs = 10_000;

/** One invocation that works on a database. */
export interface Run {
  readonly runId: string;
  readonly config: Config;
  /** The database's name: the config's, or the server's. */
  readonly database: string;
  readonly server: Server;
  /** Reads with the run's own session; if the connection is lost it is opened again and all is read again. */
  look<T>(read: (session: Session, reader: Reader) => Promise<T>): Promise<T>;
  /** Another session, for units; it begins with these settings, unless a pooler stands between. */
  readonly openSession: (settings?: Readonly<Record<string, string>>) => Promise<Session>;
  /** True when a pooler stands between us and the server: sessions are not ours alone then. */
  readonly pooled: boolean;
  /** True while the session of `look` is the first one, and a backend of our own. */
  readonly undisturbed: () => boolean;
  /** A session past the pooler; only where the config has a direct URL. */
  readonly openDirect: (() => Promise<Session>) | null;
  /** Takes what the server says while files run. */
  readonly heard: UnitFrame['heard'];
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

/** Connects, gives the run to `work`, and closes whatever happens. */
export async function withRun<T>(
  config: Config,
  { emit, signal }: { readonly emit: OnEvent; readonly signal: AbortSignal },
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const runId = randomBytes(4).toString('hex');
  const { target, directTarget, name } = config.database;
  const applicationName = `sqlmig ${runId}`;
  const connection = {
    target,
    applicationName,
    connectTimeoutMs: target.connectTimeoutMs ?? connectTimeoutMs,
  };
  const onNotice: OnNotice = (notice) => emit(noticeEvent(notice, null));
  const patient = createPatience(signal, config.waitMs, (message) => emit({ type: 'warning', message }));
  const open = () => patient(() => openSession(connection, onNotice));
  const endings: Promise<void>[] = [];
  const lane = createLane(open, signal);
  const ended = async () => void (await Promise.all(endings.splice(0)));
  try {
    const { server, pooled } = await lane.session();
    if (pooled && !server.standardStrings) throw plainStringsNeeded(server.login);
    const openDirect =
      directTarget === null
        ? null
        : () => openSession({ ...connection, target: directTarget, settings: pinnedSettings }, onNotice);
    const look: Run['look'] = async (read) => {
      const second = createLane(open, signal);
      // The server may have no room for it: then one session reads all.
      const spare = () =>
        second.session().catch((error: unknown) => (isConnectionError(error) ? null : Promise.reject(error)));
      try {
        return await readThrough(lane, (session) => read(session, { session, spare }));
      } finally {
        endings.push(second.close());
      }
    };
    return await work({
      runId,
      config,
      database: name ?? server.database,
      server,
      look,
      openSession: (settings = pinnedSettings) =>
        patient(() => openSession({ ...connection, ...(settings && !pooled && { settings }) }, onNotice)),
      pooled,
      undisturbed: () => !pooled && lane.opened() === 1,
      openDirect,
      heard: (notice, source) => emit(noticeEvent(notice, source)),
      ending: (closing) => void endings.push(closing),
      ended,
    });
  } finally {
    await Promise.all([lane.close(), ended()]);
  }
}

// A message is read as a whole before its first statement can set anything.
function plainStringsNeeded(login: string): SqlmigError {
  const message = 'standard_conforming_strings is off, so that a backslash in a string would not mean itself';
  return new SqlmigError('server-setting', message, {
    state: 'nothing was touched',
    hint: `alter role ${quoteIdentifier(login)} set standard_conforming_strings = on, or give a URL that bypasses the pooler`,
  });
}

async function readThrough<T>(lane: Lane, read: (session: Session) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read(await lane.session());
    } catch (error) {
      if (!(error instanceof SessionLost) || tries === 5) throw asSqlmigError(error);
    }
  }
}

/** What the units of a run have in common. */
export function unitFrame(
  { runId, config, server, heard }: Run,
  { lockTimeoutMs, sync }: Pick<UnitFrame, 'lockTimeoutMs' | 'sync'>,
): UnitFrame {
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
    heard,
    // The setting came with PostgreSQL 14.
    checksClient: server.isLinux && server.version >= 140_000,
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
