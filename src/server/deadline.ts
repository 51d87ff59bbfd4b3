/** What is left of any time limit once a run is interrupted: it must end before a container's grace period does. */
export const interruptedMs = 2_000;

/**
 * What a promise gives, unless that takes longer than `ms`; once `signal` has fired, no longer than two seconds more.
 * @throws Error that says so.
 */
export async function withDeadline<T>(promise: PromiseLike<T>, ms: number, signal?: AbortSignal): Promise<T> {
  const timers: NodeJS.Timeout[] = [];
  let onAbort = () => {};
  const deadline = new Promise<never>((_, reject) => {
    const within = (limit: number) =>
      void timers.push(setTimeout(() => reject(new Error(`no answer within ${limit} ms`)), limit));
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
