import postgres from 'postgres';
import { type ConnectionTarget, describeHost, type TargetHost } from '../core/connection-string.ts';
import type { ServerNotice } from '../core/notice.ts';
import { SqlmigError, sqlstates } from '../errors.ts';
import { type ClientOptions, clientOptions, withVariable } from './client-options.ts';
import { isServerError } from './server-error.ts';

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
}

/** Takes what a server says that is no error. */
export type OnNotice = (notice: ServerNotice) => void;

// It runs before any path can be set, so each name says where it is.
const hello = `select pg_catalog.pg_backend_pid() as pid, pg_catalog.current_database() as database, session_user as login,
  pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as number,
  pg_catalog.version() operator(pg_catalog.~*) 'linux'::pg_catalog.text as linux, pg_catalog.pg_is_in_recovery() as standby,
  pg_catalog.current_setting('standard_conforming_strings') as strings`;

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
  let hears = onNotice;
  let whenClosed = () => {};
  const closed = new Promise<never>((_, reject) => {
    whenClosed = () => reject(new Error('the server closed the connection'));
  });
  closed.catch(() => {});
  const options = await clientOptions(connection.target, host);
  const client = createClient(
    connection,
    options,
    (notice) => hears(notice),
    () => {
      lost = true;
      whenClosed();
    },
  );

  const abandon = () => {
    lost = true;
    // A plain end() hangs after ECONNRESET (porsager/postgres#1130).
    client.end({ timeout: 0 }).catch(() => {});
  };
  const send = async (
    text: string,
    onRow?: (row: Row) => void,
    other = onNotice,
    query = client.unsafe(text).simple(),
  ) => {
    if (lost) throw new SessionLost('the session is gone');
    if (running !== null) throw new Error('one message at a time');
    running = query as unknown as Cancellable;
    hears = other;
    try {
      const rows: Row[] = [];
      const take = onRow ?? ((row: Row) => void rows.push(row));
      await query.forEach(take);
      return rows;
    } catch (error) {
      if (isServerError(error)) throw error;
      abandon();
      throw new SessionLost(error instanceof Error ? error.message : String(error), { cause: error });
    } finally {
      running = null;
      hears = onNotice;
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
    // A server that accepts and closes would be asked again without end (porsager/postgres#1193).
    const rows = await withDeadline(Promise.race([query, closed]), connection.connectTimeoutMs);
    greeting = rows[0];
    if (connection.target.readWrite && greeting?.standby === true) throw new Error('the server is a standby');
    pid = (rows as unknown as { state?: { pid?: number } }).state?.pid;
  } catch (error) {
    abandon();
    throw connectError(error, describeHost(host));
  }

  const session: Session = {
    hasSettings: connection.settings !== undefined && pid === greeting?.pid,
    pooled: pid !== greeting?.pid || connection.target.saysPooled,
    server: {
      host: describeHost(host),
      database: String(greeting?.database),
      login: String(greeting?.login),
      version: Number(greeting?.number),
      isLinux: greeting?.linux === true,
      standardStrings: greeting?.strings === 'on',
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
      void Promise.resolve(running?.canceller?.(running)).catch(() => {});
    },
    async close() {
      if (lost) return;
      lost = true;
      await withDeadline(client.end({ timeout: 2 }), 3_000).catch(abandon);
    },
  };
  return session;
}

function createClient(
  { target, applicationName, connectTimeoutMs, settings }: Connection,
  server: ClientOptions,
  onNotice: OnNotice,
  onClose: () => void,
) {
  const options: postgres.Options<Record<string, never>> = {
    ...server,
    max: 1,
    prepare: false,
    fetch_types: false,
    // The default reconnects between two queries after 30 to 60 minutes: a session's locks and settings would be gone.
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: Math.max(1, Math.ceil(connectTimeoutMs / 1000)),
    connection: { application_name: applicationName, ...target.startup, ...settings },
    onnotice: ({ severity = 'NOTICE', code = '', message = '', where, routine }) =>
      onNotice({ severity, code, message, ...(where && { where }), ...(routine && { routine }) }),
    onclose: onClose,
  };
  Object.assign(options, { max_pipeline: 0 });
  // The driver would obey the variable beside us, and fails on values that it does not know.
  return withVariable('PGTARGETSESSIONATTRS', null, () => postgres(options));
}

async function withDeadline<T>(promise: PromiseLike<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

function connectError(error: unknown, where: string): SqlmigError {
  if (error instanceof SqlmigError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const refused: string[] = [sqlstates.invalidPassword, sqlstates.invalidAuthorization];
  if (code !== undefined && refused.includes(code)) {
    return new SqlmigError('login-refused', `${where} refused the login: ${message}`, {
      sqlstate: code,
      hint: 'check user and password of the URL, and pg_hba.conf of the server',
      cause: error,
    });
  }
  const isState = error instanceof postgres.PostgresError;
  return new SqlmigError('connection-failed', `cannot connect to ${where}: ${message}`, {
    sqlstate: isState ? code : undefined,
    hint:
      code === sqlstates.invalidCatalogName
        ? 'create the database first; sqlmig does not'
        : hintFor(message ?? '', code),
    cause: error,
  });
}

function hintFor(message: string, code: string | undefined): string {
  if (/secure TLS|SSL|TLS|certificate|self.signed/i.test(message)) {
    return 'the server and sslmode do not agree: sslmode=disable does without TLS, require does not check certificates, verify-full needs sslrootcert for your own authority';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'check the host of the URL; --wait 60s waits for it';
  return 'check that the server is up and the URL is right; --wait 60s waits for it';
}
