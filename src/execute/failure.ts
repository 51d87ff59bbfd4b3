import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import { isCatalogRace } from '../protocol/catalog-key.ts';
import { replayColumn } from '../protocol/message.ts';
import type { Message } from '../protocol/message-text.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { Unit } from '../protocol/unit-context.ts';
import type { Location } from '../results.ts';
import type { Row } from '../server/answer.ts';
import { SessionLost } from '../server/answer.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { fileIndex } from '../sql/filling.ts';
import { indexInBlock } from '../sql/inline-block.ts';
import type { Script } from '../sql/migration.ts';
import { indexOfCodePoint, locate } from '../sql/position.ts';
import { runAgain } from '../text/command-line.ts';
import { historyError, rowRefused } from './history-error.ts';
import { missingNameHint } from './missing-name.ts';
import { whyStopped } from './stopped-statement.ts';

/** An error that a file's statement raised. */
interface StatementError {
  readonly error: ServerError;
  /** UTF-16 index into the file; `null` if the server gave no position. */
  readonly index: number | null;
  /** SQL that runs the file again, rolled back, to find the statement (see `composeReplay`); `null` if it must not run. */
  readonly replay: string | null;
}

/** The error for a failed file, with its line, column and statement as far as they can be determined. */
export async function describeFailure(
  session: Session,
  unit: Unit,
  raised: StatementError,
): Promise<SqlmigError> {
  const { error, index } = raised;
  const { script, schema } = unit;
  const refusal = unitRefusalOf(error);
  if (refusal?.state === unitStates.historyTouched) return historyError(unit, error);
  if (refusal?.state === unitStates.rowRefused) return rowRefused(unit, error);
  const statement = await findStatement(session, unit, raised);
  const details = {
    sqlstate: refusal?.state ?? error.code,
    schema: schema.schema,
    file: script.migration.file,
    location: locationOf(script, statement, raised),
    statement: statement === null ? undefined : statement + 1,
    statements: script.statements.length,
    cause: error,
  };
  if (refusal?.state === unitStates.transactionEnded) {
    return new SqlmigError('transaction-ended', refusal.message, {
      ...details,
      state: 'what the file ran before its own COMMIT may be kept; the rest was rolled back',
      hint: 'check what the file left behind, and remove the statement that ends its transaction',
    });
  }
  const missing = await missingNameHint(session, unit, { error, statement, index });
  const stopped = await whyStopped(session, error, script);
  const partners = stopped?.partners ? `: ${stopped.partners}` : '';
  return new SqlmigError('migration-failed', refusal?.message ?? messageOf(error) + partners, {
    ...details,
    state: 'rolled back',
    hint: missing ?? stopped?.hint ?? error.hint ?? hintFor(error, script),
  });
}

/** The number (from 0) of the statement that failed; `null` if it cannot be determined. */
async function findStatement(
  session: Session,
  unit: Unit,
  { error, index, replay: text }: StatementError,
): Promise<number | null> {
  const { script } = unit;
  if (index !== null) return statementAt(script, index);
  if (script.statements.length === 1) return 0;
  return text === null ? null : replay(session, { unit, text }, error);
}

function hintFor(error: ServerError, { nonTransactional, migration }: Script): string {
  if (isCatalogRace(error)) {
    return `another session kept changing the same row of a system catalog; ${runAgain(migration)}`;
  }
  if (error.code === unitStates.beyondDatabase)
    return 'change roles, databases and settings of the server in separate statements, which are skipped here, or outside the migrations';
  return error.code === sqlstates.invalidTransactionTermination && nonTransactional === null
    ? 'put a procedure or block that commits into a file of its own with -- sqlmig: no-transaction in its first lines'
    : `correct the file and ${runAgain(migration)}; none of it was kept`;
}

function messageOf({ message, detail }: ServerError): string {
  return detail === undefined ? message : `${message} (${detail.replace(/\.$/, '')})`;
}

/** The file of the message that a server error points to, and the index in it; `null` outside all files. */
export function positionOf(error: ServerError, message: Message): { unit: number; index: number } | null {
  if (error.position === undefined) return null;
  const index = indexOfCodePoint(message.text, Number(error.position) - 1);
  for (const [unit, { script, pieces }] of message.files.entries()) {
    const piece = pieces.find(({ start, end }) => index >= start && index <= end);
    if (piece !== undefined) return { unit, index: fileIndex(script, index - piece.start, piece.from) };
  }
  return null;
}

function statementAt({ statements }: Script, index: number): number | null {
  const at = statements.findLastIndex((statement) => statement.start <= index);
  return at === -1 ? null : at;
}

/** Runs the file again, rolled back, and returns the number (from 0) of the statement that raises the same error. */
async function replay(
  session: Session,
  { unit, text }: { readonly unit: Unit; readonly text: string },
  expected: ServerError,
): Promise<number | null> {
  let done = 0;
  try {
    const onRow = (row: Row) => {
      if (replayColumn in row) done += 1;
    };
    // Its notices were passed on in the first run.
    await session.runFiles(text, onRow, () => {});
  } catch (error) {
    const same = isServerError(error) && error.code === expected.code && done < unit.script.statements.length;
    return same ? done : null;
  }
  return null;
}

function locationOf(
  script: Script,
  statement: number | null,
  { error, index }: StatementError,
): Location | undefined {
  const { file, text } = script.migration;
  if (index !== null) return locate(file, text, index);
  const failed = statement === null ? undefined : script.statements[statement];
  if (failed === undefined) return undefined;
  const inBlock = failed.kind === 'DoStmt' ? indexInBlock(text, failed, error.where) : null;
  return locate(file, text, inBlock ?? failed.start);
}

/** An error of the server or the connection as a SqlmigError; rethrows all other errors. */
export function asSqlmigError(error: unknown, schema?: string): SqlmigError {
  if (error instanceof SqlmigError) return error;
  if (isServerError(error)) return serverRefused(error, schema);
  if (!(error instanceof SessionLost)) throw error;
  return new SqlmigError('connection-lost', `the connection was lost: ${error.message}`, {
    schema,
    sqlstate: error.sqlstate,
    cause: error,
  });
}

/** The error for one of sqlmig's own statements that the server refused, for example for lack of a privilege. */
export function serverRefused(error: ServerError, schema?: string, hint?: string): SqlmigError {
  return new SqlmigError('server-refused', error.message, {
    sqlstate: error.code,
    schema,
    hint: hint ?? error.hint ?? 'check the privileges of the database role',
    cause: error,
  });
}
