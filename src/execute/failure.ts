import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import { isCatalogRace } from '../protocol/catalog-key.ts';
import { composeReplay, replayColumn } from '../protocol/message.ts';
import type { Message } from '../protocol/message-text.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import type { Location } from '../results.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import { type Session, SessionLost } from '../server/session.ts';
import { indexInBlock } from '../sql/inline-block.ts';
import type { Script } from '../sql/migration.ts';
import { indexOfCodePoint, locate } from '../sql/position.ts';
import { historyError, rowRefused } from './history-error.ts';
import { missingNameHint } from './missing-name.ts';
import { whyStopped } from './stopped-statement.ts';

/** A server error, and what is known of where it comes from. */
export interface ScriptFailure {
  readonly error: ServerError;
  readonly script: Script | undefined;
  /** UTF-16 index into the file, where the server gave a position. */
  readonly index: number | null;
  /** Whether the file may be run again, rolled back, to find the statement. */
  readonly replayable: boolean;
}

/**
 * The error for a failed unit: file, line, column and statement as exactly as the server lets us know. `schema` is as
 * its history is after the failure.
 */
export async function describeFailure(
  session: Session,
  { error, script, index, replayable }: ScriptFailure,
  schema: UnitSchema,
  context: UnitContext,
): Promise<SqlmigError> {
  if (script === undefined) return serverRefused(error, schema.schema);
  const only = script.statements.length === 1 ? 0 : null;
  const statement =
    index !== null
      ? statementAt(script, index)
      : (only ?? (replayable ? await replay(session, script, schema, context, error) : null));
  const refusal = unitRefusalOf(error);
  if (refusal?.state === unitStates.historyTouched) return historyError(script, schema, context, error);
  if (refusal?.state === unitStates.rowRefused) return rowRefused(script, schema, context, error);
  const missing = await missingNameHint(session, { error, script, statement, index }, schema, context);
  const stopped = await whyStopped(session, error, script);
  const ended = refusal?.state === unitStates.transactionEnded;
  const hint = ended
    ? 'see what the file left, and take out what ends its transaction'
    : (missing ?? stopped?.hint ?? error.hint ?? hintFor(error, script));
  return new SqlmigError(
    ended ? 'transaction-ended' : 'migration-failed',
    refusal?.message ?? messageOf(error) + (stopped?.partners ? `: ${stopped.partners}` : ''),
    {
      sqlstate: refusal?.state ?? error.code,
      schema: schema.schema,
      file: script.migration.file,
      location: locationOf(script, statement, index, error),
      statement: statement === null ? undefined : statement + 1,
      statements: script.statements.length,
      state: ended
        ? 'what a file ran before a COMMIT of its own may be kept; all else was rolled back'
        : 'rolled back',
      hint,
      cause: error,
    },
  );
}

function hintFor(error: ServerError, { nonTransactional }: Script): string {
  const { code } = error;
  if (isCatalogRace(error)) {
    return 'another session kept changing the same row of a system catalogue; run sqlmig up again';
  }
  return code === sqlstates.invalidTransactionTermination && nonTransactional === null
    ? 'a procedure or block that commits runs in a file of its own with -- sqlmig: no-transaction in its first lines'
    : 'correct the file and run sqlmig up again; nothing of it was kept';
}

function messageOf({ message, detail }: ServerError): string {
  return detail === undefined ? message : `${message} (${detail.replace(/\.$/, '')})`;
}

/** Where a server error's position lies: which file of the message, and where in it; `null` outside of all files. */
export function positionOf(error: ServerError, message: Message): { unit: number; index: number } | null {
  if (error.position === undefined) return null;
  const index = indexOfCodePoint(message.text, Number(error.position) - 1);
  const unit = message.files.findIndex(({ start, end }) => index >= start && index <= end);
  const file = message.files[unit];
  return file === undefined ? null : { unit, index: index - file.start };
}

function statementAt({ statements }: Script, index: number): number | null {
  const at = statements.findLastIndex((statement) => statement.start <= index);
  return at === -1 ? null : at;
}

/** The number (from 0) of the statement that fails, found by running the file again and rolling it back. */
async function replay(
  session: Session,
  script: Script,
  schema: UnitSchema,
  context: UnitContext,
  expected: ServerError,
): Promise<number | null> {
  let done = 0;
  try {
    await session.run(composeReplay({ script, schema, context }), (row) => {
      if (replayColumn in row) done += 1;
    });
  } catch (error) {
    const same = isServerError(error) && error.code === expected.code && done < script.statements.length;
    return same ? done : null;
  }
  return null;
}

function locationOf(
  script: Script,
  statement: number | null,
  index: number | null,
  error: ServerError,
): Location | undefined {
  const { file, text } = script.migration;
  const found = statement === null ? undefined : script.statements[statement];
  if (index !== null) return locate(file, text, index);
  if (found === undefined) return undefined;
  const inBlock = found.kind === 'DoStmt' ? indexInBlock(text, found, error.where) : null;
  return locate(file, text, inBlock ?? found.start);
}

/** What the database or the connection to it raised, as an error of ours; throws what is neither. */
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

/**
 * The error for a statement of sqlmig's own that the server refused, such as for want of a right. `hint`: what is known
 * to help.
 */
export function serverRefused(error: ServerError, schema?: string, hint?: string): SqlmigError {
  return new SqlmigError('server-refused', error.message, {
    sqlstate: error.code,
    schema,
    hint: hint ?? error.hint ?? 'check the rights of the database user',
    cause: error,
  });
}
