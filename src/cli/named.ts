import type { Config } from '../project/config.ts';
import { schemaAndDatabase } from '../report/table.ts';

/** A result for people: its schema has the name of its database, too, if the config has several. */
export function named<R extends { readonly schema: string; readonly database: string | null }>(
  { otherDatabases }: Config,
  result: R,
): R {
  if (otherDatabases.length === 0) return result;
  const { schema, database } = result;
  return { ...result, schema: schemaAndDatabase({ schema, database: database ?? undefined }) };
}
