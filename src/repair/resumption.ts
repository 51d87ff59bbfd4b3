import type { Settlement } from '../decide/settlement.ts';
import { SqlmigError } from '../errors.ts';
import type { Names } from '../execute/invalid-indexes.ts';
import type { Resumption } from '../execute/non-transactional.ts';
import { doubtOf, historyTable, readProgress, rowOf } from '../history/history.ts';
import type { Unit } from '../protocol/unit-context.ts';
import type { Script } from '../sql/migration.ts';
import { onlineChangeOf, repeats } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { commitsInParts } from '../sql/transaction-rules.ts';
import { leftSince } from './incomplete-migration.ts';
import { skipsUnstarted, stillInvalid } from './settle-refusals.ts';

/** How incomplete migrations are settled, and how they were chosen. */
export interface ChosenSettlement<H extends Settlement = Settlement> {
  readonly how: H;
  /** Chosen by a selection, whose schemas may have stopped at different statements, not by schema and version. */
  readonly selected: boolean;
}

/** A settlement that runs the remaining statements. */
export type Continuation = ChosenSettlement<Exclude<Settlement, { kind: 'mark-applied' }>>;

/**
 * Decides, under the locks, at which statement an incomplete migration continues.
 * @throws SqlmigError `unsettled` if `resume` cannot decide, `invalid-index` if a skipped statement left one,
 * and `bad-usage` if a statement number for several schemas would skip one that was never started in this schema.
 */
export async function decideResumption(
  names: Names,
  { script, schema: { schema }, context }: Unit,
  { how, selected }: Continuation,
): Promise<Resumption> {
  const progress = await readProgress(
    names.own,
    historyTable(schema, context.table),
    rowOf(script.migration),
  );
  const { doneStatements } = progress;
  const doubt = doubtOf(progress);
  const begun = doubt ?? doneStatements;
  if (how.kind === 'from') {
    const from = how.statement - 1;
    if (selected && from > begun) throw skipsUnstarted(script, schema, { from, begun });
    // Skipped statements count as done, so they must not have left an invalid index.
    const [left] = await leftSince(names, script, { from: doneStatements, to: from });
    if (left !== undefined) throw stillInvalid(left.schema, left.name);
    return { from, begun };
  }
  if (doubt === null) return { from: doneStatements, begun };
  const statement = (await statementAt(script, doubt - 1))?.statement;
  if (statement !== undefined && (onlineChangeOf(statement) !== null || repeats(statement))) {
    return { from: doubt - 1, begun };
  }
  throw unsettled(script, schema, {
    statement: doubt,
    inParts: statement !== undefined && commitsInParts(statement),
  });
}

function unsettled(
  { migration: { file }, statements: { length } }: Script,
  schema: string,
  { statement, inParts }: { readonly statement: number; readonly inParts: boolean },
): SqlmigError {
  const unknown = inParts ? 'how much of its work is committed' : 'whether it took effect';
  const [again, after] = inParts
    ? ['runs it again', 'keeps what it did']
    : ['if it did not take effect', 'if it did'];
  const message = `statement ${statement} was started; sqlmig cannot determine ${unknown}`;
  return new SqlmigError('unsettled', message, {
    schema,
    file,
    statement,
    statements: length,
    state: 'nothing was run',
    hint: `check the database, then continue with --from-statement ${statement} (${again}) or --from-statement ${statement + 1} (${after})`,
  });
}
