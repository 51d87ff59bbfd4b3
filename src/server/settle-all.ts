/**
 * Awaits work on several sessions as `Promise.all` does, but waits for all of it even if some fails: until its message is
 * answered, a session cannot send another.
 */
export async function settleAll<T extends readonly Promise<unknown>[]>(
  work: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
