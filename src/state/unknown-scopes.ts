import { historiesNamedAfter } from '../history/presence.ts';
import type { Config } from '../project/config.ts';
import { isScopeName } from '../project/scope-name.ts';
import { historyTablesIn, publicTable } from '../project/scope-view.ts';
import { scopeTable } from '../project/scopes.ts';
import type { Finding } from '../results.ts';
import type { Session } from '../server/session.ts';
import { fewAndMore } from '../text/few.ts';

/** A scope that the config does not have, and the schemas with a history of it. */
export interface UnknownScope {
  readonly name: string;
  readonly schemas: readonly string[];
}

/** Finds the histories of scopes that the config does not have. */
export async function readUnknownScopes(session: Session, config: Config): Promise<UnknownScope[]> {
  const base = publicTable(config);
  const tables = new Set(historyTablesIn(config));
  const schemas = new Map<string, string[]>();
  for (const { schema, relation } of await historiesNamedAfter(session, base, config.publicSchema)) {
    const name = relation.slice(scopeTable(base, '').length);
    if (tables.has(relation) || !isScopeName(name)) continue;
    schemas.set(name, [...(schemas.get(name) ?? []), schema]);
  }
  return [...schemas].map(([name, schemas]) => ({ name, schemas }));
}

const ifRenamed = 'if the scope was renamed, rename its history tables too (docs/scopes.md)';

/** The warnings about scopes that the config does not have, one sentence each; `consequence` ends the sentence. */
export function unknownScopeWarnings(
  scopes: readonly UnknownScope[],
  consequence = `; ${ifRenamed}`,
): string[] {
  return scopes.map(({ name, schemas }) => {
    const who = `${fewAndMore(schemas, 3)} ${schemas.length === 1 ? 'has' : 'have'}`;
    return `${who} migrations of scope ${name}, which the config does not have${consequence}`;
  });
}

/** The findings about scopes that the config does not have, one for each schema and scope. */
export function unknownScopeFindings(scopes: readonly UnknownScope[], database: string): Finding[] {
  return scopes.flatMap(({ name, schemas }) => {
    const message = `it has migrations of scope ${name}, which the config does not have, so no run applies or undoes them; ${ifRenamed}`;
    return schemas.map((schema) => ({ kind: 'unlisted' as const, database, schema, scope: name, message }));
  });
}
