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
  const isAlike = (one: string | null, other: string | null) =>
    one !== null && other !== null && was(one) === is(other);
  const alike = new Set(
    differences.filter((one) => one.expected !== one.actual && isAlike(one.expected, one.actual)),
  );
  // Objects with parts are skipped: they are equal only if all their parts are, and parts are not listed.
  for (const missing of differences.filter((one) => one.kind === 'missing-object' && !hasParts(one))) {
    const pair = differences.find(
      (one) =>
        one.kind === 'extra-object' &&
        one.objectKind === missing.objectKind &&
        !alike.has(one) &&
        isAlike(missing.object, one.object) &&
        isAlike(missing.expected, one.actual),
    );
    if (pair !== undefined) alike.add(missing).add(pair);
  }
  return differences.filter((one) => !alike.has(one));
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
