import { unitStates } from '../errors.ts';
import { historyTable, readDigest, rowOf } from '../history/history.ts';
import { bookkeeping, locksGone } from '../protocol/bookkeeping.ts';
import { raise } from '../protocol/refusal.ts';
import { endUndo, revertUndo } from '../protocol/undo-row.ts';
import type { Unit } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { doBlock } from '../sql/quote.ts';
import { keptBefore } from './non-transactional-errors.ts';

/** A non-transactional file that is running. */
export interface RunningFile extends Unit {
  /** Runs the file's statements. */
  readonly session: Session;
  /** Runs sqlmig's own statements, on the same connection. */
  readonly own: Session;
  /** Once it is aborted, no further statement starts. */
  readonly signal?: AbortSignal;
}

/**
 * SQL: updates the history row of the migration with `set`, or refuses if the session no longer holds the locks
 * (docs/lock-protocol.md, Non-transactional files). `query` runs in the same transaction.
 */
export function updateProgress(unit: Unit, set: string, query?: string): string {
  const { script, schema, context } = unit;
  const row = `${rowOf(script.migration)} and state <> 'applied'`;
  const update = `update ${historyTable(schema.schema, context.table)} set ${set} where ${row}`;
  return underLocks(unit, update, query);
}

function underLocks({ schema }: Unit, change: string, query?: string): string {
  return bookkeeping(
    `${doBlock(`begin
  if ${locksGone(schema)} then ${raise(unitStates.lockLost)} end if;
  ${change};
  if not found then ${raise(unitStates.historyChanged)} end if;
end`)}${query === undefined ? '' : `${query};\n`}`,
  );
}

/** SQL: records that all statements are done, and the duration. Deletes the row of an undone migration. */
export function recordEnd(unit: Unit, durationMs: number): string {
  if (unit.script.migration.undoes) return underLocks(unit, endUndo(unit));
  const ms = Math.min(durationMs, 2_147_483_647);
  return updateProgress(unit, `state = 'applied', at_statement = null, duration_ms = ${ms}`);
}

/** Records that statement `k` did nothing. Returns the state in words. */
export async function withdrawStart(file: RunningFile, k: number): Promise<string> {
  if (k === 0) {
    const { undoes } = file.script.migration;
    await file.session.run(undoes ? bookkeeping(`${revertUndo(file)};\n`) : deleteRow(file));
    return 'not touched';
  }
  await file.session.run(updateProgress(file, `at_statement = ${k}`));
  return keptBefore(k);
}

/** SQL: deletes the row of a migration that did nothing, so that it is pending again. */
function deleteRow({ script, schema, context }: Unit): string {
  const row = `${historyTable(schema.schema, context.table)} where ${rowOf(script.migration)}`;
  return bookkeeping(`delete from ${row} and state <> 'applied';\n`);
}

/** The digest of the history without the row of this migration. */
export function digestOfOthers({ own, script, schema, context }: RunningFile): Promise<string> {
  const table = historyTable(schema.schema, context.table);
  return readDigest(own, table, `(${rowOf(script.migration)}) is not true`);
}
