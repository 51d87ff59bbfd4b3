import { backoffMs, shuffled } from './backoff.ts';
import { mostRetries, type RetryReason } from './retry.ts';
import { type Failures, type StopRule, stopReason } from './stop-rule.ts';

/** A schema that has work, and what came of the attempts at it so far. */
export interface Job<T> {
  readonly target: T;
  /** How often it was put aside, for whatever reason; decides how long it waits. Zero before the first attempt. */
  readonly retries: number;
  /** The same by reason; decides when it is given up. */
  readonly because: Readonly<Partial<Record<RetryReason, number>>>;
  /** The last of these reasons; absent before it was put aside. */
  readonly last?: RetryReason;
  /** When it may be tried again, in milliseconds of the caller's clock. */
  readonly due: number;
}

/** What a worker does next. */
export type Action<T> =
  /** First attempt at `jobs`: the schema whose turn it is and those that may share its messages. */
  | { readonly kind: 'start'; readonly jobs: readonly [Job<T>, ...Job<T>[]] }
  /** PlanBasis at a schema again, since others may have finished it, then try again. */
  | { readonly kind: 'retry'; readonly job: Job<T> }
  /** Report that nothing has moved for `waitedMs`; then ask again. */
  | { readonly kind: 'report-wait'; readonly job: Job<T>; readonly waitedMs: number }
  /** Fail all that is left: nothing has moved for too long. */
  | { readonly kind: 'give-up'; readonly jobs: readonly Job<T>[]; readonly waitedMs: number }
  /** Ask again at `until`, or when another worker has finished something. */
  | { readonly kind: 'rest'; readonly until: number }
  /** Nothing is left, or nothing more may be started. */
  | { readonly kind: 'done' };

/** What came of a schema, as far as it matters for the others. */
export interface Settled {
  readonly schema: string;
  /** A migration failed in it: it counts towards `StopRule.failures`. */
  readonly failed: boolean;
  /** It was refused or failed: as a canary it counts towards `StopRule.canaryFailures`. */
  readonly behind: boolean;
}

/** The rules of a run over a set of schemas. */
export interface SchedulerRules<T> {
  readonly stopRule: StopRule;
  /** Schemas that go first; the others start only once all of these are settled. */
  readonly canaries?: ReadonlySet<string>;
  /** Give up after this many milliseconds without progress. */
  readonly waitForLockMs: number;
  /** Gives numbers from 0 up to 1: for the order of schemas and for the time between attempts. */
  readonly random: () => number;
  /** How many of the schemas that are next may share messages with the first one; none by default. */
  readonly companions?: (first: T, next: readonly Job<T>[]) => number;
}

/** Decides what is done when over a set of schemas. It knows no clock and no database: `now` is given, outcomes are told. */
export interface Scheduler<T> {
  /** Adds schemas with work, in random order; those that are `unsure` are looked at again before the first attempt. */
  add(targets: readonly T[], unsure?: (target: T) => boolean): void;
  /** The next action for a worker; the jobs in it are running from then on, until one of the methods below ends that. */
  next(now: number): Action<T>;
  /** A schema came to its end, whether it was ever running or not. */
  settled(outcome: Settled, now: number): void;
  /** A job is to be tried again. False where that was tried often enough: then it is still running, to be settled. */
  retry(job: Job<T>, reason: RetryReason, now: number): boolean;
  /** Jobs that were not begun after all go back to the front, in this order. */
  giveBack(jobs: readonly Job<T>[], now: number): void;
  /** Why nothing more is started; `null` while schemas may be. */
  readonly stopped: 'canaries' | 'tenants' | null;
  /** True once nothing is running or waiting, or nothing more may be started. */
  readonly isOver: boolean;
  readonly failures: Failures & { readonly failedCanaries: readonly string[] };
  /** Takes out the jobs that were never settled, once nothing runs any more. */
  drain(): readonly Job<T>[];
}

const firstNoticeMs = 5_000;
const nextNoticeMs = 30_000;
const restMs = 1_000;
// The longest pause between two attempts: one that is due for longer goes before schemas that were not tried yet.
const overdueMs = 2_000;

