import { backoffMs, shuffled } from './backoff.ts';
import {
  type CompanionCount,
  createJobQueue,
  type Job,
  type JobQueue,
  type Preference,
} from './job-queue.ts';
import { createPatience, firstReportMs } from './patience.ts';
import { mostRetries, type RetryReason } from './retry.ts';
import type { Failures, StopRule } from './stop-rule.ts';
import { createTally, type Settled, type Stopped } from './tally.ts';

/** What a worker does next. */
export type Action<T> =
  /** Make the first attempt at `jobs`: the next schema and those that may share its messages. */
  | { readonly kind: 'start'; readonly jobs: readonly [Job<T>, ...Job<T>[]] }
  /** Read a schema again, since another run may have finished it, then retry it. */
  | { readonly kind: 'retry'; readonly job: Job<T> }
  /** Report that nothing has moved for `waitedMs`; then ask again. */
  | { readonly kind: 'report-wait'; readonly job: Job<T>; readonly waitedMs: number }
  /** Fail all remaining jobs: nothing has moved for too long. */
  | { readonly kind: 'give-up'; readonly jobs: readonly Job<T>[]; readonly waitedMs: number }
  /** Check the canaries, which are all settled, and report the answer with `checked`. */
  | { readonly kind: 'check'; readonly canaries: readonly string[] }
  /** Ask again at `until`, or when another worker has finished something. */
  | { readonly kind: 'rest'; readonly until: number }
  /** Nothing is left, or nothing more may start. */
  | { readonly kind: 'done' };

/** The rules of a run over a set of schemas. */
export interface SchedulerRules<T> {
  readonly stopRule: StopRule;
  /** Schemas that go first; the others start only once all of these are settled. */
  readonly canaries?: ReadonlySet<string>;
  /** The canaries are checked before the others start. */
  readonly checksCanaries?: boolean;
  /** Give up after this many milliseconds without progress. */
  readonly waitForLockMs: number;
  /** Returns numbers from 0 up to 1, for the order of schemas and the time between attempts. */
  readonly random: () => number;
  /** How many of the next schemas may share messages with the first one, of all that are `waiting`; none by default. */
  readonly companions?: (first: T, next: readonly Job<T>[], waiting: number) => number;
}

/** Decides which schema is migrated next. It has no clock and no database: the caller passes `now` and the outcomes. */
export interface Scheduler<T> {
  /** Adds schemas with work, in random order; those that are `unsure` are read again before the first attempt. */
  add(targets: readonly T[], unsure?: (target: T) => boolean): void;
  /** The next action for a worker. Its jobs count as running until one of the methods below ends that. */
  next(now: number, prefers?: Preference<T>): Action<T>;
  /** A running schema is about to fail: the stop rule counts it until it is settled. */
  failing(schema: string): void;
  /** A schema has its outcome, whether it ever ran or not. */
  settled(outcome: Settled, now: number): void;
  /** The canaries have been checked: the others start only if they `passed`. */
  checked(passed: boolean): void;
  /** Puts a job off. Returns false if its retries are used up: then it is still running, and to be settled. */
  retry(job: Job<T>, reason: RetryReason, now: number): boolean;
  /** Returns jobs that were not begun after all to the front, in this order. */
  giveBack(jobs: readonly Job<T>[], now: number): void;
  /** Why nothing more starts; `null` while schemas may. */
  readonly stopped: Stopped | null;
  /** True once nothing is running or waiting, or nothing more may start. */
  readonly isOver: boolean;
  readonly failures: Failures & { readonly failedCanaries: readonly string[] };
  /** Takes out the jobs that were never settled, once nothing is running. */
  drain(): readonly Job<T>[];
}

const restMs = 1_000;

