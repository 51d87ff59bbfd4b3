import { SqlmigError, sqlstates } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import type { Config } from '../project/config.ts';
import { type Caller, newRunId } from '../run/caller.ts';
import { createConnectRetry } from '../run/connect-retry.ts';
import { isServerError } from '../server/server-error.ts';
import { connectTimeoutOf, openSession, type Session } from '../server/session.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';

/** A database of a config, whether it exists or not, and a session in another database of its server. */
export interface FoundDatabase {
  /** Its name on the server. */
  readonly name: string;
  readonly host: string;
  /** `null` if it does not exist. */
  readonly contents: { readonly bytes: number | null; readonly sessions: number } | null;
  readonly admin: Session;
}

// Every server has these, unless they were dropped.
const maintenance = ['postgres', 'template1'] as const;

/**
 * Looks for the database of a config from another database of the server, past a pooler if there is a direct URL.
 * @throws SqlmigError `connection-failed`, `login-refused`, `interrupted`; `bad-usage` for the server's own databases.
 */
export async function withDatabase<T>(
  { database, waitMs }: Config,
  { emit, signal, runId = newRunId() }: Caller,
  work: (found: FoundDatabase) => Promise<T>,
): Promise<T> {
  const target = database.directTarget ?? database.target;
  const retrying = createConnectRetry(signal, waitMs, (message) => emit({ type: 'warning', message }));
  const open = (other: string) =>
    openSession({
      target: { ...target, database: other },
      applicationName: `sqlmig ${runId}`,
      connectTimeoutMs: connectTimeoutOf(target),
      signal,
    });
  const [first, second] = maintenance;
  const admin = await retrying(
    () => open(first).catch((error: unknown) => (isAbsent(error) ? open(second) : Promise.reject(error))),
    true,
  );
  try {
    const { host, login } = admin.server;
    const name = target.database ?? login;
    if ([...maintenance, 'template0'].includes(name))
      throw new SqlmigError('bad-usage', `${name} is a database of PostgreSQL itself`, {
        state: 'nothing was touched',
        hint: 'name the database of the application in the URL',
      });
    const [row] =
      await admin.read(`select case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid) end::text as bytes,
  (select count(*)::int from pg_stat_activity a where a.datid = d.oid) as sessions
from pg_database d where datname = ${quoteLiteral(name)}`);
    const bytes = row?.bytes === null ? null : Number(row?.bytes);
    const contents = row === undefined ? null : { bytes, sessions: Number(row.sessions) };
    return await work({ name, host, contents, admin });
  } catch (error) {
    throw asSqlmigError(error);
  } finally {
    await admin.close();
  }
}

/** Creates a database. Returns false if another session has created it. */
export async function createDatabase({ name, admin }: FoundDatabase): Promise<boolean> {
  try {
    await admin.run(`CREATE DATABASE ${quoteIdentifier(name)}`);
    return true;
  } catch (error) {
    if (!isServerError(error)) throw error;
    const states: string[] = [sqlstates.duplicateDatabase, sqlstates.uniqueViolation];
    if (states.includes(error.code)) return false;
    if (error.code !== sqlstates.insufficientPrivilege) throw error;
    throw refused(error, `run as a superuser: ALTER ROLE ${quoteIdentifier(admin.server.login)} CREATEDB`);
  }
}

/** Drops a database. Returns false if it no longer exists. */
export async function dropDatabase({ name, admin }: FoundDatabase): Promise<boolean> {
  try {
    await admin.run(`DROP DATABASE ${quoteIdentifier(name)}`);
    return true;
  } catch (error) {
    if (!isServerError(error)) throw error;
    if (error.code === sqlstates.invalidCatalogName) return false;
    if (error.code !== sqlstates.objectInUse) throw error;
    const detail = error.detail === undefined ? '' : `: ${error.detail}`;
    throw refused({ ...error, message: `${error.message}${detail}` }, 'stop what is connected to it');
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof SqlmigError && error.details.sqlstate === sqlstates.invalidCatalogName;
}

function refused({ message, code }: { readonly message: string; readonly code: string }, hint: string) {
  return new SqlmigError('server-refused', message, { sqlstate: code, state: 'nothing was changed', hint });
}
