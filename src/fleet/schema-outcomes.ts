import type { Scheduler } from '../decide/scheduler.ts';
import type { SchemaOutcome } from '../results.ts';
import type { SessionSlot } from '../run/session-slot.ts';
import type { Target } from '../state/target.ts';
import type { FleetWork } from './fleet-work.ts';
import { createLastRead } from './last-read.ts';
import {
  countsAsFailure,
  type Done,
  finished,
  outcomeKey,
  outcomeUnknown,
  type Stop,
  withError,
} from './outcome.ts';
import { gone } from './schema-errors.ts';

/** A stop after a schema was put off or sent something. */
interface LateStop extends Stop {
  /** If false, the schema may be up to date: by another run, or by a commit whose answer was lost. */
  readonly migrationFailed?: boolean;
}

/** The outcomes of a fleet's schemas: works out each, reports it, and passes it to the scheduler. */
export interface SchemaOutcomes {
  /** Notes when work in a schema began; `schema-finished` has the time since then. */
  begin(target: Target): void;
  /** Settles a schema that is up to date, with what was applied. */
  finish(target: Target, done?: Done): void;
  /** Settles a schema that was sent nothing since it was read. */
  stop(target: Target, stop: Stop): void;
  /** Settles a schema that may have changed since it was read: its history is read again. */
  stopAsFound(target: Target, stop: LateStop, slot: SessionSlot): Promise<void>;
  /** Settles a schema that was dropped or renamed: a failure only if it is still listed. */
  stopGone(target: Target, slot: SessionSlot): Promise<void>;
  /** The outcomes of settled schemas, in the order of `targets`. */
  outcomesOf(targets: readonly Target[]): SchemaOutcome[];
}

/** The outcomes of a fleet that has settled nothing yet. */
export function createSchemaOutcomes(work: FleetWork, scheduler: Scheduler<Target>): SchemaOutcomes {
  const { context, emit, hasWork, schemaRefusal, signal } = work;
  const outcomes = new Map<string, SchemaOutcome>();
  const begun = new Map<string, number>();
  const readLast = createLastRead(work.rereadTarget, signal);

  const settle = (outcome: SchemaOutcome) => {
    const { schema, state } = outcome;
    const key = outcomeKey(outcome);
    outcomes.set(key, outcome);
    const now = performance.now();
    scheduler.settled({ schema, failed: countsAsFailure(outcome), behind: state === 'failed' }, now);
    const since = begun.get(key);
    const elapsed = since === undefined ? {} : { elapsedMs: Math.round(now - since) };
    emit({ type: 'schema-finished', outcome, ...elapsed });
  };
  const finish: SchemaOutcomes['finish'] = (target, done) => settle(finished(target, context, done));
  const stop: SchemaOutcomes['stop'] = (target, how) => settle(withError(target, how, context));
  const stopGone: SchemaOutcomes['stopGone'] = async (target, slot) => {
    const isListed = async () => work.isListed(await slot.session(), target.schema);
    const listed = await isListed().catch(() => true);
    stop(target, { state: listed ? 'failed' : 'skipped', error: gone(listed) });
  };

  return {
    begin(target) {
      const key = targetKey(target);
      if (!begun.has(key)) begun.set(key, performance.now());
    },
    finish,
    stop,
    async stopAsFound(target, how, slot) {
      const now = await readLast(target.schema, slot);
      if (now === null) settle(outcomeUnknown(target, how.error, context));
      else if (target.exists && !now.exists) await stopGone(now, slot);
      else if (how.migrationFailed !== true && schemaRefusal(now) === null && !hasWork(now)) finish(now);
      else stop(now, how);
    },
    stopGone,
    outcomesOf: (targets) => targets.flatMap((target) => outcomes.get(targetKey(target)) ?? []),
  };
}

function targetKey({ scope, schema, trouble }: Target): string {
  return outcomeKey({ scope, schema, error: trouble });
}
