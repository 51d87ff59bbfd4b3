import { troubleCodes } from '../errors.ts';
import type { SchemaStatus } from '../results.ts';
import { atVersion, unmanagedHint } from '../text/unmanaged.ts';
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

/** What `up` does in schemas that it does not manage yet, and the way out; empty if there are none. */
export function unmanagedText(
  schemas: readonly Pick<SchemaStatus, 'database' | 'schema' | 'unmanaged'>[],
): string {
  const found = distinctNames(schemas.filter(({ unmanaged }) => unmanaged === true));
  if (found.length === 0) return '';
  const verb = found.length === 1 ? 'has' : 'have';
  return `not managed yet: ${count(found.length, 'schema')} ${verb} tables but no applied migration, so up runs every file there: ${names(found, 5)}
  hint: ${unmanagedHint}
`;
}
