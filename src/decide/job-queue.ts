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

/** Whether a worker does the work of a target faster than others do. */
export type Preference<T> = (target: T) => boolean;

/** How many of the `next` jobs to take. */
export type CompanionCount<T> = (next: readonly Job<T>[], waiting: number) => number;

/** Jobs that wait for a worker, in the order in which they run. */
export interface JobQueue<T> {
  /** Adds a job; one that is `held` runs only after `releaseHeld`. */
  add(job: Job<T>, held: boolean): void;
  releaseHeld(): void;
  /** Takes the next job, one that the caller prefers if there is one; `undefined` if none is due. */
  take(now: number, prefers?: Preference<T>): Job<T> | undefined;
  /**
   * Takes up to as many jobs without a retry as `count` returns for those that are next, and the number of all that wait:
   * only preferred ones, if there are any.
   */
  takeCompanions(count: CompanionCount<T>, prefers?: Preference<T>): readonly Job<T>[];
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
// How many jobs share messages at most.
const lookAhead = 32;

/** An empty queue. */
export function createJobQueue<T>(): JobQueue<T> {
  let ready: Job<T>[] = [];
  let held: Job<T>[] = [];
  let off: Job<T>[] = [];
  const takeDue = (before: number): Job<T> | undefined => {
    const index = off.findIndex(({ due }) => due <= before);
    return index === -1 ? undefined : off.splice(index, 1)[0];
  };
  const takeReady = (prefers: Preference<T>): Job<T> | undefined => {
    const index = ready.findIndex(({ target }) => prefers(target));
    return ready.splice(Math.max(index, 0), 1)[0];
  };
  /** The places of the first jobs that are preferred; of the first ones, if none is. */
  const preferred = (prefers: Preference<T>): number[] => {
    const places: number[] = [];
    for (let at = 0; at < ready.length && places.length < lookAhead; at++) {
      const job = ready[at];
      if (job !== undefined && prefers(job.target)) places.push(at);
    }
    return places.length > 0 ? places : [...ready.keys()].slice(0, lookAhead);
  };
  return {
    add(job, isHeld) {
      (isHeld ? held : ready).push(job);
    },
    releaseHeld() {
      ready = ready.concat(held);
      held = [];
    },
    take: (now, prefers = () => true) => takeDue(now - overdueMs) ?? takeReady(prefers) ?? takeDue(now),
    takeCompanions(count, prefers = () => true) {
      const places = preferred(prefers);
      const next = places.flatMap((place) => ready[place] ?? []);
      const taken = next.slice(0, count(next, ready.length));
      const end = (places[taken.length - 1] ?? -1) + 1;
      const passed = ready.slice(0, end).filter((job) => !taken.includes(job));
      ready = [...passed, ...ready.slice(end)];
      return taken;
    },
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
