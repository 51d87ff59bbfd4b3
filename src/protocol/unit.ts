import { unitStates } from '../errors.ts';
import { historyTable, selectDigest } from '../history/history.ts';
import type { HistoryRow } from '../history/row.ts';
import { historyKey } from '../project/order.ts';
import { canonicalVersion } from '../project/version.ts';
import type { Row } from '../server/session.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { mentions } from '../sql/reach.ts';
import { sharedKeyTry } from './catalogue-key.ts';
import { cataloguesTell, isWrittenHere, lockEvidence, locksTell, rowsTell, scrutinyOf } from './guard.ts';
import { type Check, holds, refuseIf } from './refusal.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { locks, lockTries, schemaKey, setOwnPath } from './unit-locks.ts';

/** What a unit may take for granted. */
export type Precondition =
  /** A look: it is checked under the locks. `keeps`: the session keeps the schema's key beyond the unit. */
  | { readonly kind: 'read'; readonly keeps: boolean }
  /** The unit before it in the message, after which others may have had a turn; so many rows there are by now. */
  | { readonly kind: 'turn'; readonly rows: number }
  /** The session has kept the schema's key since the look. */
  | { readonly kind: 'kept' };

/**
 * What stands before a file: settings, locks by try, checks, history row. The locks come before what is checked, so that
 * the checks see what was committed before the locks were got; only where the schema's key was kept there is nothing to
 * check, and the row takes the other locks along.
 */
export function opening(
  script: Script,
  schema: UnitSchema,
  context: UnitContext,
  precondition: Precondition,
): string {
  const shared = sharedKeyTry(script, schema);
  if (precondition.kind === 'kept') {
    const checks = [
      ...shared,
      ...lockTries(schema, runsCode(script)),
      ...turnIsLost(script, schema, context),
    ];
    return insertRow(script, 'applied', schema, context, holds(checks));
  }
  const keeps = precondition.kind === 'read' && precondition.keeps;
  const checks = [
    ...shared,
    ...(precondition.kind === 'read'
      ? hasChanged(schema, context)
      : [rowsAreNot(precondition.rows, schema, context)]),
    ...turnIsLost(script, schema, context),
  ];
  const doing = historyKey(script.migration);
  return locks(doing, schema, context, { keeps, checks }) + insertRow(script, 'applied', schema, context);
}

/** A repeatable that runs again adds no row, so its turn is known by the checksum that it replaces. */
function turnIsLost({ migration }: Script, { schema, history }: UnitSchema, { table }: UnitContext): Check[] {
  if (migration.version !== null) return [];
  const planned = history.find((row) => historyKey(row) === historyKey(migration))?.checksum;
  const own = `select checksum from ${historyTable(schema, table)} where ${rowOf(migration)}`;
  const condition = `(${own}) is distinct from ${planned === undefined ? 'null' : quoteLiteral(planned)}`;
  return [[condition, unitStates.historyChanged]];
}

/** Schema, public or history are not as they were seen. */
function hasChanged(schema: UnitSchema, { publicSchema, table }: UnitContext): Check[] {
  const { requires, digest, history } = schema;
  const own = historyTable(schema.schema, table);
  const name = quoteLiteral(quoteIdentifier(schema.schema));
  const shared = (upTo: string) =>
    selectDigest(historyTable(publicSchema, table), `version <= ${canonicalVersion(upTo)}`);
  return [
    // Dropped and made anew between look and lock: the lock is not the one of the schema that has the name now.
    [
      `to_regnamespace(${name})::oid is distinct from ${quoteLiteral(schema.oid ?? '0')}::oid`,
      unitStates.schemaMissing,
    ],
    ...(requires === null
      ? []
      : [
          [
            `(${shared(requires.upTo)}) <> ${quoteLiteral(requires.digest)}`,
            unitStates.publicBehind,
          ] as const,
        ]),
    digest === null
      ? rowsAreNot(history.length, schema, { table })
      : [`(${selectDigest(own)}) <> ${quoteLiteral(digest)}`, unitStates.historyChanged],
  ];
}

// Between two units of a message another run may take a turn; it can only have added rows or begun one.
function rowsAreNot(
  rows: number,
  { schema, history }: UnitSchema,
  { table }: Pick<UnitContext, 'table'>,
): Check {
  const begun = history.filter(({ state }) => state !== 'applied').length;
  const count = `(select count(*) + count(*) filter (where state <> 'applied') from ${historyTable(schema, table)})`;
  return [`${count} <> ${rows + begun}`, unitStates.historyChanged];
}

/** A statement that refuses where a look is not true any more. */
export function checkUnchanged(schema: UnitSchema, context: UnitContext): string {
  return refuseIf(hasChanged(schema, context));
}

