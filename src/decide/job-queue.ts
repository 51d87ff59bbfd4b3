import type { RetryReason } from './retry.ts';

/** A schema that has work, and its attempts so far. */
export interface Job<T> {
  readonly target: T;
  /** How often it was put off, for any reason; decides how long it waits. Zero before the first attempt. */
  readonly retries: number;
  /** The same by reason; decides when it fails. */
  readonly because: Readonly<Partial<Record<RetryReason, number>>>;
  /** The last of these reasons; absent before the first. */
  readonly last?: RetryReason;
  /** When it may be tried again, in milliseconds of the caller's clock. */
  readonly due: number;
}

/** Jobs that wait for a worker, in the order in which they run. */
export interface JobQueue<T> {
  /** Adds a job; one that is `held` runs only after `releaseHeld`. */
  add(job: Job<T>, held: boolean): void;
  releaseHeld(): void;
  /** Takes the next job; `undefined` if none is due. */
  take(now: number): Job<T> | undefined;
  /** Takes up to as many jobs without a retry as `count` returns for the jobs that are next. */
  takeCompanions(count: (next: readonly Job<T>[]) => number): readonly Job<T>[];
  /** Puts a job off until it is due; `first` puts it before all others that are put off. */
  putOff(job: Job<T>, first?: boolean): void;
  /** Returns jobs to the front, in this order. */
  giveBack(jobs: readonly Job<T>[], now: number): void;
  /** When the first job that is put off is due; infinite if there is none. */
  readonly nextDue: number;
  readonly size: number;
  /** Takes out all jobs. */
  drain(): readonly Job<T>[];
}

// The longest pause between two attempts: a job that has been due for longer runs before schemas without an attempt.
const overdueMs = 2_000;

/** An empty queue. */
export function createJobQueue<T>(): JobQueue<T> {
  let ready: Job<T>[] = [];
  let held: Job<T>[] = [];
  let off: Job<T>[] = [];
  const takeDue = (before: number): Job<T> | undefined => {
    const index = off.findIndex(({ due }) => due <= before);
    return index === -1 ? undefined : off.splice(index, 1)[0];
  };
  return {
    add(job, isHeld) {
      (isHeld ? held : ready).push(job);
    },
    releaseHeld() {
      ready = ready.concat(held);
      held = [];
    },
    take: (now) => takeDue(now - overdueMs) ?? ready.shift() ?? takeDue(now),
    takeCompanions: (count) => ready.splice(0, count(ready)),
    putOff(job, first = false) {
      if (first) off.unshift(job);
      else off.push(job);
    },
    giveBack(jobs, now) {
      const begun = jobs.filter(({ retries }) => retries > 0);
      off.unshift(...begun.map((job) => ({ ...job, due: now - overdueMs })));
      ready.unshift(...jobs.filter(({ retries }) => retries === 0));
    },
    get nextDue() {
      return off.reduce((least, { due }) => Math.min(least, due), Number.POSITIVE_INFINITY);
    },
    get size() {
      return ready.length + held.length + off.length;
    },
    drain() {
      const jobs = [...off, ...ready, ...held];
      [off, ready, held] = [[], [], []];
      return jobs;
    },
  };
}
