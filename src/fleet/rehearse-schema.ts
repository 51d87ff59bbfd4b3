import type { Attempt } from '../execute/attempt.ts';
import { type Rehearsal, rehearseUnits } from '../execute/rehearse.ts';
import type { PendingFiles } from '../protocol/message.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';
import { unitSchema } from './gate.ts';
import type { Migrator } from './migrator.ts';
import { rehearsable } from './rehearsable.ts';

/** What to rehearse. */
export interface ToRehearse {
  readonly target: Target;
  /** Public, if what it lacks runs first. */
  readonly shared: Target | null;
  readonly after?: Rehearsal['after'];
  readonly measures?: boolean;
}

/** Runs what a schema lacks, for a tenant after what `shared`, public, lacks, in one transaction that is rolled back. */
export async function rehearseSchema(
  migrator: Migrator,
  session: Session,
  { target, shared, after, measures = false }: ToRehearse,
): Promise<Attempt> {
  const { context, turns, scripts } = migrator;
  const before = shared === null ? [] : [await partOf(migrator, shared)];
  const last = await partOf(migrator, target);
  return turns.inTurn(last.scripts, last.schema, () =>
    rehearseUnits(
      session,
      { parts: [...before, last], before: scripts.installing, measures, ...(after && { after }) },
      context,
    ),
  );
}

async function partOf({ scripts }: Migrator, target: Target): Promise<PendingFiles> {
  return {
    schema: unitSchema(target, null),
    scripts: rehearsable(await scripts.of(target)).scripts,
    bootstrap: !target.hasHistory,
  };
}
