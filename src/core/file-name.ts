/** What a file's name says it is. */
export type FileName =
  | { readonly kind: 'versioned'; readonly version: string; readonly name: string }
  | { readonly kind: 'down'; readonly version: string; readonly name: string }
  | { readonly kind: 'repeatable'; readonly name: string };

const versioned = /^V?(\d{1,18})(?:__|_|-)(.+?)(\.down)?\.sql$/su;
// A repeatable has no way back: `.down` would be run as one.
const repeatable = /^R__(.+)(?<!\.down)\.sql$/su;

/** The rule in words, for messages. */
export const fileNameRule =
  '<version>_<name>.sql, <version>_<name>.down.sql or R__<name>.sql, where <version> is 1 to 18 digits';

/** Reads a migration's file name; `null` where it fits no rule. Separators `__` and `-` and a leading `V` are accepted. */
export function parseFileName(fileName: string): FileName | null {
  const match = versioned.exec(fileName);
  if (match?.[1] !== undefined && match[2] !== undefined) {
    return { kind: match[3] === undefined ? 'versioned' : 'down', version: match[1], name: match[2] };
  }
  const name = repeatable.exec(fileName)?.[1];
  return name === undefined ? null : { kind: 'repeatable', name };
}
