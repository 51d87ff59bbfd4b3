import { setTimeout as delay } from 'node:timers/promises';

/** Lets workers rest until a given time, or until another worker has finished something. */
export interface Wakeup {
  /** Ends at `until` (of performance.now), at the next `wake`, or when the run is interrupted. */
  rest(until: number): Promise<void>;
  wake(): void;
}

/** A wakeup of one run. */
export function createWakeup(signal: AbortSignal): Wakeup {
  const resting = new Set<AbortController>();
  return {
    async rest(until) {
      const awoken = new AbortController();
      resting.add(awoken);
      const either = AbortSignal.any([signal, awoken.signal]);
      await delay(Math.max(1, until - performance.now()), undefined, { signal: either }).catch(() => {});
      resting.delete(awoken);
    },
    wake() {
      for (const awoken of resting) awoken.abort();
    },
  };
}
