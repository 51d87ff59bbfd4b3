import type { Finding } from '../results.ts';
import { withoutOwnName } from './alike.ts';
import type { Paint } from './paint.ts';
import { count, groupBy, printable, schemaNames } from './table.ts';

/** The same finding in different schemas, together. */
export function findingsAlike(findings: readonly Finding[]): (readonly [Finding, ...Finding[]])[] {
  return groupBy(findings, ({ kind, scope, schema, message }) =>
    JSON.stringify([kind, scope, withoutOwnName(message, schema)]),
  ) as [Finding, ...Finding[]][];
}

const mostNames = 10;

/** Findings, grouped: one paragraph per finding, with the number of schemas that have it and the first names. */
export function findingsText(findings: readonly Finding[], paint: Paint): string {
  return findingsAlike(findings)
    .map((group) => {
      const [{ kind, scope, message }] = group;
      const who = schemaNames(group, mostNames);
      return `${paint('red', kind)}: ${printable(message)}\n  in ${scope === 'public' ? 'public schema' : count(group.length, 'tenant')}: ${who}\n`;
    })
    .join('');
}
