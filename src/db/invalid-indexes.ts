import { quoteLiteral } from '../core/quote.ts';
import type { Session } from './session.ts';

/** The invalid indexes of a schema, by name; parents of partitioned ones are no builds. */
export async function invalidIndexes(session: Session, schema: string): Promise<Set<string>> {
  const rows = await session.read(`select c.relname as name from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = ${quoteLiteral(schema)} and c.relkind = 'i' and not i.indisvalid`);
  return new Set(rows.map((row) => String(row.name)));
}
