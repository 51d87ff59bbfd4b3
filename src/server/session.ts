import type { Readable, Writable } from 'node:stream';
import { SqlmigError } from '../errors.ts';
import type { OnNotice, Row } from './answer.ts';
import { clientOptions, type SettledTarget } from './client-options.ts';
import { connectError } from './connect-error.ts';
import { type ConnectionTarget, describeHost, type TargetHost } from './connection-string.ts';
import type { CopyStream } from './copy-stream.ts';
import { withDeadline } from './deadline.ts';
import { stateOfBackend, watch } from './liveness.ts';
import { Wire } from './wire.ts';

/** How to reach a database. */
export interface Connection {
  readonly target: ConnectionTarget;
  /** Shown in pg_stat_activity while nothing runs. */
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  /** Settings that the session starts with and RESET returns to; a pooler would refuse them (08P01). */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Send each statement of a message by itself (see `sendOneByOne`). On Citus it is always so, and saying it saves
   * connecting twice.
   */
  readonly oneByOne?: boolean;
  /** After it has fired, connecting takes at most two seconds. */
  readonly signal?: AbortSignal;
  /** A message without an answer for this many milliseconds is checked on a second connection. */
  readonly silentAfterMs?: number;
  /** Takes the channels of notifications. */
  readonly onNotification?: (channel: string) => void;
}

/** How long connecting to a target may take. */
export function connectTimeoutOf({ connectTimeoutMs }: ConnectionTarget): number {
  return connectTimeoutMs ?? 10_000;
}

/**
 * ONE session of PostgreSQL that never moves to another backend: a postgres.js client of one connection with one
 * message in flight, dead for good at the first connection error. Never `reserve()` or `begin()` (porsager/postgres
 * #751, #1199, #1155: they hang, crash or continue in autocommit mode after a lost connection).
 */
export interface Session {
  /** True behind a pooler: the backend that answers is not the one the protocol announced at connect. */
  readonly pooled: boolean;
  readonly server: Server;
  /** True if the session started with the requested settings. */
  readonly hasSettings: boolean;
  /** True once the session can no longer be used. */
  readonly lost: boolean;
  /**
   * Sends one simple-protocol message. Rows go to `onRow` as they arrive, or are returned without it; notices go to
   * `onNotice` in the same order, or to the listener that the session was opened with. After a server error the
   * transaction is rolled back and the session stays usable.
   * @throws ServerError for what the server refused, SessionLost if the outcome is unknown.
   */
  run(text: string, onRow?: (row: Row) => void, onNotice?: OnNotice): Promise<Row[]>;
  /**
   * Sends a message that contains files, as `run` does. If the server refuses it, what a rollback leaves is undone before
   * a pooler can give the server session to another client.
   * @throws as `run` does.
   */
  runFiles: Session['run'];
  /**
   * Sends one statement by the extended protocol, which refuses a second one in the same text (42601). Returns
   * its columns, each with the OID of its type, and its rows.
   * @throws as `run` does.
   */
  statement(text: string): Promise<{ columns: readonly { name: string; type: number }[]; rows: Row[] }>;
  /**
   * Sends sqlmig's own queries under `ownPath`, independent of the path of the role, the database or a pooler's
   * backend.
   * @throws as `run` does.
   */
  read(text: string, onRow?: (row: Row) => void): Promise<Row[]>;
  /**
   * Sends COPY … TO STDOUT, and returns the stream of its rows. No other message can be sent until it has ended.
   * @throws as `run` does.
   */
  copyOut(text: string): Promise<CopyStream<Readable>>;
  /** The same for COPY … FROM STDIN: the stream takes the rows. */
  copyIn(text: string): Promise<CopyStream<Writable>>;
  /** Asks the server to cancel what runs. */
  cancel(): void;
  close(): Promise<void>;
  /** Closes the connection at once without notifying the server: for servers that do not answer. */
  abandon(): void;
}

/** What a server reports about itself and the login when a session starts. */
export interface Server {
  /** Its name and port, or the path of its socket. */
  readonly host: string;
  readonly database: string;
  /** The role we logged in as. */
  readonly login: string;
  /** As in `server_version_num`, such as 180004. */
  readonly version: number;
  readonly isLinux: boolean;
  /** The encoding of the database is UTF8. */
  readonly isUtf8: boolean;
  /** The database has the extension Citus. */
  readonly isCitus: boolean;
  /** A backslash in a plain string is an ordinary character (`standard_conforming_strings`). */
  readonly standardStrings: boolean;
  /** Why the server must not be written to: it is a standby, or a setting forbids it; `null` if it may be. */
  readonly readOnly: 'standby' | 'setting' | null;
}

/**
 * `search_path` of our own statements: what others put into public or a tenant under the name of a function, operator or
 * type of PostgreSQL must never run with our rights (CVE-2018-1058; PostgreSQL documentation, Writing SECURITY DEFINER
 * Functions Safely).
 */
export const ownPath = 'pg_catalog, pg_temp';

// Prepared statements, what `lastval` returns, and advisory locks of the session.
const leftByRollback = 'DEALLOCATE ALL;\nDISCARD SEQUENCES;\nselect pg_catalog.pg_advisory_unlock_all();\n';

