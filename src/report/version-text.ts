import { troubleCodes } from '../errors.ts';
import { isOfKind } from '../project/scope-name.ts';
import type { SchemaStatus } from '../results.ts';
import { atVersion, unmanagedHint, unmanagedKindHint } from '../text/unmanaged.ts';
import { count, distinctNames, names } from './table.ts';

/** The version of a schema in words; `codes` are the code of its error or the kinds of its findings. */
export function versionText(
  schema: Pick<SchemaStatus, 'version' | 'unmanaged'>,
  codes: readonly (string | undefined)[],
): string {
  if (schema.version !== null) return atVersion(schema);
  if (codes.includes('schema-missing')) return '-';
  if (codes.some((code) => troubleCodes.includes(code))) return 'unknown';
  return atVersion(schema);
}

/** What `up` does in schemas that are not managed yet, and how to avoid it; empty if there are none. */
export function unmanagedText(
  schemas: readonly Pick<SchemaStatus, 'database' | 'schema' | 'scope' | 'unmanaged'>[],
): string {
  const unmanaged = schemas.filter((schema) => schema.unmanaged === true);
  const found = distinctNames(unmanaged);
  if (found.length === 0) return '';
  const hints = new Set(unmanaged.map(({ scope }) => (isOfKind(scope) ? unmanagedKindHint : unmanagedHint)));
  const verb = found.length === 1 ? 'has' : 'have';
  return `not managed yet: ${count(found.length, 'schema')} ${verb} tables but no applied migration, so up runs every file there: ${names(found, 5)}
${[...hints].map((hint) => `  hint: ${hint}\n`).join('')}`;
}
