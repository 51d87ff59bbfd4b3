/**
 * Milliseconds to wait before a retry: a random share of a bound that doubles from 50 to 2,000, so that many runners do
 * not return at once. `random` returns a number from 0 up to 1.
 */
export function backoffMs(tries: number, random: () => number): number {
  return random() * Math.min(2_000, 50 * 2 ** Math.min(tries, 10));
}

/** A copy in random order (Fisher-Yates), so that runners that start at once do not compete for the same schemas. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
