import { canonicalVersion, compareVersions } from './version.ts';

/**
 * The version of a new file: the next serial, as wide as the newest, if the folder uses serials; else the UTC time
 * as 14 digits, and always above the newest.
 */
export function nextVersion(versions: readonly string[], now: Date): string {
  const newest = versions.reduce<string | null>(
    (a, b) => (a !== null && compareVersions(a, b) >= 0 ? a : b),
    null,
  );
  if (newest !== null && canonicalVersion(newest).length < 12) return successor(newest);
  const timestamp = now.toISOString().replace(/\D/g, '').slice(0, 14);
  return newest === null || compareVersions(timestamp, newest) > 0 ? timestamp : successor(newest);
}

function successor(version: string): string {
  return String(BigInt(version) + 1n).padStart(version.length, '0');
}
