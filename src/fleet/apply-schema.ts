import { applyUnits, createHistory } from '../execute/apply.ts';
import { type Attempt, appliedMigration } from '../execute/attempt.ts';
import { applyNonTransactional } from '../execute/non-transactional.ts';
import { withApplied } from '../execute/unit-place.ts';
import type { UnitSchema } from '../protocol/unit-context.ts';
import type { AppliedMigration } from '../results.ts';
import { createSessionSlot } from '../run/session-slot.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { basisOf } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { noteAttempted } from '../state/undo-basis.ts';
import type { StartLimits } from './fleet-work.ts';
import { type Gate, unitSchema } from './gate.ts';
import type { Migrator } from './migrator.ts';
import { groupScripts } from './turns.ts';

/** A schema to migrate, with the gate and the limits of the run. */
export interface SchemaWork {
  readonly target: Target;
  readonly gate: Gate | null;
  readonly limits: StartLimits;
}

/** Applies the pending files of a schema: transactional ones in groups that share messages, each other file alone. */
export async function applySchema(
  migrator: Migrator,
  session: Session,
  { target, gate, limits }: SchemaWork,
): Promise<Attempt> {
  const { undo } = basisOf(migrator.source, target.scope);
  const { context, settings } = migrator;
  let schema = unitSchema(target, gate);
  const groups = groupScripts(await migrator.scripts.of(target), schema);
  if (!target.hasHistory && !settings.signal.aborted) {
    const created = await createHistory(session, { schema, context });
    if ('kind' in created) return created;
    schema = created;
  }
  const done: AppliedMigration[] = [];
  for (const group of groups) {
    const attempt = await applyGroup(migrator, session, { group, schema, limits });
    migrator.turns.learn(attempt);
    if (attempt.kind !== 'done') {
      if (undo !== undefined) noteAttempted(undo, target.schema, [...done, ...attempted(group, attempt)]);
      return attempt;
    }
    done.push(...attempt.applied);
    schema = withApplied(schema, group);
  }
  return { kind: 'done', applied: done };
}

/** The migrations that an unfinished attempt may have undone: all, unless it only waited for its first lock. */
function attempted(group: readonly Script[], attempt: Attempt): AppliedMigration[] {
  const sentNothing = attempt.kind === 'stopped' || (attempt.kind === 'retry' && attempt.reason === 'busy');
  return sentNothing && group.length === 1 ? [] : group.map(({ migration }) => appliedMigration(migration));
}

async function applyGroup(
  migrator: Migrator,
  session: Session,
  {
    group,
    schema,
    limits,
  }: Pick<SchemaWork, 'limits'> & {
    readonly group: readonly Script[];
    readonly schema: UnitSchema;
  },
): Promise<Attempt> {
  const { turns, indexJobs, settings } = migrator;
  const context = limits.apart ? { ...migrator.context, transactionPerFile: true } : migrator.context;
  const [first] = group;
  const applyTogether = (scripts: readonly Script[]) =>
    applyUnits(session, { schema, scripts }, { context, signal: settings.signal });
  if (first === undefined || first.nonTransactional === null)
    return turns.inTurn(group, schema, () => applyTogether(group));
  const created = await applyTogether([]);
  if (created.kind !== 'done') return created;
  // It may start long after its schema.
  const start = async (): Promise<Attempt> => {
    if (limits.isStopped()) return { kind: 'stopped' };
    const attempt = await applyAlone(migrator, session, { script: first, schema });
    if (attempt.kind === 'failed') limits.failing();
    return attempt;
  };
  return indexJobs(() => turns.inTurn(group, schema, start));
}

/** Applies a non-transactional file. Through a pooler it needs a session that no other client shares. */
async function applyAlone(
  { run, context, settings }: Migrator,
  session: Session,
  { script, schema }: { readonly script: Script; readonly schema: UnitSchema },
): Promise<Attempt> {
  const open = run.pooled ? await run.exclusive() : null;
  const { signal } = settings;
  if (open === null) return applyNonTransactional(session, { script, schema, context }, { signal });
  const direct = createSessionSlot(open, signal);
  try {
    return await applyNonTransactional(await direct.session(), { script, schema, context }, { signal });
  } finally {
    await direct.close();
  }
}
