import type { Finding } from '../results.ts';
import { withoutOwnName } from './alike.ts';
import type { Paint } from './paint.ts';
import { count, groupBy, schemaNames } from './table.ts';

/** Findings, grouped: one paragraph per finding, with up to `most` of the schemas that have it. */
export function findingsText(
  findings: readonly Finding[],
  paint: Paint,
  most = Number.POSITIVE_INFINITY,
): string {
  return groupBy(findings, ({ kind, scope, schema, message }) =>
    JSON.stringify([kind, scope, withoutOwnName(message, schema)]),
  )
    .map((group) => {
      const [{ kind, scope, message }] = group as [Finding];
      const who = schemaNames(group, most);
      return `${paint('red', kind)}: ${message}\n  in ${scope === 'public' ? 'public schema' : count(group.length, 'tenant')}: ${who}\n`;
    })
    .join('');
}
