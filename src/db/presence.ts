import { quoteLiteral } from '../core/quote.ts';
import type { Session } from './session.ts';

/** Columns by which a history table is known as ours. */
const ownColumns: readonly string[] = ['version', 'name', 'checksum', 'state', 'scope', 'run_id'];

const isOrdinary = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;
const isTable = (table: string) =>
  `c.relname = ${quoteLiteral(table)} and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
const listOf = (names: readonly string[]) => `array[${names.map(quoteLiteral).join(', ')}]::name[]`;

/** A schema that exists. */
export interface Presence {
  readonly oid: string;
  /** Whether it has a table of the history's name, whosever it is. */
  readonly hasTable: boolean;
  /** Whether triggers, rules or row security on that table may discard a row without an error. */
  readonly mayDiscard: boolean;
  /** Whether its rows can be updated while they are published (see `identifyRows`). */
  readonly hasIdentity: boolean;
}

/** Which schemas exist among `names`. */
export async function lookUpSchemas(
  session: Session,
  names: readonly string[],
  table: string,
): Promise<Map<string, Presence>> {
  if (names.length === 0) return new Map();
  const rows =
    await session.read(`select n.nspname as schema, n.oid::text as oid, c.oid is not null as present,
  coalesce(c.relhastriggers or c.relhasrules or c.relrowsecurity, false) as discards, c.relreplident = 'f' as identified
from unnest(${listOf(names)}) as wanted (name) join pg_catalog.pg_namespace n on n.nspname = wanted.name
left join pg_catalog.pg_class c on c.relnamespace = n.oid and ${isTable(table)}
where ${isOrdinary}`);
  return new Map(
    rows.map((row) => [
      String(row.schema),
      {
        oid: String(row.oid),
        hasTable: row.present === true,
        mayDiscard: row.discards === true,
        hasIdentity: row.identified === true,
      },
    ]),
  );
}

/** All schemas that have a history table of ours, by name; `readable` leaves out those that we may not read. */
export async function schemasWithHistory(
  session: Session,
  table: string,
  { readable } = { readable: false },
): Promise<string[]> {
  const rights = `pg_catalog.has_schema_privilege(n.oid, 'USAGE') and pg_catalog.has_table_privilege(c.oid, 'SELECT')`;
  const rows = await session.read(`select n.nspname as schema from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where ${isTable(table)} and ${isOrdinary}${readable ? ` and ${rights}` : ''}
  and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid and not a.attisdropped
       and a.attname = any(${listOf(ownColumns)})) = ${ownColumns.length}
order by n.nspname collate "C"`);
  return rows.map((row) => String(row.schema));
}
