import { SqlmigError } from '../errors.ts';
import type { ForeignFile } from './file-names.ts';

/**
 * The version of each file, in the same order: its own number if it is above the previous one, otherwise the next
 * number. Versions of several parts become one number each.
 * @throws SqlmigError `bad-file-name` if they would need more than 18 digits.
 */
export function numbered(inOrder: readonly Pick<ForeignFile, 'parts'>[]): string[] {
  const numbers = ownNumbers(inOrder);
  const width = numbers.find((digits) => digits !== null)?.length ?? 4;
  let previous: string | null = null;
  return numbers.map((digits) => {
    const isFree = digits !== null && (previous === null || BigInt(digits) > BigInt(previous));
    const next = String((previous === null ? 0n : BigInt(previous)) + 1n);
    previous = isFree ? digits : next.padStart(previous?.length ?? width, '0');
    if (previous.length > longest) throw tooLong(previous);
    return previous;
  });
}

const longest = 18;

function ownNumbers(files: readonly Pick<ForeignFile, 'parts'>[]): (string | null)[] {
  const most = Math.max(1, ...files.map(({ parts }) => parts?.length ?? 0));
  const lengths = files.flatMap(({ parts }) => parts?.slice(1).map((part) => part.length) ?? []);
  const width = Math.max(3, ...lengths);
  const joined = files.map(({ parts }) => {
    if (parts === null) return null;
    const [first = '', ...others] = parts;
    const rest = Array.from({ length: most - 1 }, (_, i) => (others[i] ?? '').padStart(width, '0'));
    return first + rest.join('');
  });
  // Versions of several parts keep their order as one number only if all of them do.
  if (most > 1 && joined.some((digits) => (digits?.length ?? 0) > longest)) return joined.map(() => null);
  return joined.map((digits) => (digits === null || digits.length <= longest ? digits : shortened(digits)));
}

// A longer version is a time with fractions of a second.
function shortened(digits: string): string | null {
  return /^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d/.test(digits)
    ? digits.slice(0, 14)
    : null;
}

function tooLong(version: string): SqlmigError {
  return new SqlmigError('bad-file-name', `version ${version} would have more than ${longest} digits`, {
    hint: 'give the newest files shorter versions before they are converted',
  });
}
