import { unitStates } from '../errors.ts';
import { historyTable, rowOf } from '../history/history.ts';
import { markUndone, unmarked } from '../history/undo-mark.ts';
import { historyKey } from '../project/order.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';
import { durationColumns, inMilliseconds } from './durations.ts';
import { type Check, holds, raise } from './refusal.ts';
import type { Unit } from './unit-context.ts';
import { begunColumn, keptValues } from './unit-row.ts';

/**
 * Marks the row of a migration that is about to be undone, if `condition` holds, and reports that its down file begins.
 * A second run waits for this row and then finds it deleted, just as a second `up` finds the row already there.
 */
export function markRow(unit: Unit, condition = 'true'): string {
  const { script, schema, context } = unit;
  const { checksum } = script.migration;
  const set = `run_id = ${quoteLiteral(context.runId)}, checksum = ${quoteLiteral(checksum)}, applied_at = clock_timestamp()`;
  const update = `update ${tableOf(unit)} set ${set} where ${rowOf(script.migration)} and state = 'applied' and ${condition} returning 1`;
  const state = schema.mayDiscardRows ? unitStates.rowRefused : unitStates.historyChanged;
  const lost: Check = ['not exists (select from kept)', state];
  const begun = `${quoteLiteral(historyKey(script.migration))} as ${begunColumn}`;
  return `with kept as (${update}) select ${begun}, ${holds([lost])} as kept;\n`;
}

/** Deletes the row that `markRow` has marked, and reports how long the down file took (see `durationOf`). */
export function removeRow(unit: Unit): string {
  const { script, schema } = unit;
  const took = inMilliseconds('clock_timestamp() - applied_at');
  const remove = `delete from ${tableOf(unit)} where ${rowOf(script.migration)} returning ${took} as ms`;
  const kept: Check = ['not exists (select from gone)', unitStates.rowRefused];
  const columns = durationColumns(schema, {
    key: quoteLiteral(historyKey(script.migration)),
    ms: '(select ms from gone)',
  });
  return `with gone as (${remove}) select ${columns}, ${holds([kept])} as kept;\n`;
}

/**
 * Records that a non-transactional down file starts, with its text, so that a release without the file can continue
 * it.
 */
export function beginUndo(unit: Unit): string {
  const { script, context } = unit;
  const { migration, statements } = script;
  const set = [
    `state = 'incomplete', checksum = ${markUndone(migration.checksum)}, run_id = ${quoteLiteral(context.runId)}`,
    `at_statement = null, done_statements = 0, statements = ${statements.length}`,
    ...Object.entries(keptValues(migration, context)).map(([column, value]) => `${column} = ${value}`),
  ];
  return changeRow(
    `update ${tableOf(unit)} set ${set.join(', ')} where ${rowOf(migration)} and state = 'applied'`,
  );
}

/** SQL statement: marks a migration as applied again if its down file had no effect or was reverted manually. */
export function revertUndo({
  script,
  schema,
  context,
}: Pick<Unit, 'script' | 'context'> & { readonly schema: Pick<Unit['schema'], 'schema'> }): string {
  const set = `state = 'applied', checksum = ${unmarked}, at_statement = null, done_statements = statements`;
  return `update ${historyTable(schema.schema, context.table)} set ${set} where ${rowOf(script.migration)} and state <> 'applied'`;
}

/** SQL statement: deletes the row of a migration whose down file is done. */
export function endUndo(unit: Unit): string {
  return `delete from ${tableOf(unit)} where ${rowOf(unit.script.migration)} and state <> 'applied'`;
}

function changeRow(change: string): string {
  return doBlock(`begin
  ${change};
  if not found then ${raise(unitStates.historyChanged)} end if;
end`);
}

function tableOf({ schema, context }: Unit): string {
  return historyTable(schema.schema, context.table);
}
