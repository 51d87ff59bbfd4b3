/** The digits of a version without leading zeros: how history stores it and how two spellings compare equal. */
export function canonicalVersion(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '');
}

/** Compares two versions as numbers, ignoring leading zeros, up to 18 digits. */
export function compareVersions(a: string, b: string): number {
  const left = canonicalVersion(a);
  const right = canonicalVersion(b);
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Order of two versions of several numbers each, the most significant first; a missing number counts as 0. */
export function compareVersionParts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = compareVersions(a[i] ?? '0', b[i] ?? '0');
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The newest of the versions, as spelled; `null` for an empty list. */
export function newestVersion(items: readonly { readonly version: string | null }[]): string | null {
  return items
    .map((item) => item.version)
    .reduce((a, b) => (b === null || (a !== null && compareVersions(a, b) >= 0) ? a : b), null);
}
