import type { Scope } from '../results.ts';
import { ownPath } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { pinnedSettings } from './pinned-settings.ts';
import { searchPath, type UnitContext, type UnitSchema } from './unit-context.ts';

/**
 * Begins a unit's transaction. READ COMMITTED, because under REPEATABLE READ the checks would see the state from before
 * the locks were granted (docs/lock-protocol.md, One transaction).
 */
export function begin({ ownSession }: Pick<UnitContext, 'ownSession'>): string {
  // A session of our own already starts with this search_path.
  const path = ownSession ? '' : setOwnPath;
  return `START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;\n${path}`;
}

/** Lets the server end a transaction that waits for a message, if a suspended runner does not continue it. */
export const limitIdle = `SET LOCAL idle_in_transaction_session_timeout = '10s';\n`;

/** Ends a transaction. */
export const commit = 'COMMIT;\n';

/** Sets the search_path of sqlmig's own statements, which keeps functions and operators of users out of them. */
export const setOwnPath = `SET LOCAL search_path = ${ownPath};\n`;

/** Sets the search_path of a file, to the end of the transaction. */
export function setFilePath(schema: UnitSchema, context: UnitContext): string {
  return `SET LOCAL search_path = ${searchPath(schema, context)};\n`;
}

/**
 * Sets what a session of our own needs before its units, and again after each unit that runs code, because that unit's
 * RESET ALL undoes it. Behind a pooler every unit sets everything itself. `activity` is shown by pg_stat_activity.
 */
export function prelude(activity: string, context: UnitContext): string {
  if (!context.ownSession) return '';
  return `SET application_name = ${quoteLiteral(applicationName(activity, context))};\n`;
}

/** The application_name of a session during an activity. */
export function applicationName(activity: string, { runId, host }: UnitContext): string {
  return `sqlmig ${runId} ${activity} ${host}`;
}

/**
 * The settings of every unit of a scope. A session of our own starts with them, and RESET ALL returns to them; behind a
 * pooler each unit sets them itself.
 */
export function unitSettings(
  scope: Scope,
  { lockTimeoutMs, checksClient, limitsTransactions, sync }: UnitContext,
): Readonly<Record<string, string>> {
  return {
    ...pinnedSettings,
    statement_timeout: '0',
    lock_timeout: `${lockTimeoutMs}ms`,
    idle_in_transaction_session_timeout: '0',
    idle_session_timeout: '0',
    ...(limitsTransactions && { transaction_timeout: '0' }),
    // The run has already checked that the server accepts writes.
    default_transaction_read_only: 'off',
    // The server must notice a dead runner and roll its unit back (docs/lock-protocol.md, When a runner dies).
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    ...(checksClient && { client_connection_check_interval: '2s' }),
    ...(scope === 'tenant' && !sync && { synchronous_commit: 'off' }),
  };
}

/** PL/pgSQL that sets what a unit needs and its session does not have yet; empty if there is nothing to set. */
export function performSettings(activity: string, schema: UnitSchema, context: UnitContext): string {
  if (!context.ownSession) {
    const values = {
      application_name: applicationName(activity, context),
      ...unitSettings(schema.scope, context),
    };
    return performSet(values);
  }
  // Waiting for the fleet key needed another lock_timeout (see `publicLocks`).
  return schema.scope === 'public' ? performSet({ lock_timeout: `${context.lockTimeoutMs}ms` }) : '';
}

/** PL/pgSQL that sets values to the end of the transaction. */
export function performSet(values: Readonly<Record<string, string>>): string {
  const calls = Object.entries(values).map(
    ([name, value]) => `set_config('${name}', ${quoteLiteral(value)}, true)`,
  );
  return `perform ${calls.join(', ')};`;
}
