import { canonicalVersion, compareVersions } from './version.ts';

/**
 * The version of a new file after the newest: the next serial, as wide as it, if that is a serial; else the UTC time
 * as 14 digits, and always above the newest.
 */
export function nextVersion(newest: string | null, now: Date): string {
  if (newest !== null && canonicalVersion(newest).length < 12) return successor(newest);
  const timestamp = now.toISOString().replace(/\D/g, '').slice(0, 14);
  return newest === null || compareVersions(timestamp, newest) > 0 ? timestamp : successor(newest);
}

function successor(version: string): string {
  return String(BigInt(version) + 1n).padStart(version.length, '0');
}
