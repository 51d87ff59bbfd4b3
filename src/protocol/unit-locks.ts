import { unitStates } from '../errors.ts';
import type { Scope } from '../results.ts';
import { ownPath } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { lockKey, lockObjects } from './keys.ts';
import { pinnedSettings } from './pinned-settings.ts';
import { type Check, refuseIf } from './refusal.ts';
import { searchPath, type UnitContext, type UnitSchema } from './unit-context.ts';

/**
 * Begins a unit's transaction. READ COMMITTED: under a default of REPEATABLE READ the checks would see the state before
 * the lock was got.
 */
export function begin({ ownSession }: Pick<UnitContext, 'ownSession'>): string {
  // A session of our own begins with that path.
  const path = ownSession ? '' : setOwnPath;
  return `START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;\n${path}`;
}

/** Puts our own statements under a path where nobody else's functions and operators are, to the end of the transaction. */
export const setOwnPath = `SET LOCAL search_path = ${ownPath};\n`;

/** Puts a file under the path that files of its schema have, to the end of the transaction. */
export function setFilePath(schema: UnitSchema, context: UnitContext): string {
  return `SET LOCAL search_path = ${searchPath(schema, context)};\n`;
}

/** Names of the columns in which a public unit tells that it waits for the fleet, and that it has waited. */
export const waitingColumn = 'sqlmig_waiting';
export const waitedColumn = 'sqlmig_waited';

/**
 * What a message on a session of our own says before its units, and after each that runs code, whose RESET ALL takes it
 * back; behind a pooler each unit sets all for itself. `doing` shows in pg_stat_activity.
 */
export function prelude(doing: string, context: UnitContext): string {
  if (!context.ownSession) return '';
  return `SET application_name = ${quoteLiteral(applicationName(doing, context))};\n`;
}

/** What pg_stat_activity shows of a session while it does something. */
export function applicationName(doing: string, { runId, host }: UnitContext): string {
  return `sqlmig ${runId} ${doing} ${host}`;
}

/** The key of a schema. */
export function schemaKey({ oid }: UnitSchema): string {
  return lockKey(`(${quoteLiteral(oid ?? '0')}::oid)::int4`);
}

/** The transaction locks of a unit, by try; `own`: the schema's among them. */
export function lockTries(schema: UnitSchema, own = true): Check[] {
  const fleet = `not pg_try_advisory_xact_lock_shared(${lockKey(lockObjects.fleet)})`;
  const key = `not pg_try_advisory_xact_lock(${schemaKey(schema)})`;
  // A public unit has the fleet's already (see `publicLocks`).
  return [
    ...(schema.scope === 'public' ? [] : [[fleet, unitStates.fleetBusy] as const]),
    ...(own ? [[key, unitStates.schemaBusy] as const] : []),
  ];
}

/**
 * Takes the transaction locks of a unit, and then looks at `checks`; `doing` shows in pg_stat_activity.
 * `keeps`: the session takes the schema's key as well, and has it until it lets go (see `release`).
 */
export function locks(
  doing: string,
  schema: UnitSchema,
  context: UnitContext,
  { keeps = false, checks = [] }: { readonly keeps?: boolean; readonly checks?: readonly Check[] } = {},
): string {
  const kept: Check = [`not pg_try_advisory_lock(${schemaKey(schema)})`, unitStates.schemaBusy];
  const before = schema.scope === 'public' ? publicLocks(doing, context) : '';
  const set = settings(doing, schema, context);
  const perform = set.length === 0 ? '' : `perform ${set.join(', ')};`;
  return (
    before +
    refuseIf([...lockTries(schema), ...(keeps ? [kept] : []), ...checks], {
      before: perform,
    })
  );
}

/** Lets go of what a session has kept. */
export const release = 'select pg_advisory_unlock_all();\n';

// Marker first: it proves that no index build of ours runs, so the wait for the fleet cannot meet one (40P01).
// The wait is short and blocking: a queued exclusive waiter makes new shared tries fail, a mere try would starve.
function publicLocks(doing: string, context: UnitContext): string {
  const marker = `not pg_try_advisory_xact_lock(${lockKey(lockObjects.marker)})`;
  const set = [
    setting('statement_timeout', '0'),
    setting('lock_timeout', '2s'),
    setting('application_name', applicationName(doing, context)),
  ];
  return `${refuseIf([[marker, unitStates.schemaBusy]], { before: `perform ${set.join(', ')};` })}select ${quoteLiteral(doing)} as ${waitingColumn};
select pg_advisory_xact_lock(${lockKey(lockObjects.fleet)}) as ${waitedColumn};
`;
}

function setting(name: string, value: string): string {
  return `set_config('${name}', ${quoteLiteral(value)}, true)`;
}

/**
 * What holds in every unit of a scope. A session of our own begins with these and RESET ALL goes back to them; behind a
 * pooler each unit sets them.
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
    // Whether we may write was asked when the run began.
    default_transaction_read_only: 'off',
    // A runner that was killed or cut off must not leave a unit running on (lock-protocol 2.7).
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    ...(checksClient && { client_connection_check_interval: '2s' }),
    ...(scope === 'tenant' && !sync && { synchronous_commit: 'off' }),
  };
}

function settings(doing: string, schema: UnitSchema, context: UnitContext): string[] {
  if (context.ownSession) {
    // The wait for public's lock had another one.
    return schema.scope === 'public' ? [setting('lock_timeout', `${context.lockTimeoutMs}ms`)] : [];
  }
  return [
    setting('application_name', applicationName(doing, context)),
    ...Object.entries(unitSettings(schema.scope, context)).map(([name, value]) => setting(name, value)),
  ];
}