// Runs before search_path can be set, so every name is qualified.
const hello = `select pg_catalog.pg_backend_pid() as pid, pg_catalog.current_database() as database, session_user as login,
  pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as number,
  pg_catalog.version() operator(pg_catalog.~*) 'linux'::pg_catalog.text as linux, pg_catalog.pg_is_in_recovery() as standby,
  pg_catalog.current_setting('standard_conforming_strings') as strings, pg_catalog.current_setting('server_encoding') as encoding,
  pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool as reads,
  exists (select from pg_catalog.pg_extension where extname operator(pg_catalog.=) 'citus') as citus`;

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
      // Another host may be up. A login that one host refuses, the others refuse as well.
      if (!(error instanceof SqlmigError) || error.code !== 'connection-failed') break;
    }
  }
  throw errors.at(-1);
}

async function openOn(host: TargetHost, connection: Connection, onNotice: OnNotice): Promise<Session> {
  const { applicationName, settings, connectTimeoutMs, oneByOne = false } = connection;
  const { onNotification = () => {} } = connection;
  const target = await settled(host, connection);
  const { options, ignoredPasswordFile } = clientOptions(target, host);
  const startup = { application_name: applicationName, ...target.startup, ...settings };
  const wire = new Wire({ server: options, oneByOne, startup, connectTimeoutMs, onNotice, onNotification });
  let greeting: Greeting;
  try {
    greeting = await greet(wire, connection);
  } catch (error) {
    wire.abandon();
    throw connectError(error, describeHost(host), ignoredPasswordFile);
  }
  const { pid, backend, server } = greeting;
  if (server.isCitus && !oneByOne) {
    await wire.close(connection.signal);
    return openOn(host, { ...connection, oneByOne: true }, onNotice);
  }
  const pooled = pid !== backend || target.saysPooled;
  const { settings: _, ...plain } = connection;
  const stopWatching = watch(
    {
      silentSince: () => wire.silentSince(),
      // Behind a pooler it is unknown which backend has our message.
      ask: () => stateOfBackend(pooled ? null : Number(pid), () => openOn(host, plain, () => {}), connection),
      lose: (reason) => wire.abandon(reason),
    },
    connection.silentAfterMs,
  );
  wire.whenLost(stopWatching);
  return {
    hasSettings: settings !== undefined && pid === backend,
    pooled,
    server: { ...server, host: describeHost(host) },
    ...messagesOf(wire, connection.signal),
    get lost() {
      return wire.lost;
    },
  };
}

/** Asks a program for the password of a new session if it has a function for that. */
async function settled(
  host: TargetHost,
  { target, connectTimeoutMs, signal }: Connection,
): Promise<SettledTarget> {
  const { password } = target;
  if (typeof password !== 'function') return { ...target, password };
  try {
    const given = await withDeadline(Promise.resolve().then(password), connectTimeoutMs, signal);
    return { ...target, password: given === undefined || given === null ? null : String(given) };
  } catch (error) {
    const message = `cannot connect to ${describeHost(host)}: the password function failed: ${(error as Error)?.message}`;
    throw new SqlmigError('connection-failed', message, {
      hint: 'the function of the connection is called for each new session',
      cause: error,
    });
  }
}

/** The backend that the protocol announced, the one that answered, and the properties of the server. */
interface Greeting {
  readonly pid: unknown;
  readonly backend: unknown;
  readonly server: Omit<Server, 'host'>;
}

async function greet(wire: Wire, { target, connectTimeoutMs, signal }: Connection): Promise<Greeting> {
  const rows = await withDeadline(wire.answer(wire.message(hello)), connectTimeoutMs, signal);
  const [row] = rows as readonly Row[];
  if (target.readWrite && row?.standby === true) throw new Error('the server is a standby');
  return {
    pid: (rows as unknown as { state?: { pid?: number } }).state?.pid,
    backend: row?.pid,
    server: {
      database: String(row?.database),
      login: String(row?.login),
      version: Number(row?.number),
      isLinux: row?.linux === true,
      isUtf8: row?.encoding === 'UTF8',
      isCitus: row?.citus === true,
      standardStrings: row?.strings === 'on',
      readOnly: row?.standby === true ? 'standby' : row?.reads === true ? 'setting' : null,
    },
  };
}

function messagesOf(wire: Wire, signal: AbortSignal | undefined) {
  return {
    run: (text: string, onRow?: (row: Row) => void, onNotice?: OnNotice) =>
      wire.run(wire.message(text), { onRow, onNotice }),
    runFiles: (text: string, onRow?: (row: Row) => void, onNotice?: OnNotice) =>
      wire.run(wire.message(text), { onRow, onNotice, undo: leftByRollback }),
    async statement(text: string) {
      const query = wire.statement(text);
      const rows = await wire.run(query);
      return { columns: (await query).columns ?? [], rows };
    },
    read(text: string, onRow?: (row: Row) => void): Promise<Row[]> {
      return this.run(`SET LOCAL search_path = ${ownPath};\n${text}`, onRow);
    },
    copyOut: (text: string) => wire.copy(text) as Promise<CopyStream<Readable>>,
    copyIn: (text: string) => wire.copy(text) as Promise<CopyStream<Writable>>,
    cancel: () => wire.cancel(),
    close: () => wire.close(signal),
    abandon: () => wire.abandon(),
  };
}
