import { applyUnits } from '../execute/apply.ts';
import type { Attempt } from '../execute/attempt.ts';
import { applyNonTransactional } from '../execute/non-transactional.ts';
import { withApplied } from '../execute/unit-place.ts';
import type { UnitSchema } from '../protocol/unit-context.ts';
import type { AppliedMigration } from '../results.ts';
import { createSessionSlot } from '../run/session-slot.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { type Gate, unitSchema } from './gate.ts';
import type { Migrator } from './migrator.ts';
import { groupScripts } from './turns.ts';

/** Applies all that a schema lacks: groups of transactional files in shared messages, each other file by itself. */
export async function applySchema(
  migrator: Migrator,
  session: Session,
  { target, gate }: { readonly target: Target; readonly gate: Gate | null },
): Promise<Attempt> {
  let schema = unitSchema(target, gate);
  let bootstrap = !target.hasHistory;
  const done: AppliedMigration[] = [];
  for (const group of groupScripts(await migrator.scripts.of(target), schema)) {
    const attempt = await applyGroup(migrator, session, { group, schema, bootstrap });
    migrator.turns.learn(attempt);
    if (attempt.kind !== 'done') return attempt;
    done.push(...attempt.applied);
    schema = withApplied(schema, group);
    bootstrap = false;
  }
  return { kind: 'done', applied: done };
}

async function applyGroup(
  migrator: Migrator,
  session: Session,
  {
    group,
    schema,
    bootstrap,
  }: { readonly group: readonly Script[]; readonly schema: UnitSchema; readonly bootstrap: boolean },
): Promise<Attempt> {
  const { context, turns, indexJobs, settings } = migrator;
  const [first] = group;
  const joined = (scripts: readonly Script[]) =>
    applyUnits(session, { schema, scripts, bootstrap }, { context, signal: settings.signal });
  if (first === undefined || first.nonTransactional === null)
    return turns.inTurn(group, schema, () => joined(group));
  const created = await joined([]);
  if (created.kind !== 'done') return created;
  return indexJobs(() =>
    turns.inTurn(group, schema, () => stepwise(migrator, session, { script: first, schema })),
  );
}

/** Behind a pooler a session is not ours alone; otherwise the worker's is. */
async function stepwise(
  { run, context, settings }: Migrator,
  session: Session,
  { script, schema }: { readonly script: Script; readonly schema: UnitSchema },
): Promise<Attempt> {
  const open = run.pooled ? await run.exclusive() : null;
  if (open === null) return applyNonTransactional(session, { script, schema, context });
  const direct = createSessionSlot(open, settings.signal);
  try {
    return await applyNonTransactional(await direct.session(), { script, schema, context });
  } finally {
    await direct.close();
  }
}
