import { canonicalVersion, compareVersions } from './version.ts';

/** How new files are numbered: by time, or serially. */
export type Numbering = 'time' | 'serial';

/** The default numbering: as in the newest file, or by time if there are no files. */
export function numberingAfter(newest: string | null): Numbering {
  return newest !== null && canonicalVersion(newest).length < 12 ? 'serial' : 'time';
}

/**
 * The version of a new file after the newest: the next serial, as wide as it, or the UTC time as 14 digits, and always
 * above the newest.
 */
export function nextVersion(
  newest: string | null,
  now: Date,
  numbering: Numbering = numberingAfter(newest),
): string {
  if (numbering === 'serial') return newest === null ? '0001' : successor(newest);
  const timestamp = now.toISOString().replace(/\D/g, '').slice(0, 14);
  return newest === null || compareVersions(timestamp, newest) > 0 ? timestamp : successor(newest);
}

function successor(version: string): string {
  return String(BigInt(version) + 1n).padStart(version.length, '0');
}
