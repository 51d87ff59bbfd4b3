import { withHint } from '../errors.ts';
import { isStillListed } from '../fleet/enlist.ts';
import { betweenDatabases } from '../lifecycle/between-databases.ts';
import { dropSchema } from '../lifecycle/drop.ts';
import { type EndedMove, type EndMoveOptions, endMoveKinds, plannedEnd } from '../lifecycle/end-of-move.ts';
import { copyChanged, readChangedTables } from '../lifecycle/move-check.ts';
import {
  copyGone,
  endMove,
  finishedWithoutCopyHint,
  type MoveRecord,
  notMoved,
} from '../lifecycle/move-record.ts';
import { databasePlace, type MoveSides, type MoveState, placeWords } from '../lifecycle/move-sides.ts';
import { schemaMissing } from '../lifecycle/tenant.ts';
import type { Config } from '../project/config.ts';
import { checkValue, yesOrNo } from '../project/option.ts';
import { historyTablesIn } from '../project/scope-view.ts';

/**
 * Drops a moved tenant in its old database, as `dropTenant` does. The other database must still have the copy, and the old
 * schema nothing that was not copied. After an interruption, the next call continues.
 * @throws SqlmigError `bad-tenant-name`, `schema-missing`, `not-moved`, and if it cannot start: `bad-usage`,
 *   `config-invalid`, mistakes in the files, no connection.
 */
export function finishMove(config: Config, options: EndMoveOptions): Promise<EndedMove> {
  return betweenDatabases(config, options, { kinds: endMoveKinds, work: finish });
}

async function finish(sides: MoveSides, state: MoveState, options: EndMoveOptions): Promise<EndedMove> {
  const { name, acceptChanges = false, accept } = options;
  const { config } = sides.source.run;
  const { run } = sides.source;
  const record = requireFinishable(state, placeWords(databasePlace(sides.target.run)));
  const { exists } = state.target;
  const place = { schema: name, histories: historyTablesIn(config) };
  const changed =
    exists && record.state === 'copied'
      ? await run.read((session) => readChangedTables(session, place, record))
      : [];
  const plan = { ...plannedEnd(sides, record), drops: exists ? databasePlace(run) : null, changed };
  const end = { ...plan, accepted: false, listed: false };
  if (changed.length > 0 && !acceptChanges) {
    const hint =
      'they are not in the other database: copy them by hand and pass --accept-changes, or go back with --undo';
    return { ...end, state: 'failed', error: copyChanged(name, changed, hint).details };
  }
  const accepted = !exists || (await accept(plan));
  checkValue('the answer of accept', accepted, yesOrNo);
  if (!accepted) return { ...end, state: 'unchanged' };
  const { publicSchema } = config;
  await sides.target.run.read((session) => endMove(session, record, { state: 'finished', publicSchema }));
  const error = exists ? await dropSchema(sides.source, state.target) : null;
  if (error !== null)
    return { ...end, accepted, state: 'failed', error: { ...error, database: run.database } };
  return { ...end, accepted, state: 'finished', listed: await isStillListed(run, name) };
}

/** @throws SqlmigError if there is no complete copy. */
function requireFinishable({ target, mark, record }: MoveState, place: string): MoveRecord {
  const { schema, exists, trouble } = target;
  const isHalfDropped = trouble?.code === 'half-dropped';
  if (trouble !== null && trouble.code !== 'tenant-moved' && !isHalfDropped) throw trouble;
  if (!exists && record === null) throw schemaMissing(schema);
  if (record === null || (exists && mark === null)) throw notMoved(schema, `${place} has no record of it`);
  if (record.state === 'copying')
    throw withHint(
      notMoved(schema, 'the copy is not complete'),
      'run the command without --finish to complete it',
    );
  if (record.state === 'undone')
    throw withHint(notMoved(schema, 'it was undone'), 'run --undo again to complete it');
  if (record.copy === null && exists)
    throw copyGone(
      record,
      place,
      record.state === 'finished' ? finishedWithoutCopyHint : 'go back with --undo',
    );
  return record;
}
