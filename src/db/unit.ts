import { historyKey } from '../core/plan.ts';
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts';
import { mayChange } from '../core/reach.ts';
import { tenantSearchPath } from '../core/search-path.ts';
import { canonicalVersion } from '../core/version.ts';
import type { HistoryRow, Migration, Scope, Script } from '../model.ts';
import { digestOf, historyTable, selectDigest } from './history.ts';
import { lockKey, lockObjects } from './keys.ts';
import { objectsAsJson, type PublicShape, shapeChanged } from './public-shape.ts';

/** SQLSTATEs that sqlmig's own checks raise inside a message; class "SQ" is used by nobody else. */
export const unitStates = {
  /** Another session holds the schema's key, or public's marker. */
  schemaBusy: 'SQM01',
  /** The history is not the one the plan was made from. */
  historyChanged: 'SQM03',
  /** The schema is gone. */
  schemaMissing: 'SQM04',
  /** The fleet's key is held: a public unit runs or waits; for public, tenant units have not finished within its wait. */
  fleetBusy: 'SQM05',
  /** Public does not hold what this run saw there. */
  publicBehind: 'SQM06',
  /** The file ended the transaction it was in. */
  transactionEnded: 'SQM09',
  /** The structure of the public schema is not what the run saw: the file changed it, or somebody else did. */
  publicChanged: 'SQM10',
  /** The session is not the one that took the locks. */
  lockLost: 'SQM12',
} as const;

/** What all units of a run have in common. */
export interface UnitFrame {
  readonly runId: string;
  readonly host: string;
  readonly appliedBy: string;
  readonly publicSchema: string;
  readonly table: string;
  /** `search_path` of tenant files, as in the config. */
  readonly searchPath: readonly string[];
  /** How long a statement of a file waits for a lock before it gives up (55P03). */
  readonly lockTimeoutMs: number;
  /** Only Linux servers can look whether the client is still there. */
  readonly checksClient: boolean;
}

/** The schema that units are for, as it was when the plan was made. */
export interface UnitSchema {
  readonly schema: string;
  readonly scope: Scope;
  readonly history: readonly HistoryRow[];
  /** Public as the run saw it: the digest of its rows up to a version. `null` where nothing is required. */
  readonly requires: { readonly upTo: string; readonly digest: string } | null;
  /** What the files must leave as it is; `null` where there is nothing to guard. */
  readonly guarded: PublicShape | null;
}

/**
 * Begins a unit's transaction. READ COMMITTED: under a default of REPEATABLE READ the checks would see the state before
 * the lock was got.
 */
export const begin =
  'START TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;\nSET LOCAL statement_timeout = 0;\n';

/**
 * What stands before a file: settings, locks by try, checks, history row, search_path. `expectedRows` is `null` for the
 * first unit after a look, else the number of rows that the history has by now.
 */
export function opening(
  script: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  expectedRows: number | null,
): string {
  return [
    doBlock(`declare ns oid; n bigint;
begin
${settings(historyKey(script.migration), frame)}
${locks(schema, frame)}
${expectedRows === null ? checksOf(schema, frame) : laterChecks(schema, frame, expectedRows)}
${script.migration.version === null ? repeatableCheck(script.migration, schema, frame) : ''}
end`),
    insertRow(script, 'applied', schema, frame),
    // Explicit, and after the row: what the file sees is the tenant, then public.
    `SET LOCAL search_path = ${searchPath(schema, frame)};\n`,
  ].join('');
}

/** PL/pgSQL that takes the transaction locks of a unit; it needs a variable `ns` of type oid. */
export function locks({ schema, scope }: UnitSchema, frame: UnitFrame): string {
  return `${scope === 'public' ? publicLocks(frame) : ''}
  ns := (select oid from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)});
  if ns is null then ${raise(unitStates.schemaMissing, 'the schema does not exist')} end if;
${scope === 'tenant' ? fleetShared : ''}
  if not pg_try_advisory_xact_lock(${lockKey('ns::int4')}) then ${raise(unitStates.schemaBusy, 'another run is at work in this schema')} end if;
  if ns is distinct from (select oid from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)}) then
    ${raise(unitStates.schemaBusy, 'the schema was replaced by another of its name')}
  end if;`;
}

