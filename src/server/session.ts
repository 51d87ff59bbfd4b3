import { SqlmigError } from '../errors.ts';
import { createClient } from './client.ts';
import { clientOptions } from './client-options.ts';
import { connectError } from './connect-error.ts';
import { type ConnectionTarget, describeHost, type TargetHost } from './connection-string.ts';
import { withDeadline } from './deadline.ts';
import { stateOfBackend, watch } from './liveness.ts';
import type { ServerNotice } from './notice.ts';
import { isServerError, type LastWords } from './server-error.ts';
import { createSockets } from './sockets.ts';

/** A row as the server sent it: bigint as text, other types as postgres.js reads them. */
export type Row = Readonly<Record<string, unknown>>;

/** How to reach a database. */
export interface Connection {
  readonly target: ConnectionTarget;
  /** Shown in pg_stat_activity while nothing runs. */
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  /** Settings that the session begins with and goes back to; a pooler would refuse them (08P01). */
  readonly settings?: Readonly<Record<string, string>>;
  /** Once it has fired, connecting takes two seconds at most. */
  readonly signal?: AbortSignal;
  /** The server is asked about a message that has been silent for so long, in milliseconds. */
  readonly silentAfterMs?: number;
  /** Takes the channels of notifications. */
  readonly onNotification?: (channel: string) => void;
}

/**
 * ONE session of PostgreSQL that never moves to another backend: a postgres.js client of one connection with one
 * message in flight, dead for good at the first connection error. Never `reserve()` or `begin()` (porsager/postgres
 * #751, #1199, #1155: they hang, crash or go on in autocommit after a lost connection).
 */
export interface Session {
  /** True behind a pooler: the backend that answers is not the one the protocol announced at connect. */
  readonly pooled: boolean;
  readonly server: Server;
  /** True where the session began with the settings it was asked for. */
  readonly hasSettings: boolean;
  /** True once the session can no longer be used. */
  readonly lost: boolean;
  /**
   * Sends one simple-protocol message. Rows go to `onRow` as they come, else they are returned; what else the server
   * says meanwhile goes to `onNotice`, in the same order, else to who opened the session. After a server error the
   * transaction is rolled back and the session stays usable.
   * @throws ServerError for what the server refused, SessionLost where the outcome is unknown.
   */
  run(text: string, onRow?: (row: Row) => void, onNotice?: OnNotice): Promise<Row[]>;
  /**
   * Sends one statement by the extended protocol, which refuses a second one in the same text (42601). Gives its
   * columns, each with the OID of its type, and its rows.
   * @throws as `run` does.
   */
  statement(text: string): Promise<{ columns: readonly { name: string; type: number }[]; rows: Row[] }>;
  /**
   * Sends queries of our own under `ownPath`, whatever path the role, the database or a pooler's backend has.
   * @throws as `run` does.
   */
  read(text: string, onRow?: (row: Row) => void): Promise<Row[]>;
  /** Asks the server to cancel what runs. */
  cancel(): void;
  close(): Promise<void>;
  /** Ends it at once, without a word to the server: for connections that do not answer. */
  abandon(): void;
}

/** What a server says of itself and of us when a session begins. */
export interface Server {
  /** Its name and port, or the path of its socket. */
  readonly host: string;
  readonly database: string;
  /** The role we logged in as. */
  readonly login: string;
  /** As in `server_version_num`, such as 180004. */
  readonly version: number;
  readonly isLinux: boolean;
  /** A backslash in a plain string stands for itself (`standard_conforming_strings`). */
  readonly standardStrings: boolean;
  /** Why nothing is to be written there: a standby cannot, a setting asks us not to; `null` where we may. */
  readonly readOnly: 'standby' | 'setting' | null;
}

/**
 * `search_path` of our own statements: what others put into public or a tenant under the name of a function, operator or
 * type of PostgreSQL must never run with our rights (CVE-2018-1058; PostgreSQL documentation, Writing SECURITY DEFINER
 * Functions Safely).
 */
export const ownPath = 'pg_catalog, pg_temp';

/** The part of a query of postgres.js that asks the server to cancel it. */
interface Cancellable {
  readonly canceller?: ((query: Cancellable) => Promise<unknown>) | null;
}

/** The connection is gone, and whether the message took effect is unknown. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
  /** Of the error with which the server ended it, if it said anything. */
  readonly sqlstate: string | undefined;

  constructor(message: string, words: LastWords | null, cause?: unknown) {
    super(words?.message ?? message, { cause });
    this.sqlstate = words?.code;
  }
}

/** Takes what a server says that is no error. */
export type OnNotice = (notice: ServerNotice) => void;

// It runs before any path can be set, so each name says where it is.
const hello = `select pg_catalog.pg_backend_pid() as pid, pg_catalog.current_database() as database, session_user as login,
  pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as number,
  pg_catalog.version() operator(pg_catalog.~*) 'linux'::pg_catalog.text as linux, pg_catalog.pg_is_in_recovery() as standby,
  pg_catalog.current_setting('standard_conforming_strings') as strings,
  pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool as reads`;

/**
 * Opens a session.
 * @throws SqlmigError `connection-failed` or `login-refused`; neither shows the password.
 */
