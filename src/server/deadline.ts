/** The time limit after an interrupt: a run must end within a container's grace period. */
export const interruptedMs = 2_000;

/** A promise did not settle in time. */
export class DeadlineMissed extends Error {}

/**
 * Resolves as a promise does within `ms`; after `signal` has fired, within two more seconds.
 * @throws DeadlineMissed
 */
export async function withDeadline<T>(promise: PromiseLike<T>, ms: number, signal?: AbortSignal): Promise<T> {
  const timers: NodeJS.Timeout[] = [];
  let onAbort = () => {};
  const deadline = new Promise<never>((_, reject) => {
    const within = (limit: number) =>
      void timers.push(setTimeout(() => reject(new DeadlineMissed(`no answer within ${limit} ms`)), limit));
    within(ms);
    onAbort = () => within(Math.min(ms, interruptedMs));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
  return Promise.race([promise, deadline]).finally(() => {
    signal?.removeEventListener('abort', onAbort);
    for (const timer of timers) clearTimeout(timer);
  });
}
