import type { Finding, TroubleKind } from '../results.ts';
import type { Target } from './target.ts';

/** The finding about a schema that has our history and is no tenant of the config. */
export function unlistedFinding({ schema, scope }: Target, database: string): Finding {
  const message = 'it is not in the tenant list of the config, so no run migrates it';
  return { kind: 'unlisted', database, schema, scope, message };
}

/** What is wrong with one schema. A migration that somebody is at work on is no finding. */
export function findingsOf({ plan, schema, scope, held, trouble }: Target, database: string): Finding[] {
  if (trouble !== null) {
    return [{ kind: trouble.code as TroubleKind, database, schema, scope, message: trouble.message }];
  }
  return plan.findings
    .filter(({ kind }) => !(kind === 'incomplete' && held))
    .map(({ kind, message, ...rest }) => ({
      kind,
      database,
      schema,
      scope,
      ...rest,
      message,
    }));
}