/** A scheduler without schemas. */
export function createScheduler<T extends { readonly schema: string }>(
  rules: SchedulerRules<T>,
): Scheduler<T> {
  const { canaries = new Set<string>(), random, companions = () => 0 } = rules;
  const queue = createJobQueue<T>();
  const running = createRunning();
  const tally = createTally(rules.stopRule, canaries, rules.checksCanaries);
  const patience = createPatience(rules.waitForLockMs);

  const isEmpty = () => queue.size + running.size === 0 && !tally.isChecking;
  const release = () => {
    if (tally.othersMayStart) queue.releaseHeld();
  };
  const retryOrReport = createRetry({ queue, running, patience });

  return {
    add(targets, unsure = () => false) {
      for (const target of shuffled(targets, random)) {
        const retries = unsure(target) ? 1 : 0;
        queue.add({ target, retries, because: {}, due: 0 }, !tally.expects(target.schema));
      }
      release();
    },
    next(now, prefers) {
      patience.start(now);
      if (tally.stopped !== null) return { kind: 'done' };
      const canaries = tally.beginCheck();
      if (canaries !== null) return { kind: 'check', canaries };
      const job = queue.take(now, prefers);
      if (job === undefined)
        return isEmpty() ? { kind: 'done' } : { kind: 'rest', until: Math.min(now + restMs, queue.nextDue) };
      if (job.retries > 0) return retryOrReport(job, now);
      const count: CompanionCount<T> = (next, waiting) => companions(job.target, next, waiting);
      const jobs = [job, ...queue.takeCompanions(count, prefers)] as const;
      running.start(jobs, now);
      return { kind: 'start', jobs };
    },
    failing: (schema) => tally.failing(schema),
    settled(outcome, now) {
      running.delete(outcome.schema);
      tally.settled(outcome);
      patience.progressed(now);
      release();
    },
    checked(passed) {
      tally.checked(passed);
      release();
    },
    retry(job, reason, now) {
      if ((job.because[reason] ?? 0) >= mostRetries[reason]) return false;
      running.delete(job.target.schema);
      // Only other runs are waited for by the clock; what else delays a schema has a limit of its own.
      if (reason !== 'busy' && reason !== 'waited') patience.progressed(now);
      queue.putOff(retried(job, reason, { now, random }));
      return true;
    },
    giveBack(jobs, now) {
      for (const { target } of jobs) running.delete(target.schema);
      queue.giveBack(jobs, now);
    },
    get stopped() {
      return tally.stopped;
    },
    get isOver() {
      return tally.stopped !== null || isEmpty();
    },
    get failures() {
      return tally.failures;
    },
    drain: () => queue.drain(),
  };
}

/** Retries jobs, unless there is a wait to report first: then the job returns to its place. */
function createRetry<T extends { readonly schema: string }>({
  queue,
  running,
  patience,
}: {
  readonly queue: JobQueue<T>;
  readonly running: ReturnType<typeof createRunning>;
  readonly patience: ReturnType<typeof createPatience>;
}): (job: Job<T>, now: number) => Action<T> {
  return (job, now) => {
    const { decision, waitedMs } = patience.decide(now, running.isLong(now));
    if (decision === 'go-on') {
      running.start([job], now);
      return { kind: 'retry', job };
    }
    queue.putOff(job, true);
    if (decision === 'report') return { kind: 'report-wait', job, waitedMs };
    const jobs = queue.drain();
    running.start(jobs, now);
    return { kind: 'give-up', jobs, waitedMs };
  };
}

/** A job after one more attempt that is to be retried. */
function retried<T>(
  job: Job<T>,
  reason: RetryReason,
  { now, random }: { readonly now: number; readonly random: () => number },
): Job<T> {
  const retries = job.retries + 1;
  const due = reason === 'waited' ? now : now + backoffMs(retries, random);
  return {
    ...job,
    retries,
    because: { ...job.because, [reason]: (job.because[reason] ?? 0) + 1 },
    last: reason,
    due,
  };
}

/** The schemas that are running, and since when. */
function createRunning() {
  const since = new Map<string, number>();
  return {
    start(jobs: readonly Job<{ readonly schema: string }>[], now: number) {
      for (const { target } of jobs) since.set(target.schema, now);
    },
    delete: (schema: string) => void since.delete(schema),
    /** True if one has run for so long that it counts as progress, whatever the others wait for. */
    isLong: (now: number) => [...since.values()].some((start) => now - start > firstReportMs),
    get size() {
      return since.size;
    },
  };
}
