import { withHint } from '../errors.ts';
import { findSchemas } from '../history/presence.ts';
import { betweenDatabases } from '../lifecycle/between-databases.ts';
import { type EndedMove, type EndMoveOptions, endMoveKinds, plannedEnd } from '../lifecycle/end-of-move.ts';
import { dropCopy, reopenTenant } from '../lifecycle/move-back.ts';
import { copyChanged, readChangedTables } from '../lifecycle/move-check.ts';
import { copyGone, finishedWithoutCopyHint, type MoveRecord, notMoved } from '../lifecycle/move-record.ts';
import { databasePlace, type MoveSides, type MoveState, placeWords } from '../lifecycle/move-sides.ts';
import type { Config } from '../project/config.ts';
import { checkValue, yesOrNo } from '../project/option.ts';
import { historyTablesIn } from '../project/scope-view.ts';

/**
 * Goes back from a move that is not finished: drops the copy in the other database, unless its rows have changed since
 * they were copied, then makes the tenant writable again in its old database. After an interruption, the next call continues.
 * @throws SqlmigError `bad-tenant-name`, `not-moved`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the
 *   files, no connection.
 */
export function undoMove(config: Config, options: EndMoveOptions): Promise<EndedMove> {
  return betweenDatabases(config, options, { kinds: endMoveKinds, work: undo });
}

async function undo(sides: MoveSides, state: MoveState, options: EndMoveOptions): Promise<EndedMove> {
  const { name, acceptChanges = false, accept } = options;
  const { config } = sides.source.run;
  const { source, target } = sides;
  const record = requireUndoable(state, placeWords(databasePlace(target.run)));
  await requireNoOther(sides, record);
  const { copy } = record;
  const place = { schema: copy ?? name, histories: historyTablesIn(config) };
  const changed =
    copy !== null && record.state === 'copied'
      ? await target.run.read((session) => readChangedTables(session, place, record))
      : [];
  const plan = {
    ...plannedEnd(sides, record),
    drops: copy === null ? null : databasePlace(target.run),
    changed,
  };
  const end = { ...plan, accepted: false, listed: false };
  const changedError = (tables: readonly string[]) => copyChanged(name, tables, changedHint);
  if (changed.length > 0 && !acceptChanges)
    return { ...end, state: 'failed', error: changedError(changed).details };
  const accepted = await accept(plan);
  checkValue('the answer of accept', accepted, yesOrNo);
  if (!accepted) return { ...end, state: 'unchanged' };
  const refuse = acceptChanges ? null : changedError;
  const error =
    (await dropCopy(target, record, refuse)) ?? (await reopenTenant(source, state.target, record));
  return error === null
    ? { ...end, accepted, state: 'undone' }
    : { ...end, accepted, state: 'failed', error };
}

const changedHint =
  'to keep them, finish this move and move the tenant back; to lose them, pass --accept-changes';

/** @throws SqlmigError if another schema has the place of a copy that is gone: it may be the copy, restored. */
async function requireNoOther({ target: { run } }: MoveSides, record: MoveRecord): Promise<void> {
  const { schema, state, copy } = record;
  if (state !== 'copied' || copy !== null) return;
  const taken = await run.read((session) => findSchemas(session, [schema], run.config.historyTable));
  const place = placeWords(databasePlace(run));
  if (taken.has(schema)) throw copyGone(record, place, 'drop the other schema of this name there');
}

/** @throws SqlmigError if there is nothing to undo. */
function requireUndoable({ target, mark, record }: MoveState, place: string): MoveRecord {
  const { schema, trouble } = target;
  if (trouble !== null && trouble.code !== 'tenant-moved') throw trouble;
  if (record === null || (mark === null && record.state !== 'undone'))
    throw notMoved(schema, `${place} has no record of it`);
  if (record.state === 'finished')
    throw withHint(
      notMoved(schema, 'it was finished'),
      record.copy === null ? finishedWithoutCopyHint : 'complete it with --finish',
    );
  return record;
}
