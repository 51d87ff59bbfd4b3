import { historyTableNames, toolOf } from '../history/foreign-history.ts';
import { schemasWithHistory } from '../history/presence.ts';
import type { DatabaseFacts, NameColumn, SchemaGroup, ToolHistory } from '../project/proposal.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { columnsAsJson, isOrdinarySchema } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';

// A column with more values than this is not a list of tenants.
const mostValues = 10_000;
const mostColumns = 20;

const readOnly = 'SET TRANSACTION READ ONLY;\n';
const isTable = `c.relkind in ('r', 'p') and not c.relispartition`;

/** Reads what `init` needs to know about a database, without writing or waiting; unreadable tables are skipped. */
export async function readFacts(
  session: Session,
  publicSchema: string,
  historyTable: string,
): Promise<DatabaseFacts> {
  const own = await schemasWithHistory(session, historyTable);
  return {
    groups: await readGroups(session),
    columns: await readColumns(session, publicSchema),
    histories: await readHistoriesOfTools(session, historyTable, new Set(own)),
    own,
  };
}

async function readGroups(session: Session): Promise<SchemaGroup[]> {
  const rows =
    await session.read(`${readOnly}select tables::json as tables, json_agg(schema order by schema) as schemas
from (select n.nspname as schema,
    coalesce(json_agg(c.relname order by c.relname) filter (where c.oid is not null), '[]')::text as tables
  from pg_namespace n left join pg_class c on c.relnamespace = n.oid and ${isTable}
  where ${isOrdinarySchema} group by n.oid, n.nspname) as schemas
group by schemas.tables`);
  return rows.map(({ tables, schemas }) => ({ tables: tables as string[], schemas: schemas as string[] }));
}

async function readHistoriesOfTools(
  session: Session,
  historyTable: string,
  own: ReadonlySet<string>,
): Promise<ToolHistory[]> {
  const names = [...new Set([...historyTableNames, historyTable])].map(quoteLiteral).join(', ');
  const rows =
    await session.read(`${readOnly}select "table", columns::json as columns, json_agg(schema order by schema) as schemas
from (select c.relname as "table", n.nspname as schema,
    ${columnsAsJson('c.oid')}::text as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relname in (${names}) and ${isTable} and ${isOrdinarySchema}) as found
group by "table", found.columns order by "table"`);
  return rows.flatMap((row) => {
    const table = String(row.table);
    const schemas = (row.schemas as string[]).filter((schema) => table !== historyTable || !own.has(schema));
    const tool = toolOf(table, (row.columns ?? []) as string[]);
    return schemas.length === 0 || tool === null ? [] : [{ tool, table, schemas }];
  });
}

type ColumnName = Pick<NameColumn, 'table' | 'column' | 'tableSql' | 'columnSql'>;

async function readColumns(session: Session, publicSchema: string): Promise<NameColumn[]> {
  const rows = await session.read(`${readOnly}select c.relname as "table", a.attname as "column",
  quote_ident(n.nspname) || '.' || quote_ident(c.relname) as path,
  quote_ident(c.relname) as "tableSql", quote_ident(a.attname) as "columnSql"
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where n.nspname = ${quoteLiteral(publicSchema)} and ${isTable} and t.typname in ('text', 'varchar', 'name', 'citext')
  and a.attname ~* '(^|_)(schema|schemaname|tenant|slug|name|subdomain|domain|namespace|database|db|code|key|identifier)(_|$)'
  and has_column_privilege(c.oid, a.attnum, 'SELECT')
order by a.attname ~* 'schema' desc, a.attname ~* 'tenant' desc,
  c.relname ~* 'tenant|customer|client|account|organi[sz]ation|compan|workspace|team|site|shop|school' desc,
  a.attname ~* 'slug|subdomain' desc, c.reltuples, c.relname, a.attname
limit ${mostColumns}`);
  const found: NameColumn[] = [];
  for (const row of rows) {
    const column = await readColumn(session, row as unknown as ColumnName, String(row.path));
    if (column !== null && column.schemas.length > 0) found.push(column);
  }
  return found;
}

/** Reads the values of a column; `null` if it cannot be read, or not immediately. */
async function readColumn(session: Session, name: ColumnName, path: string): Promise<NameColumn | null> {
  const { table, column, tableSql, columnSql } = name;
  try {
    const [row] = await session.read(`${readOnly}SET LOCAL statement_timeout = '2s';
SET LOCAL lock_timeout = '500ms';
SET LOCAL row_security = off;
select count(distinct read.value)::int as values, count(*) > count(read.value) as nulls,
  coalesce(json_agg(distinct n.nspname::text) filter (where n.oid is not null), '[]') as schemas
from (select t.${columnSql}::text as value from ${path} as t limit ${mostValues}) as read
left join pg_namespace n on n.nspname = read.value and ${isOrdinarySchema}`);
    const [values, hasNulls, schemas] = [Number(row?.values), row?.nulls === true, row?.schemas as string[]];
    return { table, column, tableSql, columnSql, values, hasNulls, schemas };
  } catch (error) {
    if (isServerError(error)) return null;
    throw error;
  }
}
