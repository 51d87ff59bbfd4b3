import { quoteIdentifier } from './quote.ts';

/** The words of the config's `searchPath` for the tenant's own schema and the public schema. */
export const searchPathWords = { tenant: 'tenant', public: 'public' } as const;

/** The shared schemas on the path of tenant files, including public, which is always first. */
export function othersOnPath(words: readonly string[], publicSchema: string): string[] {
  const others = words.filter((word) => word !== searchPathWords.tenant && word !== searchPathWords.public);
  return [...new Set([publicSchema, ...others])];
}

/** The shared schemas in which tenant files find names. */
export function sharedPath(words: readonly string[], publicSchema: string): string[] {
  return words
    .filter((word) => word !== searchPathWords.tenant)
    .map((word) => (word === searchPathWords.public ? publicSchema : word));
}

/** What `search_path` is in a tenant's files, as SQL: the config's list with the two words filled in. */
export function tenantSearchPath(words: readonly string[], tenant: string, publicSchema: string): string {
  const meanings: Readonly<Record<string, string>> = {
    [searchPathWords.tenant]: tenant,
    [searchPathWords.public]: publicSchema,
  };
  return words.map((word) => quoteIdentifier(meanings[word] ?? word)).join(', ');
}
