import { locate } from '../core/position.ts';
import { mayChange } from '../core/reach.ts';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { Script, Statement } from '../model.ts';
import { refusalOf, unitStates } from './refusal.ts';
import type { ServerError } from './server-error.ts';
import { evidenceVariable } from './unit.ts';
import type { UnitFrame, UnitSchema } from './unit-frame.ts';

/** True where a statement is about its own history table, by what its text says; reading it or writing beside it is not. */
export function aimsAtHistory({ reach }: Statement, { schema }: UnitSchema, { table }: UnitFrame): boolean {
  return reach.targets.some(
    (target) => target.name === table && (target.schema === null || target.schema === schema),
  );
}

/** True for an error of sqlmig's bookkeeping that says that its row, or the history itself, is gone. */
export function isHistoryLost(error: ServerError): boolean {
  return lostHistory.includes(error.code) || refusalOf(error)?.state === unitStates.historyChanged;
}

/** The error for a file that changes its own history table, or rows in it; it points to the statement where that can be told. */
export function historyError(
  script: Script,
  { schema }: UnitSchema,
  { table }: UnitFrame,
  error: ServerError | null,
  state = 'rolled back',
): SqlmigError {
  const { migration, statements, text } = script;
  const [tables, schemas] = [new Set([table]), new Set([schema])];
  const mentions = ({ start, end }: Statement) => text.slice(start, end).includes(table);
  const named = statements.findIndex(({ reach }) => !reach.opaque && mayChange(reach, tables, schemas));
  const written = statements.findIndex(mentions);
  const able = statements.flatMap(({ reach }, i) => (mayChange(reach, tables, schemas) ? [i] : []));
  const only = able.length === 1 ? able[0] : -1;
  const at = [named, written, only].find((index) => index !== -1);
  return new SqlmigError(
    'changes-history',
    `a migration must not change ${schema}.${table}, which records what is applied`,
    {
      sqlstate: error === null ? undefined : (refusalOf(error)?.state ?? error.code),
      schema,
      file: migration.file,
      location:
        at === undefined ? undefined : locate(migration.file, migration.text, statements[at]?.start ?? 0),
      statement: at === undefined ? undefined : at + 1,
      statements: statements.length,
      state,
      hint: `if the file means another tool's table of that name, give sqlmig's another one with historyTable`,
      cause: error,
    },
  );
}

/** The error for a history table that did not keep the row of a migration. */
export function rowRefused(
  { migration }: Script,
  { schema }: UnitSchema,
  { table }: UnitFrame,
  error: ServerError,
): SqlmigError {
  return new SqlmigError('history-not-kept', `${schema}.${table} did not keep the row of ${migration.file}`, {
    sqlstate: refusalOf(error)?.state,
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

/** True where the guard after a file did not find the history any more. */
export function isHistoryGone({ code, internal_query: query }: ServerError): boolean {
  return lostHistory.includes(code) && query?.includes(evidenceVariable) === true;
}
