import { createScheduler } from '../decide/scheduler.ts';
import type { SchemaOutcome } from '../results.ts';
import { createSessionSlot } from '../run/session-slot.ts';
import type { Target } from '../state/target.ts';
import type { FleetWork } from './fleet-work.ts';
import { canaryFailed, countsAsFailure, finished, interrupted, stopped, withError } from './outcome.ts';
import { createSettlement } from './settlement.ts';
import { createWakeup } from './wakeup.ts';
import { runWorker, type WorkerPool } from './worker.ts';

/** Schemas that are migrated in parallel under one set of limits. */
export interface Fleet {
  /** Migrates schemas; gives one outcome each, in the order of `targets`. What failed before still counts. */
  migrate(targets: readonly Target[]): Promise<SchemaOutcome[]>;
}

const noLimit = { failures: Number.POSITIVE_INFINITY, canaryFailures: Number.POSITIVE_INFINITY };

/**
 * A fleet. `createScheduler` decides what is started when; here that is done: workers attempt schemas, what became of
 * each is settled by its history, and the failure of one is its own outcome.
 */
export function createFleet(work: FleetWork): Fleet {
  const { limits: { stopRule, canaries } = { stopRule: noLimit }, waitForLockMs, batches, signal } = work;
  const outcomes = new Map<string, SchemaOutcome>();
  const scheduler = createScheduler<Target>({
    stopRule,
    ...(canaries && { canaries }),
    ...(batches && { companions: batches.companions }),
    waitForLockMs,
    random: Math.random,
  });
  const settlement = createSettlement(work);
  const pool: WorkerPool = {
    scheduler,
    settlement,
    wakeup: createWakeup(signal),
    workers: 0,
    settle(outcome) {
      const { schema, state } = outcome;
      outcomes.set(schema, outcome);
      const settled = { schema, failed: countsAsFailure(outcome), behind: state === 'failed' };
      scheduler.settled(settled, performance.now());
      work.emit({ type: 'schema-finished', outcome });
    },
  };

  const admit = (targets: readonly Target[]): number => {
    const open = targets.filter((target) => {
      const refusal = isUnsure(target) ? null : work.refusalOf(target);
      if (refusal !== null) pool.settle(withError(target, 'failed', refusal, work.outcomes));
      else if (isUnsure(target) || work.hasWork(target)) return true;
      else pool.settle(finished(target, [], work.outcomes));
      return false;
    });
    scheduler.add(open, isUnsure);
    return open.length;
  };
  /** Settles what never had its turn, or came back and had no other. */
  const close = async () => {
    const { failedCanaries, tenants } = scheduler.failures;
    const reason = scheduler.stopped === 'canaries' ? canaryFailed(failedCanaries) : stopped(tenants);
    const error = signal.aborted ? interrupted() : reason;
    const slot = createSessionSlot(work.openSession, signal);
    for (const { target, retries } of scheduler.drain()) {
      if (retries === 0) pool.settle(withError(target, 'skipped', error, work.outcomes));
      else pool.settle(await settlement.asItIs(target, 'skipped', error, slot));
    }
    await slot.close();
  };
  return {
    async migrate(targets) {
      const workers = Math.min(work.concurrency, admit(targets));
      const ended = await Promise.allSettled(Array.from({ length: workers }, () => runWorker(pool, work)));
      for (const end of ended) if (end.status === 'rejected') throw end.reason;
      await close();
      return targets.flatMap(({ schema }) => outcomes.get(schema) ?? []);
    },
  };
}

/** True where a migration is running, or was free since a moment: looking again tells (see `rereadTarget`). */
function isUnsure({ plan }: Target): boolean {
  return plan.refusal?.kind === 'incomplete';
}
