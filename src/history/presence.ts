import type { Session } from '../server/session.ts';
import { columnsAsJson, isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { historyColumns, isCurrentForm } from './history.ts';
import { enoughColumns } from './history-shape.ts';
import { runLogName } from './run-log.ts';

const isTable = (table: string) =>
  `c.relname = ${quoteLiteral(table)} and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
const isReadable = `pg_catalog.has_schema_privilege(n.oid, 'USAGE') and pg_catalog.has_table_privilege(c.oid, 'SELECT')`;

/** SQL condition: table `c` has all columns of a history. Its name does not matter. */
const isAlike = `(select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    and a.attname = any(${nameArray(historyColumns)})) = ${historyColumns.length}`;

/** SQL condition: triggers, rules or row security on table `c` may silently discard a row. */
export const mayDiscard = 'c.relhastriggers or c.relhasrules or c.relrowsecurity';

/** A schema that exists. */
export interface Presence {
  readonly oid: string;
  /** Whether it has a table named like the history, sqlmig's or not. */
  readonly hasTable: boolean;
  /** Whether triggers, rules or row security on that table may silently discard a row. */
  readonly mayDiscardRows: boolean;
  /** Whether the table needs no upgrade (see `upgradeHistory`). */
  readonly isCurrent: boolean;
}

/** Returns the `names` that exist. */
export async function findSchemas(
  session: Session,
  names: readonly string[],
  table: string,
): Promise<Map<string, Presence>> {
  if (names.length === 0) return new Map();
  const rows =
    await session.read(`select n.nspname as schema, n.oid::text as oid, c.oid is not null as present,
  coalesce(${mayDiscard}, false) as discards, c.oid is null or ${isCurrentForm} as current
from unnest(${nameArray(names)}) as wanted (name) join pg_catalog.pg_namespace n on n.nspname = wanted.name
left join pg_catalog.pg_class c on c.relnamespace = n.oid and ${isTable(table)}
where ${isOrdinarySchema}`);
  return new Map(
    rows.map((row) => [
      String(row.schema),
      {
        oid: String(row.oid),
        hasTable: row.present === true,
        mayDiscardRows: row.discards === true,
        isCurrent: row.current === true,
      },
    ]),
  );
}

/** SQL condition: schema `n` has tables other than sqlmig's own and those of extensions, and no history of another name. */
const hasTables = (table: string) =>
  // Goes through pg_depend, which has an index on the schema, as pg_class has not.
  `exists (select from pg_catalog.pg_depend d join pg_catalog.pg_class c on c.oid = d.objid
  where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = n.oid
    and d.classid = 'pg_catalog.pg_class'::regclass and c.relkind in ('r', 'p', 'f') and not (${isTable(table)}) and c.relname <> ${quoteLiteral(runLogName(table))}
    and not exists (select from pg_catalog.pg_depend e where e.classid = d.classid and e.objid = d.objid
      and e.refclassid = 'pg_catalog.pg_extension'::regclass and e.deptype = 'e'))
and not exists (select from pg_catalog.pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and c.relname <> ${quoteLiteral(table)} and ${isAlike})`;

/**
 * SQL condition: CREATE SCHEMA has left schema `n` as it is now, apart from a history of the current form, and the role
 * owns it. Everything in a schema depends on it, and so do its default privileges and publications.
 */
export const isAsCreated = (table: string) =>
  `n.nspacl is null and pg_catalog.pg_get_userbyid(n.nspowner) = current_user and pg_catalog.obj_description(n.oid, 'pg_namespace') is null
and not exists (select from pg_catalog.pg_depend d where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = n.oid
  and not (d.classid = 'pg_catalog.pg_class'::regclass and exists (select from pg_catalog.pg_class c where c.oid = d.objid and ${isTable(table)} and ${isCurrentForm})))`;

/**
 * Returns which of these schemas have tables of the application (`inUse`), and which are as CREATE SCHEMA leaves them, apart
 * from the history (`empty`). A schema with a sqlmig history of another name, which records its tables, is neither.
 */
export async function contentsOf(
  session: Session,
  names: readonly string[],
  table: string,
): Promise<Readonly<Record<'inUse' | 'empty', ReadonlySet<string>>>> {
  const rows =
    names.length === 0
      ? []
      : await session.read(`select n.nspname as schema, ${isAsCreated(table)} as empty, ${hasTables(table)} as used
from pg_catalog.pg_namespace n where n.nspname = any(${nameArray(names)})`);
  const those = (column: string) =>
    new Set(rows.filter((row) => row[column] === true).map((row) => String(row.schema)));
  return { inUse: those('used'), empty: those('empty') };
}

/** Returns all schemas with a history table of sqlmig, sorted; `readable` omits those that the role may not read. */
export async function schemasWithHistory(
  session: Session,
  table: string,
  { readable } = { readable: false },
): Promise<string[]> {
  const rows = await session.read(`select n.nspname as schema from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where ${isTable(table)} and ${isOrdinarySchema}${readable ? ` and ${isReadable}` : ''}
  and (select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid and not a.attisdropped
       and a.attname = any(${nameArray(historyColumns)})) >= ${enoughColumns}
order by n.nspname collate "C"`);
  return rows.map((row) => String(row.schema));
}

/**
 * The histories outside public whose names begin with `table` and `_`, sorted by schema, without those that the role
 * may not read. Omits a name that public also uses for a history or a run log: it belongs to another config.
 */
export async function historiesNamedAfter(
  session: Session,
  table: string,
  publicSchema: string,
): Promise<{ readonly schema: string; readonly relation: string }[]> {
  // A range, for which the server uses the index on names. A copy of a table does not keep its replica identity.
  const rows =
    await session.read(`select n.nspname as schema, c.relname as relation from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relname >= ${quoteLiteral(`${table}_`)} and c.relname < ${quoteLiteral(`${table}\``)} and c.relkind in ('r', 'p') and c.relreplident = 'f'
  and ${isOrdinarySchema} and n.nspname <> ${quoteLiteral(publicSchema)} and ${isReadable} and ${isAlike}
  and not exists (select from pg_catalog.pg_class p join pg_catalog.pg_namespace o on o.oid = p.relnamespace
    where o.nspname = ${quoteLiteral(publicSchema)} and p.relname in (c.relname, (c.relname || '_runs')::name))
order by n.nspname collate "C"`);
  return rows.map((row) => ({ schema: String(row.schema), relation: String(row.relation) }));
}

/** The OIDs of the tables with one of these names, in any schema. */
export async function tablesNamed(session: Session, names: readonly string[]): Promise<string[]> {
  const rows = await session.read(
    `select c.oid::text as oid from pg_catalog.pg_class c where c.relname = any(${nameArray(names)}) and c.relkind in ('r', 'p')`,
  );
  return rows.map(({ oid }) => String(oid));
}

/** A table named like the history, as the catalogs describe it. */
interface TableFacts {
  /** `name type` each, in table order. */
  readonly columns: readonly string[];
  /** Whether the role has the privileges to read it, though row security may still hide rows. */
  readonly readable: boolean;
}

/** Returns the tables named like the history in these schemas, by schema. */
export async function lookUpTables(
  session: Session,
  names: readonly string[],
  table: string,
): Promise<Map<string, TableFacts>> {
  if (names.length === 0) return new Map();
  const rows = await session.read(`select n.nspname as schema, ${isReadable} as readable,
  ${columnsAsJson('c.oid')} as columns
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where ${isTable(table)} and n.nspname = any(${nameArray(names)})`);
  return new Map(
    rows.map((row) => [
      String(row.schema),
      { readable: row.readable === true, columns: (row.columns ?? []) as string[] },
    ]),
  );
}

/** Returns tables with the columns of the history but another name, in these schemas. */
export async function findLookAlikes(
  session: Session,
  schemas: readonly string[],
  table: string,
): Promise<{ readonly schema: string; readonly relation: string }[]> {
  if (schemas.length === 0) return [];
  const rows = await session.read(`select n.nspname as schema, c.relname as relation from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(${nameArray(schemas)}) and c.relkind = 'r' and c.relname <> ${quoteLiteral(table)} and ${isReadable}
  and ${isAlike}`);
  return rows.map((row) => ({ schema: String(row.schema), relation: String(row.relation) }));
}
