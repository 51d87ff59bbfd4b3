import { quoteIdentifier } from './quote.ts';

/** The words of the config's `searchPath` that stand for the tenant's own schema and for the public one. */
export const searchPathWords = { tenant: 'tenant', public: 'public' } as const;

/** What `search_path` is in a tenant's files, as SQL: the config's list with the two words filled in. */
export function tenantSearchPath(words: readonly string[], tenant: string, publicSchema: string): string {
  const meanings: Readonly<Record<string, string>> = {
    [searchPathWords.tenant]: tenant,
    [searchPathWords.public]: publicSchema,
  };
  return words.map((word) => quoteIdentifier(meanings[word] ?? word)).join(', ');
}
