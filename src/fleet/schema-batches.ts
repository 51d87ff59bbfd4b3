import { appliedMigration } from '../execute/attempt.ts';
import { applyBatch, type BatchPart } from '../execute/schema-batch.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { AppliedMigration } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { Migration } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';

/** Lets schemas with the same single, quick pending file share messages: a message costs more than such a file. */
export interface SchemaBatches {
  /** How many of the next schemas, of all that are `waiting`, may share a message with this one. */
  companions(
    first: Target,
    next: readonly { readonly target: Target; readonly retries: number }[],
    waiting: number,
  ): number;
  /** Applies the pending file of each. Returns what was applied, from the first on; see `applyBatch` for the others. */
  attempt(session: Session, targets: readonly Target[]): Promise<readonly AppliedMigration[]>;
  /** Records how long migrations took in a schema. */
  note(target: Target, applied: readonly AppliedMigration[]): void;
}

// A batch holds up to this many units, so one of quick files ends within a fraction of a second.
const mostUnits = 16;
const quickMs = 10;
const quickLength = 4_096;
// A file must be quick in this many schemas before it is batched: one that fails is run again alone to find out why,
// which must not cost much.
const provenAfter = 4;

/** The batches of a run. `part` returns the part of a schema, or `null` if it needs a message of its own. */
export function createSchemaBatches(
  part: (target: Target, migration: Migration) => BatchPart | null,
  context: UnitContext,
  concurrency: number,
): SchemaBatches {
  const timings = new Map<Migration, { ms: number; schemas: number }>();
  const isQuick = (migration: Migration) => {
    const { ms, schemas } = timings.get(migration) ?? { ms: 0, schemas: 0 };
    return schemas >= provenAfter && ms / schemas <= quickMs;
  };
  const onlyStep = ({ plan, hasHistory }: Target) =>
    hasHistory && plan.steps.length === 1 ? (plan.steps[0] ?? null) : null;
  /** The targets before the first one that needs a separate message. */
  const readyParts = (targets: readonly Target[]) => {
    const parts: BatchPart[] = [];
    for (const target of targets) {
      const step = onlyStep(target);
      const ready = step === null ? null : part(target, step);
      if (ready === null) break;
      parts.push(ready);
    }
    return parts;
  };
  return {
    companions(first, next, waiting) {
      const step = onlyStep(first);
      if (step === null || step.text.length > quickLength || !isQuick(step) || part(first, step) === null)
        return 0;
      const most = Math.min(mostUnits - 1, Math.floor(waiting / (2 * concurrency)), next.length);
      const end = next
        .slice(0, most)
        .findIndex(({ target, retries }) => retries > 0 || onlyStep(target) !== step);
      return end === -1 ? most : end;
    },
    async attempt(session, targets) {
      const parts = readyParts(targets);
      if (parts.length === 0) return [];
      const durations = await applyBatch(session, parts, context);
      return parts
        .slice(0, durations.length)
        .map(({ script: { migration } }, i) => appliedMigration(migration, durations[i]));
    },
    note({ plan }, done) {
      const [step] = plan.steps;
      const [only] = done;
      if (step === undefined || only === undefined || done.length > 1) return;
      const { ms, schemas } = timings.get(step) ?? { ms: 0, schemas: 0 };
      timings.set(step, { ms: ms + only.durationMs, schemas: schemas + 1 });
    },
  };
}