/** A scheduler without schemas. */
export function createScheduler<T extends { readonly schema: string }>(
  rules: SchedulerRules<T>,
): Scheduler<T> {
  const { stopRule, canaries = new Set<string>(), waitForLockMs, random, companions = () => 0 } = rules;
  let ready: Job<T>[] = [];
  let afterCanaries: Job<T>[] = [];
  let aside: Job<T>[] = [];
  const running = new Map<string, number>();
  const openCanaries = new Set<string>();
  const failedCanaries: string[] = [];
  let failed = 0;
  let lastProgress: number | null = null;
  let noticeAfter = firstNoticeMs;

  const failures = () => ({ tenants: failed, canaries: failedCanaries.length, failedCanaries });
  const stopped = () => stopReason(stopRule, failures());

  const releaseOthers = () => {
    if (openCanaries.size > 0 || afterCanaries.length === 0) return;
    ready.push(...afterCanaries);
    afterCanaries = [];
  };
  const takeAside = (before: number): Job<T> | undefined => {
    const index = aside.findIndex(({ due }) => due <= before);
    return index === -1 ? undefined : aside.splice(index, 1)[0];
  };
  const run = (jobs: readonly Job<T>[], now: number) => {
    for (const job of jobs) running.set(job.target.schema, now);
  };
  /** A migration that has run for long is progress, whatever the others wait for. */
  const worksFor = (now: number) => [...running.values()].some((since) => now - since > firstNoticeMs);

  /** The job is back in its place where nothing is to be said. */
  const overWaiting = (job: Job<T>, now: number): Action<T> | null => {
    const waitedMs = Math.round(now - (lastProgress ?? now));
    if (waitedMs <= Math.min(noticeAfter, waitForLockMs) || worksFor(now)) return null;
    aside.unshift(job);
    if (waitedMs > waitForLockMs) {
      const jobs = [...aside, ...ready, ...afterCanaries];
      [aside, ready, afterCanaries] = [[], [], []];
      run(jobs, now);
      return { kind: 'give-up', jobs, waitedMs };
    }
    noticeAfter = waitedMs + nextNoticeMs;
    return { kind: 'report-wait', job, waitedMs };
  };

  const isEmpty = () => ready.length + aside.length + afterCanaries.length + running.size === 0;

  return {
    add(targets, unsure = () => false) {
      for (const target of shuffled(targets, random)) {
        const job = { target, retries: unsure(target) ? 1 : 0, because: {}, due: 0 };
        const isCanary = canaries.has(target.schema);
        if (isCanary) openCanaries.add(target.schema);
        (isCanary ? ready : afterCanaries).push(job);
      }
      releaseOthers();
    },
    next(now) {
      lastProgress ??= now;
      if (stopped() !== null) return { kind: 'done' };
      const job = takeAside(now - overdueMs) ?? ready.shift() ?? takeAside(now);
      if (job === undefined) {
        if (isEmpty()) return { kind: 'done' };
        return { kind: 'rest', until: Math.min(now + restMs, ...aside.map(({ due }) => due)) };
      }
      if (job.retries > 0) {
        const waiting = overWaiting(job, now);
        if (waiting !== null) return waiting;
        run([job], now);
        return { kind: 'retry', job };
      }
      const jobs = [job, ...ready.splice(0, companions(job.target, ready))] as const;
      run(jobs, now);
      return { kind: 'start', jobs };
    },
    settled({ schema, failed: hasFailed, behind }, now) {
      running.delete(schema);
      if (hasFailed) failed += 1;
      if (behind && canaries.has(schema)) failedCanaries.push(schema);
      openCanaries.delete(schema);
      lastProgress = now;
      noticeAfter = firstNoticeMs;
      if (stopped() === null) releaseOthers();
    },
    retry(job, reason, now) {
      const times = job.because[reason] ?? 0;
      if (times >= mostRetries[reason]) return false;
      running.delete(job.target.schema);
      const retries = job.retries + 1;
      const pause = reason === 'waited' ? 0 : backoffMs(retries, random);
      const because = { ...job.because, [reason]: times + 1 };
      aside.push({ ...job, retries, because, last: reason, due: now + pause });
      return true;
    },
    giveBack(jobs, now) {
      for (const job of jobs) running.delete(job.target.schema);
      const begun = jobs.filter(({ retries }) => retries > 0);
      aside.unshift(...begun.map((job) => ({ ...job, due: now - overdueMs })));
      ready.unshift(...jobs.filter(({ retries }) => retries === 0));
    },
    get stopped() {
      return stopped();
    },
    get isOver() {
      return stopped() !== null || isEmpty();
    },
    get failures() {
      return failures();
    },
    drain() {
      const jobs = [...aside, ...ready, ...afterCanaries];
      [aside, ready, afterCanaries] = [[], [], []];
      return jobs;
    },
  };
}
