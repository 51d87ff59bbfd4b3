import type { Scope } from '../results.ts';
import { withoutComments } from './comments.ts';
import { allowsPublic } from './directives.ts';
import { foldedName, identifierPattern } from './identifier.ts';
import type { Migration } from './migration.ts';

const kinds =
  'table|view|sequence|type|domain|function|procedure|aggregate|(?:unique\\s+)?index(?:\\s+concurrently)?';
const making = new RegExp(
  String.raw`\b(?:create\s+(?:or\s+replace\s+)?(?:(?:unlogged|foreign|recursive|materialized)\s+)*(?:${kinds})\s+(?:if\s+not\s+exists\s+)?|rename\s+to\s+)((?:(?:${identifierPattern})\s*\.\s*)?)(${identifierPattern})`,
  'giu',
);

/**
 * The names of the objects that a file's text creates, in blocks and strings too. A file that may create objects in
 * public creates the qualified ones there.
 */
export function namesMadeBy(text: string): string[] {
  const skipsQualified = allowsPublic(text);
  return [...withoutComments(text).text.matchAll(making)]
    .filter(([, qualifier]) => !qualifier || !skipsQualified)
    .map(([, , name = '']) => foldedName(name));
}

/**
 * Tests whether only tenant files, and no public files, create an object of a name. Reads the files when first
 * called.
 */
export function tenantNames(
  files: Readonly<Record<Scope, readonly Pick<Migration, 'text'>[]>>,
): (name: string) => boolean {
  let names: ReadonlySet<string> | null = null;
  return (name) => {
    if (names === null) {
      const shared = new Set(files.public.flatMap(({ text }) => namesMadeBy(text)));
      names = new Set(
        files.tenant.flatMap(({ text }) => namesMadeBy(text)).filter((made) => !shared.has(made)),
      );
    }
    return names.has(name);
  };
}