/** The settings of a unit; `doing` shows in pg_stat_activity. */
export function settings(doing: string, { runId, host, lockTimeoutMs, checksClient }: UnitFrame): string {
  const values: [string, string][] = [
    ['application_name', `sqlmig ${runId} ${doing} ${host}`],
    ['lock_timeout', `${lockTimeoutMs}ms`],
    ['idle_in_transaction_session_timeout', '0'],
    // A runner that was killed or cut off must not leave a unit running on (lock-protocol 2.7).
    ['tcp_keepalives_idle', '10'],
    ['tcp_keepalives_interval', '5'],
    ['tcp_keepalives_count', '3'],
    ...(checksClient ? [['client_connection_check_interval', '2s'] as [string, string]] : []),
  ];
  const calls = values.map(([name, value]) => `set_config('${name}', ${quoteLiteral(value)}, true)`);
  return `  perform ${calls.join(', ')};`;
}

// Marker first: it proves that no index build of ours runs, so the wait for the fleet cannot meet one (40P01).
// The wait is short and blocking: a queued exclusive waiter makes new shared tries fail, a mere try would starve.
function publicLocks({ lockTimeoutMs }: UnitFrame): string {
  return `  if not pg_try_advisory_xact_lock(${lockKey(lockObjects.marker)}) then ${raise(unitStates.schemaBusy, 'another run is at work in public')} end if;
  begin
    perform set_config('lock_timeout', '2s', true);
    perform pg_advisory_xact_lock(${lockKey(lockObjects.fleet)});
    perform set_config('lock_timeout', '${lockTimeoutMs}ms', true);
  exception when lock_not_available then
    ${raise(unitStates.fleetBusy, 'tenant migrations must finish first')}
  end;`;
}

const fleetShared = `  if not pg_try_advisory_xact_lock_shared(${lockKey(lockObjects.fleet)}) then
    ${raise(unitStates.fleetBusy, 'public is being migrated')}
  end if;`;

/** The checks on history and public that a look is still true. */
export function checksOf(
  { schema, history, requires }: UnitSchema,
  { publicSchema, table }: UnitFrame,
): string {
  const own = selectDigest(historyTable(schema, table));
  const required =
    requires === null
      ? ''
      : `  if (${selectDigest(historyTable(publicSchema, table), `version <= ${canonicalVersion(requires.upTo)}`)}) <> ${quoteLiteral(requires.digest)} then
    ${raise(unitStates.publicBehind, 'public is behind')}
  end if;
`;
  return `${required}  if (${own}) <> ${quoteLiteral(digestOf(history))} then ${raise(unitStates.historyChanged, 'the history changed since it was read')} end if;`;
}

// Between two units of a message another run may take a turn; it can only have added rows or begun one.
function laterChecks({ schema }: UnitSchema, { table }: UnitFrame, rows: number): string {
  return `  n := (select count(*) + count(*) filter (where state <> 'applied') from ${historyTable(schema, table)});
  if n <> ${rows} then ${raise(unitStates.historyChanged, 'the history changed since it was read')} end if;`;
}

// A repeatable that runs again adds no row, so its turn is known by the checksum that it replaces.
function repeatableCheck(
  migration: Migration,
  { schema, history }: UnitSchema,
  { table }: UnitFrame,
): string {
  const planned = history.find((row) => historyKey(row) === historyKey(migration))?.checksum;
  return `  if (select checksum from ${historyTable(schema, table)} where ${rowOf(migration)}) is distinct from ${planned === undefined ? 'null' : quoteLiteral(planned)} then
    ${raise(unitStates.historyChanged, 'the history changed since it was read')}
  end if;`;
}

/** Writes a script's history row. */
export function insertRow(
  { migration, statements }: Script,
  state: HistoryRow['state'],
  { schema, scope }: UnitSchema,
  frame: UnitFrame,
): string {
  const { version, name, checksum } = migration;
  const values = [
    version === null ? 'null' : canonicalVersion(version),
    ...[name, checksum, frame.appliedBy, frame.runId, state, scope].map(quoteLiteral),
    statements.length,
    state === 'applied' ? statements.length : 0,
  ];
  const columns = 'version, name, checksum, applied_by, run_id, state, scope, statements, done_statements';
  const again = ` on conflict (name) where version is null do update set checksum = excluded.checksum,
  applied_at = excluded.applied_at, applied_by = excluded.applied_by, run_id = excluded.run_id,
  state = excluded.state, statements = excluded.statements, done_statements = excluded.done_statements`;
  return `insert into ${historyTable(schema, frame.table)} (${columns}) values (${values.join(', ')})${version === null ? again : ''};\n`;
}

