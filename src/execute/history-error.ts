import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { Unit } from '../protocol/unit-context.ts';
import { evidenceVariable } from '../protocol/unit-guards.ts';
import type { ServerError } from '../server/server-error.ts';
import { sentText } from '../sql/filling.ts';
import type { QualifiedName, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mayChange } from '../sql/reach.ts';

// The history, a column of it or its schema is gone when a check after the file reads it.
const lostHistory: readonly string[] = [
  sqlstates.undefinedTable,
  sqlstates.undefinedColumn,
  sqlstates.undefinedSchema,
];

/** True if the text of a statement changes a history of its schema, or drops or renames the schema. */
export function aimsAtHistory(
  statement: Statement,
  { schema: { schema }, context: { historyTables } }: Unit,
): boolean {
  const isHistory = (target: QualifiedName) =>
    historyTables.includes(target.name) && (target.schema === null || target.schema === schema);
  return statement.reach.targets.some(isHistory) || aimsAtSchema(statement, schema);
}

function aimsAtSchema({ kind, reach: { names } }: Statement, schema: string): boolean {
  return (kind === 'DropStmt' || kind === 'RenameStmt') && names.has('OBJECT_SCHEMA') && names.has(schema);
}

/** True for an error of sqlmig's own statements which means that the history or the row of the migration is gone. */
export function isHistoryLost(error: ServerError): boolean {
  return lostHistory.includes(error.code) || unitRefusalOf(error)?.state === unitStates.historyChanged;
}

/**
 * True if a statement did not find the history after the file had begun: one of sqlmig's own, or one of a file that changes
 * its history.
 */
export function missesHistory(error: ServerError, unit: Unit): boolean {
  const { code, message, internal_query: query = '' } = error;
  const { schema } = unit.schema;
  const { table } = unit.context;
  const aims = unit.script.statements.some((statement) => aimsAtHistory(statement, unit));
  // DROP SCHEMA without CASCADE.
  if (code === sqlstates.dependentObjects) return aims;
  if (unitRefusalOf(error) !== null || !/^(42|3F)/.test(code)) return false;
  if (query.includes(evidenceVariable) || query.includes(historyTable(schema, table))) return true;
  return lostHistory.includes(code) && message.includes(aims ? table : `${schema}.${table}`);
}

/** The error for a file that changes its own history table or rows in it, with the statement if it can be found. */
export function historyError(unit: Unit, error: ServerError | null, state = 'rolled back'): SqlmigError {
  const { migration, statements } = unit.script;
  const at = culpritIn(unit);
  const culprit = at === undefined ? undefined : statements[at];
  const { deed, hint } = adviceFor(unit, culprit);
  return new SqlmigError('changes-history', `a migration must not ${deed}`, {
    sqlstate: error === null ? undefined : (unitRefusalOf(error)?.state ?? error.code),
    schema: unit.schema.schema,
    file: migration.file,
    location: culprit === undefined ? undefined : locate(migration.file, migration.text, culprit.start),
    statement: at === undefined ? undefined : at + 1,
    statements: statements.length,
    state,
    hint,
    cause: error,
  });
}

/** The statement (from 0) that changed the history: by its target, by a name it changes, by its text, or the only one able to. */
function culpritIn(unit: Unit): number | undefined {
  const { statements } = unit.script;
  const { table } = unit.context;
  const [tables, schemas] = [new Set(unit.context.historyTables), new Set([unit.schema.schema])];
  const mentions = (statement: Statement) => sentText(unit.script, statement).includes(table);
  const aimed = statements.findIndex((statement) => aimsAtHistory(statement, unit));
  const named = statements.findIndex(({ reach }) => !reach.opaque && mayChange(reach, tables, schemas));
  const written = statements.findIndex(mentions);
  const able = statements.flatMap(({ reach }, i) => (mayChange(reach, tables, schemas) ? [i] : []));
  const only = able.length === 1 ? able[0] : -1;
  return [aimed, named, written, only].find((index) => index !== -1);
}

/** What the statement did to the history, and how to avoid it. */
function adviceFor(
  { script, schema: { schema }, context: { table, historyTables } }: Unit,
  culprit: Statement | undefined,
): { readonly deed: string; readonly hint: string } {
  const words = culprit === undefined ? '' : sentText(script, culprit);
  // The name of one history may be a prefix of another.
  const named = historyTables.filter((name) => words.includes(name)).sort((a, b) => b.length - a.length);
  const own = `${schema}.${named[0] ?? table}`;
  if (culprit !== undefined && aimsAtSchema(culprit, schema)) {
    const hint = `remove the statement; to empty the schema, drop everything in it except ${table}`;
    return { deed: `drop or rename its schema: ${own} records what is applied`, hint };
  }
  const deed = /\brow\s+level\s+security\b/i.test(words)
    ? `enable row security on ${own}: it hides what is applied`
    : `change ${own}, which records what is applied`;
  // A loop over all tables, or what a function does.
  const isUnaware = culprit?.reach.code === true && !historyTables.every((name) => words.includes(name));
  const all = historyTables.map(quoteLiteral).join(', ');
  const others = historyTables.length === 1 ? `<> ${all}` : `not in (${all})`;
  const hint = isUnaware
    ? `exclude ${historyTables.join(', ')} from the tables that the statement changes, for example: where tablename ${others}`
    : `if the file means another tool's table of that name, rename sqlmig's with historyTable`;
  return { deed, hint };
}

/** The error for a history table that did not keep the row of a migration, or that kept the row of an undone one. */
export function rowRefused(
  { script: { migration }, schema, context }: Unit,
  error: ServerError,
): SqlmigError {
  const own = `${schema.schema}.${context.table}`;
  const what = migration.undoes ? 'kept' : 'did not keep';
  const isNew = schema.oid === null;
  return new SqlmigError('history-not-kept', `${own} ${what} the row of ${migration.file}`, {
    sqlstate: unitRefusalOf(error)?.state,
    schema: schema.schema,
    file: migration.file,
    state: 'rolled back',
    hint: isNew
      ? `exclude ${context.table} where a file or an event trigger adds triggers, rules or row security to tables`
      : `drop the trigger, rule or row security policy on ${own} that ${migration.undoes ? 'keeps' : 'removes'} the row`,
    cause: error,
  });
}
