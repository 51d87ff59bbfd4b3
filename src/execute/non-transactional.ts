import { SqlmigError } from '../errors.ts';
import { historyTable, readProgress, rowOf, upgradeHistory } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import {
  betweenStatements,
  bookkeeping,
  reset,
  restoreSettings,
  setSettings,
  tryLocks,
} from '../protocol/bookkeeping.ts';
import { trySharedKeyForSession } from '../protocol/catalog-key.ts';
import { beginUndo } from '../protocol/undo-row.ts';
import { checkUnchanged } from '../protocol/unit-checks.ts';
import type { Unit } from '../protocol/unit-context.ts';
import { insertRow } from '../protocol/unit-row.ts';
import type { Session } from '../server/session.ts';
import { sentText } from '../sql/filling.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { type Attempt, appliedMigration, attemptOf } from './attempt.ts';
import type { Names } from './invalid-indexes.ts';
import { keptBefore } from './non-transactional-errors.ts';
import { type RunningFile, recordEnd, updateProgress } from './non-transactional-progress.ts';
import { nonTransactionalSettings } from './non-transactional-settings.ts';
import { namesIn, runStatement } from './non-transactional-statement.ts';

/** The statement at which an incomplete script continues. */
export interface Resumption {
  /** The statement, from 0. */
  readonly from: number;
  /** How many statements were begun, from the first on. */
  readonly begun: number;
}

/** How a non-transactional script is applied. */
interface NonTransactionalOptions {
  readonly resume?: ((names: Names) => Promise<Resumption>) | null;
  /** Once it has fired, no further statement starts. */
  readonly signal?: AbortSignal;
}

/**
 * Applies one non-transactional script, statement by statement, on a session of its own that also holds the locks
 * (docs/lock-protocol.md, Non-transactional files). An incomplete migration whose progress is certain continues after
 * the statements that are done; otherwise `resume` decides, under the locks, where it continues.
 */
export async function applyNonTransactional(
  session: Session,
  unit: Unit,
  { resume = null, signal }: NonTransactionalOptions = {},
): Promise<Attempt> {
  const file = { ...unit, session, own: betweenStatements(session), ...(signal && { signal }) };
  const { script, schema } = unit;
  try {
    await session.read(setSettings(nonTransactionalSettings(unit)));
    try {
      const [got] = await session.run(
        `select ${tryLocks(schema)} and ${trySharedKeyForSession(script, schema)} as got`,
      );
      return got?.got === true ? await runUnderLocks(file, resume) : busy(unit);
    } finally {
      if (!session.lost) await reset(session);
    }
  } catch (error) {
    return attemptOf(error, unit);
  }
}

function busy({ schema: { schema } }: Unit): Attempt {
  const error = new SqlmigError('lock-timeout', 'another run is using this schema', { schema });
  return { kind: 'retry', reason: 'busy', error };
}

async function runUnderLocks(
  file: RunningFile,
  resume: ((names: Names) => Promise<Resumption>) | null,
): Promise<Attempt> {
  const { session, own, script, schema, context } = file;
  if (!schema.isCurrent) await session.run(bookkeeping(upgradeHistory(schema.schema, context.table)));
  if (resume !== null) {
    const resumption = await resume(namesIn(file));
    // Skipped statements count as done.
    await session.run(
      updateProgress(file, `done_statements = greatest(done_statements, ${resumption.from})`),
    );
    return runStatements(file, resumption);
  }
  if (!isBegun(file)) {
    const row = script.migration.undoes ? beginUndo(file) : insertRow(file, 'incomplete');
    const begin = checkUnchanged(schema, context) + row;
    await session.run(bookkeeping(begin));
    return runStatements(file, { from: 0, begun: 0 });
  }
  await session.run(bookkeeping(checkUnchanged(schema, context)));
  await session.run(updateProgress(file, `run_id = ${quoteLiteral(context.runId)}`));
  const { doneStatements } = await readProgress(
    own,
    historyTable(schema.schema, context.table),
    rowOf(script.migration),
  );
  return runStatements(file, { from: doneStatements, begun: doneStatements });
}

function isBegun({ schema: { history }, script: { migration } }: Unit): boolean {
  return history.some((row) => row.state === 'incomplete' && historyKey(row) === historyKey(migration));
}

async function runStatements(file: RunningFile, { from, begun }: Resumption): Promise<Attempt> {
  const { session, script } = file;
  const started = performance.now();
  // What the statements before it have set ended with the session that they ran on.
  for (const statement of script.statements.slice(0, from)) {
    if (statement.kind === 'VariableSetStmt') await session.run(sentText(script, statement));
  }
  for (let k = from; k < script.statements.length; k++) {
    // A statement may have reset them, and the next one would run with the defaults of the role or the database.
    if (k > from) await session.run(restoreSettings(nonTransactionalSettings(file)));
    if (file.signal?.aborted === true) return stoppedBefore(file, k);
    const stopped = await runStatement({ ...file, k, begun: k < begun });
    if (stopped !== null) return stopped;
  }
  const durationMs = Math.round(performance.now() - started);
  await session.run(recordEnd(file, durationMs));
  return { kind: 'done', applied: [appliedMigration(script.migration, durationMs)] };
}

/** The attempt that an interruption ends before statement `k`: the next run continues there. */
function stoppedBefore({ script, schema: { schema } }: RunningFile, k: number): Attempt {
  const error = new SqlmigError('interrupted', 'the run was interrupted', {
    schema,
    file: script.migration.file,
    statement: k + 1,
    statements: script.statements.length,
    state: keptBefore(k),
  });
  return { kind: 'failed', incomplete: true, error };
}
