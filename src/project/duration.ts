const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a duration such as `500ms`, `30s`, `15m`, `1h` or a bare number of seconds; `null` for any other
 * text.
 */
export function parseDuration(text: string): number | null {
  const [, digits, unit = 's'] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const factor = units[unit];
  return digits === undefined || factor === undefined ? null : Math.round(Number(digits) * factor);
}

/** A duration as `parseDuration` reads it, in the largest unit that expresses it in a whole number. */
export function formatDuration(ms: number): string {
  const [unit, factor] = Object.entries(units).findLast(([, factor]) => ms % factor === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}
