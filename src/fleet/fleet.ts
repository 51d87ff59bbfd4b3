import { createScheduler, type SchedulerRules } from '../decide/scheduler.ts';
import type { SqlmigError } from '../errors.ts';
import type { SchemaOutcome } from '../results.ts';
import { createSessionSlot } from '../run/session-slot.ts';
import type { Target } from '../state/target.ts';
import type { FleetWork } from './fleet-work.ts';
import { stopError } from './schema-errors.ts';
import { createSchemaOutcomes } from './schema-outcomes.ts';
import { createWakeup } from './wakeup.ts';
import { runWorker, type WorkerPool } from './worker.ts';

/** Schemas that are migrated in parallel by one set of rules. */
export interface Fleet {
  /** Migrates schemas. Returns one outcome each, in the order of `targets`. Failures of earlier calls still count. */
  migrate(targets: readonly Target[]): Promise<SchemaOutcome[]>;
  /** Why the check of the canaries failed; `null` if it did not. */
  readonly checkFailure: SqlmigError | null;
}

/** A fleet: workers do what `createScheduler` decides. The failure of a schema is its own outcome. */
export function createFleet(work: FleetWork): Fleet {
  const scheduler = createScheduler<Target>(rulesOf(work));
  const outcomes = createSchemaOutcomes(work, scheduler);
  const pool: WorkerPool = {
    work,
    scheduler,
    outcomes,
    wakeup: createWakeup(work.signal),
    workers: 0,
    checkFailure: null,
  };
  return {
    async migrate(targets) {
      const workers = Math.min(work.concurrency, addOrSettle(pool, targets));
      const ended = await Promise.allSettled(Array.from({ length: workers }, () => runWorker(pool)));
      for (const end of ended) if (end.status === 'rejected') throw end.reason;
      await stopRest(pool);
      return outcomes.outcomesOf(targets);
    },
    get checkFailure() {
      return pool.checkFailure;
    },
  };
}

const noLimit = { failures: Number.POSITIVE_INFINITY, canaryFailures: Number.POSITIVE_INFINITY };

function rulesOf({ rules, batches, waitForLockMs }: FleetWork): SchedulerRules<Target> {
  return {
    stopRule: noLimit,
    ...rules,
    checksCanaries: rules?.checkCanaries !== undefined,
    ...(batches && { companions: batches.companions }),
    waitForLockMs,
    random: Math.random,
  };
}

/** Passes schemas with work to the scheduler, and settles the others. Returns how many have work. */
function addOrSettle({ work, scheduler, outcomes }: WorkerPool, targets: readonly Target[]): number {
  const open = targets.filter((target) => {
    if (isUnsure(target)) return true;
    const refusal = work.schemaRefusal(target);
    if (refusal !== null) outcomes.stop(target, { state: 'failed', error: refusal });
    else if (work.hasWork(target)) return true;
    else outcomes.finish(target);
    return false;
  });
  scheduler.add(open, isUnsure);
  return open.length;
}

/** True if another run may be at work on the incomplete migration, or has just finished it (see `rereadTarget`). */
function isUnsure({ plan }: Target): boolean {
  return plan.refusal?.kind === 'incomplete';
}

/** Settles the schemas that were not started, or were put aside and not retried. */
async function stopRest({ work, scheduler, outcomes }: WorkerPool): Promise<void> {
  const stop = { state: 'skipped', error: stopError(scheduler, work) } as const;
  const slot = createSessionSlot(work.openSession, work.signal);
  for (const { target, retries } of scheduler.drain()) {
    if (retries === 0) outcomes.stop(target, stop);
    else await outcomes.stopAsFound(target, stop, slot);
  }
  await slot.close();
}
