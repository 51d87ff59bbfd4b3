import { excerpt, mostText, oneLine } from './excerpt.ts';
import { printable } from './table.ts';

/** Two texts, each in one line; of long ones, the part where they begin to differ. */
export function sideBySide(expected: string | null, actual: string | null): [string, string] {
  const [one, other] = [oneLine(expected ?? 'none'), oneLine(actual ?? 'none')];
  // They differ in white space.
  if (one === other && expected !== actual)
    return [excerpt(printable(expected ?? 'none')), excerpt(printable(actual ?? 'none'))];
  const isLong = Math.max(one.length, other.length) > mostText && expected !== null && actual !== null;
  const from = isLong ? Math.max(0, firstDifference(one, other) - 40) : 0;
  return [printable(excerpt(one, from)), printable(excerpt(other, from))];
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}
