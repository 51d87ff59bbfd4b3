import { withoutComments } from '../sql/comments.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import type { Migration } from '../sql/migration.ts';
import type { ShapeDifference } from './shape.ts';

// A statement that only mentions a column, such as CREATE INDEX, does not create it.
const ofTable = /^\s*(?:create\s+(?:\w+\s+)*table|alter\s+(?:foreign\s+)?table|comment\s+on\s+column)\b/;

/** Finds the file that created an object: the last one that creates its name, else the last one that changes its table. */
export function createMakers(files: readonly Migration[]): (difference: ShapeDifference) => string | null {
  const known = files.map((migration) => ({
    file: migration.file,
    makes: new Set(namesMadeBy(migration.text)),
    // This is sufficient to name a file: a semicolon in a string only shortens a statement.
    changes: withoutComments(migration.text)
      .text.toLowerCase()
      .split(';')
      .filter((statement) => /^\s*(?:create|alter|comment)\b/.test(statement)),
  }));
  const lastOf = (fits: (file: (typeof known)[number]) => boolean) => known.findLast(fits)?.file ?? null;
  return ({ objectKind, object, relation }) => {
    const table = bareName(relation);
    const own = relation === object ? table : bareName(object.slice(relation.length + 1));
    const isOf = (statement: string) =>
      hasName(statement, own) &&
      hasName(statement, table) &&
      (objectKind !== 'column' || ofTable.test(statement));
    return (
      lastOf(({ makes }) => makes.has(own)) ??
      lastOf(({ file, changes }) => !/(?:^|\/)R__[^/]*$/.test(file) && changes.some(isOf)) ??
      lastOf(({ makes }) => makes.has(table))
    );
  };
}

/** The name at the beginning of a text, without quotes or arguments. */
export function bareName(name: string): string {
  if (name.startsWith('"')) return (/^"((?:[^"]|"")*)"/.exec(name)?.[1] ?? name).replaceAll('""', '"');
  return /^[^\s(]+/.exec(name)?.[0] ?? name;
}

/** Tells whether a text has a name as a word, in any case. */
export function hasName(text: string, name: string): boolean {
  const wanted = name.toLowerCase();
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) {
    const isWord = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);
    if (!isWord(text[at - 1]) && !isWord(text[at + wanted.length])) return true;
  }
  return false;
}
