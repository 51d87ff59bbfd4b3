import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { evidenceVariable } from '../protocol/unit-guards.ts';
import type { ServerError } from '../server/server-error.ts';
import type { QualifiedName, Script, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mayChange } from '../sql/reach.ts';

/**
 * True where a statement is about its own history table, or drops or renames the schema that holds it, by what its text
 * says; reading it or writing beside it is not.
 */
export function aimsAtHistory(statement: Statement, schema: UnitSchema, { table }: UnitContext): boolean {
  const isHistory = (target: QualifiedName) =>
    target.name === table && (target.schema === null || target.schema === schema.schema);
  return statement.reach.targets.some(isHistory) || aimsAtSchema(statement, schema);
}

function aimsAtSchema({ kind, reach: { names } }: Statement, { schema }: UnitSchema): boolean {
  return (kind === 'DropStmt' || kind === 'RenameStmt') && names.has('OBJECT_SCHEMA') && names.has(schema);
}

/** True for an error of sqlmig's bookkeeping that says that its row, or the history itself, is gone. */
export function isHistoryLost(error: ServerError): boolean {
  return lostHistory.includes(error.code) || unitRefusalOf(error)?.state === unitStates.historyChanged;
}

/** The error for a file that changes its own history table, or rows in it; it points to the statement where that can be told. */
export function historyError(
  script: Script,
  unit: UnitSchema,
  context: UnitContext,
  error: ServerError | null,
  state = 'rolled back',
): SqlmigError {
  const { migration, statements, text } = script;
  const { schema } = unit;
  const { table } = context;
  const [tables, schemas] = [new Set([table]), new Set([schema])];
  const mentions = ({ start, end }: Statement) => text.slice(start, end).includes(table);
  const aimed = statements.findIndex((statement) => aimsAtHistory(statement, unit, context));
  const named = statements.findIndex(({ reach }) => !reach.opaque && mayChange(reach, tables, schemas));
  const written = statements.findIndex(mentions);
  const able = statements.flatMap(({ reach }, i) => (mayChange(reach, tables, schemas) ? [i] : []));
  const only = able.length === 1 ? able[0] : -1;
  const at = [aimed, named, written, only].find((index) => index !== -1);
  const culprit = at === undefined ? undefined : statements[at];
  const { deed, hint } = adviceFor(culprit, script, unit, context);
  return new SqlmigError('changes-history', `a migration must not ${deed}`, {
    sqlstate: error === null ? undefined : (unitRefusalOf(error)?.state ?? error.code),
    schema,
    file: migration.file,
    location: culprit === undefined ? undefined : locate(migration.file, migration.text, culprit.start),
    statement: at === undefined ? undefined : at + 1,
    statements: statements.length,
    state,
    hint,
    cause: error,
  });
}

/** What the culprit did, where it is known, and what to do about it. */
function adviceFor(
  culprit: Statement | undefined,
  { text }: Script,
  unit: UnitSchema,
  { table }: UnitContext,
): { readonly deed: string; readonly hint: string } {
  const own = `${unit.schema}.${table}`;
  if (culprit !== undefined && aimsAtSchema(culprit, unit)) {
    const hint = `take the statement out; to empty the schema, drop what is in it, all but ${table}`;
    return { deed: `drop or rename its schema: ${own} records what is applied`, hint };
  }
  const words = culprit === undefined ? '' : text.slice(culprit.start, culprit.end);
  const deed = /\brow\s+level\s+security\b/i.test(words)
    ? `put row security on ${own}: it hides what is applied`
    : `change ${own}, which records what is applied`;
  // A loop over all tables, or what a function does.
  const isUnaware = culprit?.reach.code === true && !words.includes(table);
  const hint = isUnaware
    ? `leave ${table} out of what the statement goes through, such as: where tablename <> ${quoteLiteral(table)}`
    : `if the file means another tool's table of that name, give sqlmig's another one with historyTable`;
  return { deed, hint };
}

/** The error for a history table that did not keep the row of a migration. */
export function rowRefused(
  { migration }: Script,
  { schema }: UnitSchema,
  { table }: UnitContext,
  error: ServerError,
): SqlmigError {
  return new SqlmigError('history-not-kept', `${schema}.${table} did not keep the row of ${migration.file}`, {
    sqlstate: unitRefusalOf(error)?.state,
    schema,
    file: migration.file,
    state: 'rolled back',
    hint: `look for a trigger, a rule or a row security policy on ${schema}.${table}, and drop it`,
    cause: error,
  });
}

// The history, a column of it or its schema is gone when the check after a file looks for it.
const lostHistory: readonly string[] = [
  sqlstates.undefinedTable,
  sqlstates.undefinedColumn,
  sqlstates.undefinedSchema,
];

/**
 * True where a file has begun, and a statement did not find the history as it was: one of sqlmig's own after the file, or one
 * of a file that is about its history.
 */
export function missesHistory(
  error: ServerError,
  script: Script,
  schema: UnitSchema,
  context: UnitContext,
): boolean {
  const { code, message, internal_query: query = '' } = error;
  const aims = script.statements.some((statement) => aimsAtHistory(statement, schema, context));
  // DROP SCHEMA without CASCADE.
  if (code === sqlstates.dependentObjects) return aims;
  if (unitRefusalOf(error) !== null || !/^(42|3F)/.test(code)) return false;
  if (query.includes(evidenceVariable) || query.includes(historyTable(schema.schema, context.table)))
    return true;
  const own = `${schema.schema}.${context.table}`;
  return lostHistory.includes(code) && (aims ? message.includes(context.table) : message.includes(own));
}