/** Name of the column in which a unit tells, right before its file, the history key of its migration. */
export const begunColumn = 'sqlmig_begun';

/** Writes a script's history row, where a condition holds, and tells that its file begins. */
export function insertRow(
  { migration, statements }: Script,
  state: HistoryRow['state'],
  schema: UnitSchema,
  context: UnitContext,
  condition = 'true',
): string {
  const { version, name, checksum } = migration;
  const values = [
    version === null ? 'null::bigint' : canonicalVersion(version),
    ...[name, checksum, context.appliedBy, context.runId, state, schema.scope].map(quoteLiteral),
    statements.length,
    state === 'applied' ? statements.length : 0,
  ];
  const columns = 'version, name, checksum, applied_by, run_id, state, scope, statements, done_statements';
  const again = ` on conflict (name) where version is null do update set checksum = excluded.checksum,
  applied_at = excluded.applied_at, applied_by = excluded.applied_by, run_id = excluded.run_id, duration_ms = 0,
  state = excluded.state, statements = excluded.statements, done_statements = excluded.done_statements`;
  const insert = `insert into ${historyTable(schema.schema, context.table)} (${columns}) select ${values.join(', ')} where ${condition}${version === null ? again : ''}`;
  // A trigger, a rule or a policy may swallow the row without an error.
  const begun = `${quoteLiteral(historyKey(migration))} as ${begunColumn}`;
  if (!schema.mayDiscard) return `${insert} returning ${begun};\n`;
  const lost: Check = ['not exists (select from kept)', unitStates.rowRefused];
  return `with kept as (${insert} returning 1) select ${begun}, ${holds([lost])} as kept;\n`;
}

// What outlives a transaction although nothing asked for it to be kept.
const leftovers: Readonly<Record<string, string>> = {
  PrepareStmt: 'DEALLOCATE ALL;\n',
  DeclareCursorStmt: 'CLOSE ALL;\n',
  ListenStmt: 'UNLISTEN *;\n',
};

/** SQL condition for a migration's row in a history. */
export function rowOf({ version, name }: Pick<Migration, 'version' | 'name'>): string {
  return version === null
    ? `version is null and name = ${quoteLiteral(name)}`
    : `version = ${canonicalVersion(version)}`;
}

/** True where a script runs code, or says what outlives it: after the others nothing needs to be reset or proved. */
export function runsCode({ statements }: Script): boolean {
  return statements.some(({ reach }) => reach.opaque);
}

/** How a unit ends. */
export interface Ending {
  /** How many rows the history has by now, the unit's own among them. */
  readonly rows: number;
  /** In a rehearsal: how many of them its transaction has written. */
  readonly rehearsed?: number;
  /** The transaction has created the history itself, and so has every lock on it. */
  readonly created?: boolean;
  /** Leave out the look at other schemas: the file was looked at already. */
  readonly trusted?: boolean;
  /** The session keeps the schema's key beyond the unit. */
  readonly keeps?: boolean;
}

// What code may leave behind in any session, and a transaction's end does not take back.
const resetsAfterCode = 'CLOSE ALL;\nUNLISTEN *;\nDEALLOCATE ALL;\n';
// Deferred constraints speak here, not at COMMIT.
const resets = `SET CONSTRAINTS ALL IMMEDIATE;
RESET ALL;
RESET SESSION AUTHORIZATION;
RESET ROLE;
DISCARD SEQUENCES;
`;

/** What stands after a file: resets and the guards. */
export function closing(script: Script, schema: UnitSchema, context: UnitContext, ending: Ending): string {
  const { statements } = script;
  const kinds = new Set(statements.map((statement) => statement.kind));
  const code = statements.some(({ reach }) => reach.code);
  return [
    // A file may end in a comment or without a semicolon.
    '\n;\n',
    code ? resetsAfterCode : [...kinds].map((kind) => leftovers[kind] ?? '').join(''),
    runsCode(script) ? resets : '',
    setOwnPath,
    guards(script, schema, context, ending),
    statements.some(({ reach }) => reach.temporary) ? 'DISCARD TEMP;\n' : '',
  ].join('');
}

/** Name of the variable in which the guard after a file keeps what the locks tell (see `locksTell`). */
export const evidenceVariable = 'sqlmig_evidence';

