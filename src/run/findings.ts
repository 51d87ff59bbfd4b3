import type { Finding } from '../model.ts';
import type { Target } from './look.ts';

/** What is wrong with one schema. A migration that somebody is at work on is no finding. */
export function findingsOf({ plan, schema, scope, held }: Target, database: string): Finding[] {
  return plan.findings
    .filter(({ kind }) => !(kind === 'failed' && held))
    .map(({ kind, message, ...rest }) => ({
      kind,
      database,
      schema,
      scope,
      ...rest,
      message,
    }));
}
