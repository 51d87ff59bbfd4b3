import { directivesOf } from '../sql/directives.ts';
import { compareVersions } from './version.ts';

/** Versions from one to another, both included; digits as written. */
interface VersionRange {
  readonly from: string;
  readonly to: string;
}

/** A `replaces` line that cannot be used: its UTF-16 index, and what is wrong with it, in words. */
interface BaselineProblem {
  readonly index: number;
  readonly problem: string;
}

/**
 * The versions that a migration replaces, by `-- sqlmig: replaces 1..120, 125` in its leading comment; none for one that
 * is no baseline. Its own version is the newest of them or above them all.
 */
export function replacedBy(text: string, version: string | null): readonly VersionRange[] | BaselineProblem {
  const ranges: VersionRange[] = [];
  for (const { index, word } of directivesOf(text)) {
    const list = /^replaces(?:\s+(.*))?$/.exec(word);
    if (list === null) continue;
    if (version === null) return { index, problem: 'a repeatable cannot replace versions' };
    for (const item of (list[1] ?? '').split(',')) {
      const [, from, to = from] = /^(\d{1,18})(?:\.\.(\d{1,18}))?$/.exec(item.trim()) ?? [];
      if (from === undefined || to === undefined)
        return { index, problem: `"${item.trim()}" is neither a version nor a range such as 1..120` };
      if (compareVersions(from, to) > 0) return { index, problem: `${from}..${to} ends before it begins` };
      if (compareVersions(to, version) > 0)
        return { index, problem: `it replaces ${to}, which is above its own version ${version}` };
      ranges.push({ from, to });
    }
  }
  return ranges;
}

/** True if a version is in one of the ranges. */
export function covers(ranges: readonly VersionRange[], version: string): boolean {
  return ranges.some(
    ({ from, to }) => compareVersions(version, from) >= 0 && compareVersions(version, to) <= 0,
  );
}

/**
 * What a history holds of the versions that a baseline replaces. Their files are gone, so a gap among them cannot be
 * detected: `all` means that the last version of each range is applied, and `missing` names those that are not.
 */
export function replacedIn(
  ranges: readonly VersionRange[],
  applied: readonly string[],
): { readonly kind: 'none' | 'all' } | { readonly kind: 'some'; readonly missing: readonly string[] } {
  if (!applied.some((version) => covers(ranges, version))) return { kind: 'none' };
  const missing = ranges
    .map(({ to }) => to)
    .filter((to) => !applied.some((version) => compareVersions(version, to) === 0));
  return missing.length === 0 ? { kind: 'all' } : { kind: 'some', missing };
}
