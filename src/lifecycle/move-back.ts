import { SqlmigError } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { readMoveMark } from '../history/move-mark.ts';
import { schemaReplaced } from '../protocol/unit-checks.ts';
import { type UnitContext, type UnitSchema, unitWithoutHistory } from '../protocol/unit-context.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { begin, commit } from '../protocol/unit-settings.ts';
import { errorOfRepair, repairSchemas } from '../repair/repair.ts';
import type { ErrorDetails } from '../results.ts';
import { unitContext } from '../run/context.ts';
import { whenFree } from '../run/when-free.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';
import { tenantMoved } from '../state/trouble.ts';
import { dropSchema } from './drop.ts';
import { changedTables } from './move-check.ts';
import { lockSource, rollBack } from './move-copy.ts';
import { openTenant, raiseFence } from './move-fence.ts';
import { endMove, type MoveRecord } from './move-record.ts';
import { findTenant } from './tenant.ts';

/**
 * Drops a copy. In one transaction, makes it read-only, requires that it is unchanged unless `refuse` is `null`, and records
 * that the move is undone; then drops it. Returns `null` on success.
 */
export async function dropCopy(
  work: MigrationRun,
  record: MoveRecord,
  refuse: ((changed: readonly string[]) => SqlmigError) | null,
): Promise<ErrorDetails | null> {
  const { copy } = record;
  if (copy === null) return endWithoutCopy(work, record);
  const { target } = await findTenant(work, copy);
  if (record.state !== 'undone') {
    if (target.trouble !== null) return target.trouble.details;
    const error = await underKey(work, target, async (session, schema, context) => {
      await lockSource(session, schema, context);
      const place = { schema: copy, histories: context.historyTables };
      const changed = refuse === null ? [] : await changedTables(session, place, record);
      if (refuse !== null && changed.length > 0) throw refuse(changed);
      await session.run(raiseFence(copy, undone, context.historyTables));
      await endMove(session, record, { state: 'undone', publicSchema: context.publicSchema });
      await session.run(commit);
    });
    if (error !== null) return error;
  }
  return target.exists ? dropSchema(work, target) : null;
}

const undone = { message: 'the move of this tenant was undone', hint: 'connect to its old database' };

/** Records that a move without a copy is undone, under the key of the name: a running copy holds this key. */
async function endWithoutCopy(work: MigrationRun, record: MoveRecord): Promise<ErrorDetails | null> {
  const { run, settings } = work;
  const context = unitContext(run, { ...settings, sync: true });
  const schema = unitWithoutHistory(record.schema, 'tenant');
  const end = async () => {
    const session = await run.openSession();
    try {
      await session.run(`${begin(context)}${takeLocks(schema, context, { activity: 'move' })}`);
      await endMove(session, record, { state: 'undone', publicSchema: context.publicSchema });
      await session.run(commit);
    } catch (error) {
      const attempt = attemptOf(error, { schema, context });
      throw 'error' in attempt ? attempt.error : error;
    } finally {
      await session.close();
    }
  };
  try {
    await whenFree(settings, end);
    return null;
  } catch (error) {
    if (error instanceof SqlmigError) return error.details;
    throw error;
  }
}

/** Makes the tenant of an undone move writable again, unless another move has closed it since. */
export function reopenTenant(
  work: MigrationRun,
  target: Target,
  { id }: Pick<MoveRecord, 'id'>,
): Promise<ErrorDetails | null> {
  return underKey(work, target, async (session, schema, context) => {
    const locks = takeLocks(schema, context, { activity: 'move', checks: [schemaReplaced(schema)] });
    await session.run(`${begin(context)}${locks}`);
    const mark = await readMoveMark(session, schema.schema, context.table);
    if (mark !== null && mark.id !== id) throw tenantMoved(schema.schema, mark);
    // DROP … CASCADE names the triggers.
    const open = openTenant(schema.schema, mark, context);
    await session.run(`${open}${commit}`, undefined, () => {});
  });
}

/** Runs a step that takes the key of a tenant, and retries it while the key is held. Returns `null` on success. */
async function underKey(
  work: MigrationRun,
  target: Target,
  step: (session: Session, schema: UnitSchema, context: UnitContext) => Promise<void>,
): Promise<ErrorDetails | null> {
  const { run, settings } = work;
  const context = unitContext(run, { ...settings, sync: true });
  let done = false;
  const outcomes = await repairSchemas(work, [target], {
    hasWork: () => !done,
    openSession: () => run.openSession(),
    schemaRefusal: () => null,
    async attempt(session, now): Promise<Attempt> {
      const schema = unitSchema(now, null);
      try {
        await step(session, schema, context);
        done = true;
        return { kind: 'done', applied: [] };
      } catch (error) {
        await rollBack(session);
        return attemptOf(error, { schema, context });
      }
    },
  });
  return done ? null : errorOfRepair(outcomes);
}
