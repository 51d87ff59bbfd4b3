import type { UnrehearsedFile } from '../cost-results.ts';
import type { SchemaOutcome, UnrehearsedInScope } from '../results.ts';
import { scopesIn } from '../text/scopes-in.ts';

/** Pending files that were not rehearsed, in order; `why` is the reason for the first. */
export function unrehearsedFrom(files: readonly { readonly file: string }[], why: string): UnrehearsedFile[] {
  const [first] = files;
  return files.map(({ file }) => ({ file, why: file === first?.file ? why : `it follows ${first?.file}` }));
}

/** The files that were not rehearsed, with the number of schemas: public first, then in the order of the files. */
export function unrehearsedIn(
  schemas: readonly Pick<SchemaOutcome, 'scope' | 'unrehearsed'>[],
): UnrehearsedInScope[] {
  const files = new Map<string, UnrehearsedInScope>();
  for (const scope of scopesIn(schemas)) {
    for (const { unrehearsed = [] } of schemas.filter((schema) => schema.scope === scope)) {
      for (const { file, why } of unrehearsed) {
        const key = JSON.stringify([scope, file, why]);
        const count = files.get(key)?.schemas ?? 0;
        files.set(key, { scope, file, schemas: count + 1, why });
      }
    }
  }
  return [...files.values()];
}
