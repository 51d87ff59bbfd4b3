import { historyKey } from '../core/plan.ts';
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts';
import { mayChange } from '../core/reach.ts';
import { tenantSearchPath } from '../core/search-path.ts';
import { canonicalVersion } from '../core/version.ts';
import type { HistoryRow, Migration, Scope, Script } from '../model.ts';
import { historyTable, selectDigest } from './history.ts';
import { lockKey, lockObjects } from './keys.ts';
import { objectsAsJson, type PublicShape, shapeChanged } from './public-shape.ts';
import { raise, refuse, unitStates } from './refusal.ts';

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
  /** Wait for the disk at each tenant's commit; else one flush at the end of a run is for all. */
  readonly sync: boolean;
  /** The session begins with `unitSettings`. */
  readonly ownSession: boolean;
}

/** The schema that units are for, as it was when the plan was made. */
export interface UnitSchema {
  readonly schema: string;
  /** OID of the schema, which its lock is named by; `null` before it is created. */
  readonly oid: string | null;
  readonly scope: Scope;
  readonly history: readonly HistoryRow[];
  /** The digest of the history as the server gave it; `null` where only its rows are known. */
  readonly digest: string | null;
  /** Public as the run saw it: the digest of its rows up to a version. `null` where nothing is required. */
  readonly requires: { readonly upTo: string; readonly digest: string } | null;
  /** What the files must leave as it is; `null` where there is nothing to guard. */
  readonly guarded: PublicShape | null;
}

/**
 * Begins a unit's transaction. READ COMMITTED: under a default of REPEATABLE READ the checks would see the state before
 * the lock was got.
 */
export const begin = 'START TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;\n';

/** Names of the columns in which a unit tells that it waits for its locks (public only), and that it has them. */
export const waitingColumn = 'sqlmig_waiting';
export const begunColumn = 'sqlmig_begun';

/**
 * What stands before a file: settings, locks by try, checks, history row. All of it plain statements: each sees what
 * was committed before the lock was got. `expectedRows` is `null` for the first unit after a look, else the number of
 * rows that the history has by now.
 */
export function opening(
  script: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  expectedRows: number | null,
): string {
  return [
    locks(historyKey(script.migration), schema, frame),
    insertRow(script, 'applied', schema, frame, checks(script, schema, frame, expectedRows)),
  ].join('');
}

/** Takes the transaction locks of a unit and gives a row with `begunColumn`; `doing` shows in pg_stat_activity. */
export function locks(doing: string, schema: UnitSchema, frame: UnitFrame): string {
  const key = lockKey(`(${quoteLiteral(schema.oid ?? '0')}::oid)::int4`);
  const tries =
    schema.scope === 'public'
      ? `when not pg_try_advisory_xact_lock(${key}) then ${refuse(unitStates.schemaBusy)}`
      : `when not pg_try_advisory_xact_lock_shared(${lockKey(lockObjects.fleet)}) then ${refuse(unitStates.fleetBusy)}
  when not pg_try_advisory_xact_lock(${key}) then ${refuse(unitStates.schemaBusy)}`;
  const before = schema.scope === 'public' ? publicLocks(doing, frame) : '';
  return `${before}select ${settings(doing, schema, frame)}, case ${tries} end, ${quoteLiteral(doing)} as ${begunColumn};\n`;
}

