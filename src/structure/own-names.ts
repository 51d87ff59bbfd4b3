import { literalPattern } from '../text/literal-pattern.ts';
import type { ShapeDifference } from './shape.ts';

/** The schema that the expected structure names, and the one whose structure is compared with it. */
export interface OwnNames {
  readonly expected: string;
  readonly actual: string;
}

/**
 * Leaves out differences that consist only of the schemas' own names, which placeholders or `current_schema()` have put
 * into names, privileges and definitions.
 */
export function withoutOwnNames(
  differences: readonly ShapeDifference[],
  { expected, actual }: OwnNames,
): ShapeDifference[] {
  const [was, is] = [marking(expected), marking(actual)];
  const isAlike = (before: string | null, now: string | null) =>
    before !== null && now !== null && was(before) === is(now);
  const alike = new Set(
    differences.filter(
      (difference) =>
        difference.expected !== difference.actual && isAlike(difference.expected, difference.actual),
    ),
  );
  // Objects with parts are skipped: they are equal only if all their parts are, and parts are not listed.
  for (const missing of differences.filter(
    (difference) => difference.kind === 'missing-object' && !hasParts(difference),
  )) {
    const pair = differences.find(
      (difference) =>
        difference.kind === 'extra-object' &&
        difference.objectKind === missing.objectKind &&
        !alike.has(difference) &&
        isAlike(missing.object, difference.object) &&
        isAlike(missing.expected, difference.actual),
    );
    if (pair !== undefined) alike.add(missing).add(pair);
  }
  return differences.filter((difference) => !alike.has(difference));
}

function hasParts({ objectKind }: ShapeDifference): boolean {
  return /table$|view$|^composite type$|^domain$|^column$/.test(objectKind);
}

// No text in PostgreSQL can contain this character.
const mark = '\0';

/** Replaces a schema's name with a mark, alone or as part of a name, quoted or not. */
function marking(schema: string): (text: string) => string {
  const written = new Set([
    ...[schema, schema.replaceAll('"', '""'), schema.replaceAll("'", "''")],
    schema.replaceAll('\\', '\\\\').replaceAll("'", "''"),
  ]);
  const longestFirst = [...written].sort((a, b) => b.length - a.length).map(literalPattern);
  const own = new RegExp(String.raw`(?<![\p{L}\p{N}])(?:${longestFirst.join('|')})(?![\p{L}\p{N}])`, 'gu');
  return (text) => {
    const marked = text
      .replace(own, () => mark)
      .replace(/"([a-z0-9_$]*\0[a-z0-9_$]*)"/g, '$1')
      .replace(/\bE(?='[^']*\0)/g, '');
    // Privileges are listed by role.
    return marked.includes('; ') ? marked.split('; ').sort().join('; ') : marked;
  };
}
