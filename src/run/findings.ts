import type { Finding } from '../model.ts';
import type { Target } from './look.ts';

/** What is wrong with one schema. */
export function findingsOf({ plan, schema, scope }: Target, database: string): Finding[] {
  return plan.findings.map(({ kind, message, ...rest }) => ({
    kind,
    database,
    schema,
    scope,
    ...rest,
    message,
  }));
}