/** What refuses a unit after its file. */
function guards(script: Script, schema: UnitSchema, context: UnitContext, ending: Ending): string {
  const scrutiny = ending.trusted === true ? 'none' : scrutinyOf(script, schema);
  const history = mayTouchHistory(script, schema, context);
  const catalogues = scrutiny === 'all' ? cataloguesTell(script, schema) : null;
  const isLocked = scrutiny === 'all' || (history && ending.created !== true);
  const { transactionEnded, historyAltered, suspicious } = lockEvidence;
  const checks: Check[] = [
    ...(isLocked
      ? ([
          [`${evidenceVariable} = ${transactionEnded}`, unitStates.transactionEnded],
          [`${evidenceVariable} = ${historyAltered}`, unitStates.historyTouched],
          [`${evidenceVariable} = ${suspicious}`, unitStates.suspicious],
        ] as const)
      : []),
    ...(history
      ? [[historyChanged(script, schema, context, ending), unitStates.historyTouched] as const]
      : []),
    ...(catalogues === null ? [] : [[catalogues, unitStates.suspicious] as const]),
    ...(scrutiny === 'rows' && history ? [[rowsTell(schema, context), unitStates.suspicious] as const] : []),
  ];
  // Whatever the code has locked or unlocked. Our own key is not free for a moment: the transaction has it as well.
  const again = ending.keeps === true ? `, pg_advisory_lock(${schemaKey(schema)})` : '';
  const unlock = runsCode(script) ? `select pg_advisory_unlock_all()${again};\n` : '';
  const evidence = isLocked && {
    declare: `${evidenceVariable} int;`,
    before: `${evidenceVariable} := ${locksTell(schema, context, scrutiny === 'all')};`,
  };
  // The common case, and not worth a block.
  if (scrutiny === 'rows' && !history) {
    return `${unlock}select ${holds([[rowsTell(schema, context), unitStates.suspicious]])} as kept;\n`;
  }
  return unlock + (checks.length === 0 ? '' : refuseIf(checks, evidence || {}));
}

/** True where a script may change its own history, by what its text says. Writing other rows fires no trigger that does. */
function mayTouchHistory({ statements }: Script, { schema }: UnitSchema, { table }: UnitContext): boolean {
  const [tables, schemas] = [new Set([table]), new Set([schema])];
  return statements.some(({ reach }) => reach.code || mentions(reach, tables, schemas));
}

/**
 * SQL condition: the history does not hold what it did and the unit's own row. A row that another session has added is
 * nothing of the file's: the next unit sees it.
 */
function historyChanged(
  { migration }: Script,
  { schema }: UnitSchema,
  { table }: UnitContext,
  { rows, rehearsed = 1 }: Ending,
): string {
  const here = isWrittenHere('xmin');
  const own = `${rowOf(migration)} and checksum = ${quoteLiteral(migration.checksum)} and state = 'applied'`;
  return `(select count(*) filter (where ${here}) <> ${rehearsed} or count(*) filter (where not ${here}) < ${rows - rehearsed}
      or count(*) filter (where ${own}) <> 1 from ${historyTable(schema, table)})`;
}

/**
 * Notes how long migrations took, and gives each as `sqlmig_schema`, `sqlmig_key` and `sqlmig_ms`: one that has just run, or, without it,
 * all that this run has applied to a schema, each until the next one began. It stands before the commit of the last one.
 */
export function noteDurations(
  { schema }: UnitSchema,
  { runId, table }: UnitContext,
  only?: Migration,
): string {
  const own = historyTable(schema, table);
  const given = (key: string) =>
    `returning ${quoteLiteral(schema)} as sqlmig_schema, ${key} as sqlmig_key, duration_ms as sqlmig_ms;\n`;
  const ms = (since: string) => `least(date_part('epoch', ${since}) * 1000, 2147483647)::int`;
  if (only !== undefined) {
    const key = quoteLiteral(historyKey(only));
    return `update ${own} set duration_ms = ${ms('clock_timestamp() - applied_at')} where ${rowOf(only)} ${given(key)}`;
  }
  const next = 'coalesce(lead(applied_at) over (order by applied_at), clock_timestamp())';
  return `update ${own} h set duration_ms = d.ms from (select ctid as at, ${ms(`${next} - applied_at`)} as ms
  from ${own} where run_id = ${quoteLiteral(runId)} and duration_ms = 0) d where h.ctid = d.at ${given(`coalesce(version::text, 'R__' || name)`)}`;
}

/** Name of the column that `recordedByRun` gives. */
export const recordedColumn = 'sqlmig_recorded';

/** The history keys of all that this run has recorded in a schema. */
export function recordedByRun({ schema }: UnitSchema, { runId, table }: UnitContext): string {
  return `select coalesce(version::text, 'R__' || name) as ${recordedColumn} from ${historyTable(schema, table)} where run_id = ${quoteLiteral(runId)};\n`;
}

/** What a row of `noteDurations` says; `null` for any other row. */
export function durationOf({
  sqlmig_schema: schema,
  sqlmig_key: key,
  sqlmig_ms: ms,
}: Row): { schema: string; key: string; ms: number } | null {
  return typeof key === 'string' ? { schema: String(schema), key, ms: Number(ms) } : null;
}