export async function openSession(connection: Connection, onNotice: OnNotice = () => {}): Promise<Session> {
  const { hosts } = connection.target;
  const errors: unknown[] = [];
  for (const host of hosts) {
    try {
      return await openOn(host, connection, onNotice);
    } catch (error) {
      errors.push(error);
      // Another host may be up; a login that one refuses the others refuse as well.
      if (!(error instanceof SqlmigError) || error.code !== 'connection-failed') break;
    }
  }
  throw errors.at(-1);
}

async function openOn(host: TargetHost, connection: Connection, onNotice: OnNotice): Promise<Session> {
  let lost = false;
  let running: Cancellable | null = null;
  let sentAt = 0;
  let hears = onNotice;
  // Ends what waits for an answer. The driver itself never settles what is sent between 'error' and 'close' of a socket.
  let giveUp = (_: Error) => {};
  let stopWatching = () => {};
  let reason = 'the server closed the connection';
  const { options, ignoredPasswordFile } = clientOptions(connection.target, host);
  const sockets = createSockets(options);
  const { applicationName, target, settings, connectTimeoutMs } = connection;
  const startup = { application_name: applicationName, ...target.startup, ...settings };
  const client = createClient(
    { server: options, open: sockets.open, startup, connectTimeoutMs },
    (notice) => hears(notice),
    () => {
      lost = true;
      stopWatching();
      giveUp(new Error(reason));
    },
    connection.onNotification ?? (() => {}),
  );

  const abandon = () => {
    lost = true;
    stopWatching();
    giveUp(new Error(reason));
    // A plain end() hangs after ECONNRESET (porsager/postgres#1130).
    client.end({ timeout: 0 }).catch(() => {});
    sockets.destroy();
  };
  const answered = <T>(query: PromiseLike<T>) =>
    new Promise<T>((resolve, reject) => {
      giveUp = reject;
      query.then(resolve, reject);
    });
  const send = async (
    text: string,
    onRow?: (row: Row) => void,
    other = onNotice,
    query = client.unsafe(text).simple(),
  ) => {
    if (lost) throw new SessionLost(reason, sockets.lastWords());
    if (running !== null) throw new Error('one message at a time');
    running = query as unknown as Cancellable;
    sentAt = performance.now();
    hears = other;
    try {
      const rows: Row[] = [];
      const take = onRow ?? ((row: Row) => void rows.push(row));
      await answered(query.forEach(take));
      return rows;
    } catch (error) {
      if (isServerError(error)) throw error;
      abandon();
      throw new SessionLost(lossOf(error, reason), sockets.lastWords(), error);
    } finally {
      running = null;
      hears = onNotice;
      giveUp = () => {};
    }
  };

  const sendOrRollBack: typeof send = async (...message) => {
    try {
      return await send(...message);
    } catch (error) {
      if (!(error instanceof SessionLost))
        await send(
          'ROLLBACK',
          () => {},
          () => {},
        );
      throw error;
    }
  };

  let pid: unknown;
  let greeting: Row | undefined;
  try {
    const query = client.unsafe(hello).simple();
    const rows = await withDeadline(answered(query), connection.connectTimeoutMs, connection.signal);
    greeting = rows[0];
    if (connection.target.readWrite && greeting?.standby === true) throw new Error('the server is a standby');
    pid = (rows as unknown as { state?: { pid?: number } }).state?.pid;
  } catch (error) {
    abandon();
    throw connectError(error, describeHost(host), ignoredPasswordFile);
  }

  const { settings: _, ...plain } = connection;
  const pooled = pid !== greeting?.pid || connection.target.saysPooled;
  const session: Session = {
    hasSettings: connection.settings !== undefined && pid === greeting?.pid,
    pooled,
    server: {
      host: describeHost(host),
      database: String(greeting?.database),
      login: String(greeting?.login),
      version: Number(greeting?.number),
      isLinux: greeting?.linux === true,
      standardStrings: greeting?.strings === 'on',
      readOnly: greeting?.standby === true ? 'standby' : greeting?.reads === true ? 'setting' : null,
    },
    get lost() {
      return lost;
    },
    run: (...message) => sendOrRollBack(...message),
    async statement(text) {
      const query = client.unsafe(text, [], { simple: false } as object);
      const rows = await sendOrRollBack(text, undefined, undefined, query);
      return { columns: (await query).columns ?? [], rows };
    },
    read(text, onRow) {
      return this.run(`SET LOCAL search_path = ${ownPath};\n${text}`, onRow);
    },
    cancel() {
      // Not `cancel()`: that works once a query, and a request that fails would end the process unhandled.
      sockets.cancelling(() => {
        void Promise.resolve(running?.canceller?.(running)).catch(() => {});
      });
    },
    async close() {
      if (lost) return;
      lost = true;
      stopWatching();
      await withDeadline(client.end({ timeout: 2 }), 3_000, connection.signal).catch(() => {});
      abandon();
    },
    abandon,
  };
  stopWatching = watch(
    {
      silentSince: () => (running === null ? null : Math.max(sentAt, sockets.heardAt())),
      // Behind a pooler nobody knows which backend has our message.
      ask: () => stateOfBackend(pooled ? null : Number(pid), () => openOn(host, plain, () => {}), connection),
      lose(why) {
        reason = why;
        abandon();
      },
    },
    connection.silentAfterMs,
  );
  return session;
}

/** Why a session was lost, without the driver's words for it. */
function lossOf(error: unknown, reason: string): string {
  const { code, message } = error as { code?: string; message?: string };
  return code?.startsWith('CONNECTION_') ? reason : (message ?? String(error));
}
