/**
 * Milliseconds to wait before a try: from 50 doubling to 2,000, each drawn evenly from nothing to that bound, so that
 * many runners do not come back at once. `random` gives a number from 0 to 1.
 */
export function backoffMs(tries: number, random: () => number): number {
  return random() * Math.min(2_000, 50 * 2 ** Math.min(tries, 10));
}

/** A copy in random order (Fisher and Yates): runners that start at once meet the fleet in different orders. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