/** What `search_path` is in a file. */
export function searchPath({ schema, scope }: UnitSchema, frame: UnitFrame): string {
  const { publicSchema } = frame;
  return scope === 'public'
    ? quoteIdentifier(publicSchema)
    : tenantSearchPath(frame.searchPath, schema, publicSchema);
}

/** What of public a script may change, by what its text says; `null` where there is nothing to check. */
export function guardOf(script: Script, { guarded }: UnitSchema): PublicShape | null {
  if (guarded === null || script.allowsPublic) return null;
  return script.statements.some(({ reach }) => mayChange(reach, guarded.names)) ? guarded : null;
}

// What outlives a transaction although nothing asked for it to be kept.
const leftovers: Readonly<Record<string, string>> = {
  PrepareStmt: 'DEALLOCATE ALL;\n',
  DeclareCursorStmt: 'CLOSE ALL;\n',
  ListenStmt: 'UNLISTEN *;\n',
};

/** SQL condition for a migration's row in a history. */
export function rowOf({ version, name }: Migration): string {
  return version === null
    ? `version is null and name = ${quoteLiteral(name)}`
    : `version = ${canonicalVersion(version)}`;
}

/** What stands after a file: resets and the guard. */
export function closing(script: Script, schema: UnitSchema, frame: UnitFrame): string {
  const { migration, statements } = script;
  const guard = guardOf(script, schema);
  const kinds = new Set(statements.map((statement) => statement.kind));
  const table = historyTable(schema.schema, frame.table);
  return [
    // A file may end in a comment or without a semicolon. Deferred constraints speak here, not at COMMIT.
    '\n;\nSET CONSTRAINTS ALL IMMEDIATE;\n',
    ...[...kinds].map((kind) => leftovers[kind] ?? ''),
    'RESET ALL;\nRESET SESSION AUTHORIZATION;\nRESET ROLE;\nDISCARD TEMP;\n',
    // The guard: the row was written by this very transaction, or the file has ended that one.
    doBlock(`begin
  perform pg_advisory_unlock_all();
  update ${table} set duration_ms = least(extract(epoch from clock_timestamp() - applied_at) * 1000, 2147483647)
  where ${rowOf(migration)} and xmin = pg_current_xact_id()::xid;
  if not found then ${raise(unitStates.transactionEnded, 'the file ends the transaction it runs in, or changes its own history row')} end if;
${guard === null ? '' : scopeCheck(guard, frame)}
end`),
  ].join('');
}

/** PL/pgSQL that refuses what changed the public schema; the detail is what is there now (see `objectsAsJson`). */
function scopeCheck(shape: PublicShape, { publicSchema }: UnitFrame): string {
  return `  if ${shapeChanged(publicSchema, shape)} then
    raise exception using errcode = '${unitStates.publicChanged}', message = 'public was changed', detail = ${objectsAsJson(publicSchema)};
  end if;`;
}

/** Selects what this run recorded in a schema, all of it or one migration, as `sqlmig_key` and `sqlmig_ms`. */
export function recorded({ schema }: UnitSchema, { runId, table }: UnitFrame, only?: Migration): string {
  const key = `coalesce(version::text, 'R__' || name)`;
  const which = only === undefined ? '' : ` and ${key} = ${quoteLiteral(historyKey(only))}`;
  return `select ${key} as sqlmig_key, duration_ms as sqlmig_ms
from ${historyTable(schema, table)} where run_id = ${quoteLiteral(runId)}${which};\n`;
}

/** A DO statement, whatever its body holds. */
export function doBlock(body: string): string {
  return `DO ${quoteLiteral(body)};\n`;
}

/** PL/pgSQL that raises one of `unitStates`. */
export function raise(state: string, message: string): string {
  return `raise exception using errcode = '${state}', message = '${message}';`;
}
