import type { UnrehearsedFile } from '../cost-results.ts';
import type { SchemaOutcome, UnrehearsedInScope } from '../results.ts';
import { scopesIn } from '../text/scopes-in.ts';

/** The pending files of a schema that were not rehearsed, in order: `why` the first was not. */
export function leftFrom(files: readonly { readonly file: string }[], why: string): UnrehearsedFile[] {
  const [first] = files;
  return files.map(({ file }) => ({ file, why: file === first?.file ? why : `it follows ${first?.file}` }));
}

/** The files that were not rehearsed, with the number of schemas: public first, then in the order of the files. */
export function unrehearsedIn(
  schemas: readonly Pick<SchemaOutcome, 'scope' | 'unrehearsed'>[],
): UnrehearsedInScope[] {
  const found = new Map<string, UnrehearsedInScope>();
  for (const scope of scopesIn(schemas)) {
    for (const one of schemas.filter((schema) => schema.scope === scope)) {
      for (const { file, why } of one.unrehearsed ?? []) {
        const key = JSON.stringify([scope, file, why]);
        const known = found.get(key)?.schemas ?? 0;
        found.set(key, { scope: one.scope, file, schemas: known + 1, why });
      }
    }
  }
  return [...found.values()];
}