// Marker first: it proves that no index build of ours runs, so the wait for the fleet cannot meet one (40P01).
// The wait is short and blocking: a queued exclusive waiter makes new shared tries fail, a mere try would starve.
function publicLocks(doing: string, { runId, host }: UnitFrame): string {
  const application = quoteLiteral(`sqlmig ${runId} ${doing} ${host}`);
  return `select ${setting('statement_timeout', '0')}, ${setting('lock_timeout', '2s')}, set_config('application_name', ${application}, true),
  case when not pg_try_advisory_xact_lock(${lockKey(lockObjects.marker)}) then ${refuse(unitStates.schemaBusy)} end,
  ${quoteLiteral(doing)} as ${waitingColumn};
select pg_advisory_xact_lock(${lockKey(lockObjects.fleet)});
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
  { lockTimeoutMs, checksClient, sync }: UnitFrame,
): Readonly<Record<string, string>> {
  return {
    statement_timeout: '0',
    lock_timeout: `${lockTimeoutMs}ms`,
    idle_in_transaction_session_timeout: '0',
    // A runner that was killed or cut off must not leave a unit running on (lock-protocol 2.7).
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    ...(checksClient && { client_connection_check_interval: '2s' }),
    ...(scope === 'tenant' && !sync && { synchronous_commit: 'off' }),
  };
}

function settings(doing: string, schema: UnitSchema, frame: UnitFrame): string {
  const { runId, host } = frame;
  return [
    setting('application_name', `sqlmig ${runId} ${doing} ${host}`),
    setting('search_path', searchPath(schema, frame)),
    ...(frame.ownSession
      ? []
      : Object.entries(unitSettings(schema.scope, frame)).map(([name, value]) => setting(name, value))),
    // The wait for public's lock had another one.
    ...(frame.ownSession && schema.scope === 'public'
      ? [setting('lock_timeout', `${frame.lockTimeoutMs}ms`)]
      : []),
  ].join(', ');
}

/** SQL condition that a look is still true, evaluated under the locks; it refuses where it is not. */
function checks(
  { migration }: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  expectedRows: number | null,
): string {
  const table = historyTable(schema.schema, frame.table);
  const planned = schema.history.find((row) => historyKey(row) === historyKey(migration))?.checksum;
  const whens = [
    ...(expectedRows === null ? lookIsTrue(schema, frame) : [rowsAre(table, expectedRows)]),
    // A repeatable that runs again adds no row, so its turn is known by the checksum that it replaces.
    ...(migration.version === null
      ? [
          `when (select checksum from ${table} where ${rowOf(migration)}) is distinct from ${planned === undefined ? 'null' : quoteLiteral(planned)} then ${refuse(unitStates.historyChanged)}`,
        ]
      : []),
  ];
  return `case ${whens.join('\n  ')} else 1 end = 1`;
}

/** The branches of a CASE that refuse where schema, public or history are not as they were seen. */
function lookIsTrue(schema: UnitSchema, { publicSchema, table }: UnitFrame): string[] {
  const { requires, digest, history } = schema;
  const own = historyTable(schema.schema, table);
  const name = quoteLiteral(quoteIdentifier(schema.schema));
  const shared =
    requires === null
      ? []
      : [
          `when (${selectDigest(historyTable(publicSchema, table), `version <= ${canonicalVersion(requires.upTo)}`)}) <> ${quoteLiteral(requires.digest)} then ${refuse(unitStates.publicBehind)}`,
        ];
  return [
    // Dropped and made anew between look and lock: the lock is not the one of the schema that has the name now.
    `when to_regnamespace(${name})::oid is distinct from ${quoteLiteral(schema.oid ?? '0')}::oid then ${refuse(unitStates.schemaMissing)}`,
    ...shared,
    digest === null
      ? rowsAre(own, history.length)
      : `when (${selectDigest(own)}) <> ${quoteLiteral(digest)} then ${refuse(unitStates.historyChanged)}`,
  ];
}

// Between two units of a message another run may take a turn; it can only have added rows or begun one.
function rowsAre(table: string, rows: number): string {
  return `when (select count(*) + count(*) filter (where state <> 'applied') from ${table}) <> ${rows} then ${refuse(unitStates.historyChanged)}`;
}

/** A statement that refuses where a look is not true any more. */
export function checkLook(schema: UnitSchema, frame: UnitFrame): string {
  return `select case ${lookIsTrue(schema, frame).join('\n  ')} end;\n`;
}

/** Writes a script's history row, where a condition holds. */
export function insertRow(
  { migration, statements }: Script,
  state: HistoryRow['state'],
  { schema, scope }: UnitSchema,
  frame: UnitFrame,
  condition = 'true',
): string {
  const { version, name, checksum } = migration;
  const values = [
    version === null ? 'null::bigint' : canonicalVersion(version),
    ...[name, checksum, frame.appliedBy, frame.runId, state, scope].map(quoteLiteral),
    statements.length,
    state === 'applied' ? statements.length : 0,
  ];
  const columns = 'version, name, checksum, applied_by, run_id, state, scope, statements, done_statements';
  const again = ` on conflict (name) where version is null do update set checksum = excluded.checksum,
  applied_at = excluded.applied_at, applied_by = excluded.applied_by, run_id = excluded.run_id, duration_ms = 0,
  state = excluded.state, statements = excluded.statements, done_statements = excluded.done_statements`;
  return `insert into ${historyTable(schema, frame.table)} (${columns}) select ${values.join(', ')} where ${condition}${version === null ? again : ''};\n`;
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

/** True where a script runs code, or says what outlives it: after the others nothing needs to be reset or proved. */
function runsCode({ statements }: Script): boolean {
  return statements.some(({ reach }) => reach.opaque);
}

/** What stands after a file: resets and the guards; `thorough` looks at all of public. */
export function closing(script: Script, schema: UnitSchema, frame: UnitFrame, thorough = false): string {
  const { migration, statements } = script;
  const shape = guardOf(script, schema);
  const kinds = new Set(statements.map((statement) => statement.kind));
  const row = `${historyTable(schema.schema, frame.table)} where ${rowOf(migration)}`;
  return [
    // A file may end in a comment or without a semicolon.
    '\n;\n',
    ...[...kinds].map((kind) => leftovers[kind] ?? ''),
    ...(runsCode(script)
      ? [
          // Deferred constraints speak here, not at COMMIT.
          'SET CONSTRAINTS ALL IMMEDIATE;\nRESET ALL;\nRESET SESSION AUTHORIZATION;\nRESET ROLE;\nDISCARD TEMP;\n',
          // The guard: the row was written by this very transaction, or the file has ended that one.
          `select pg_advisory_unlock_all(), case when not exists (select from ${row} and xmin = pg_current_xact_id()::xid)
  then ${refuse(unitStates.transactionEnded)} end;\n`,
        ]
      : []),
    ...(shape === null ? [] : [scopeCheck(shape, frame, thorough)]),
  ].join('');
}

/**
 * Refuses what may have changed the public schema, by two quick looks; a unit that they refuse is sent again with
 * `thorough`, and is refused for certain then, with what is there now as detail (see `objectsAsJson`).
 */
function scopeCheck(shape: PublicShape, { publicSchema }: UnitFrame, thorough: boolean): string {
  const { quick, certain } = shapeChanged(publicSchema, shape);
  if (!thorough) return `select case when ${quick} then ${refuse(unitStates.publicSuspect)} end;\n`;
  return doBlock(`begin
  if ${certain} then ${raise(unitStates.publicChanged, objectsAsJson(publicSchema))} end if;
end`);
}

/**
 * Notes how long the migrations of this run took in a schema, each until the next one began; before the commit of the
 * last one.
 */
export function durations({ schema }: UnitSchema, { runId, table }: UnitFrame): string {
  const own = historyTable(schema, table);
  return `update ${own} h set duration_ms = d.ms from (select ctid as at, least(extract(epoch from
    coalesce(lead(applied_at) over (order by applied_at), clock_timestamp()) - applied_at) * 1000, 2147483647)::int as ms
  from ${own} where run_id = ${quoteLiteral(runId)}) d where h.ctid = d.at and h.duration_ms = 0;\n`;
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
