import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { historyTableNames, tellingColumns, toolOf } from './foreign-history.ts';
import { shapeOf } from './history-shape.ts';
import { selectSessionsAtWork } from './import/at-work.ts';
import { type FoundHistory, foreignQueries } from './import/foreign-reading.ts';
import type { HistoryReader } from './import/history-reader.ts';
import type { ForeignRow, ForeignTable } from './import/table-form.ts';

/** A history table of another tool that the database has. */
export interface FoundTable extends ForeignTable {
  /** As `toolOf` names it. */
  readonly tool: string;
}

/** A session that shows a tool at work. */
export interface SessionAtWork {
  readonly pid: number;
  readonly application: string;
  /** What it holds or waits for, in words. */
  readonly lock: string;
}

const names = (list: readonly string[]) => `array[${list.map(quoteLiteral).join(', ')}]::name[]`;

// Histories may have any name, so a table whose columns say enough is found by them.
const findTables = `with tables as (
  select c.oid, n.oid as namespace, n.nspname as schema, c.relname as name, array_agg(a.attname) as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  group by c.oid, n.oid, n.nspname, c.relname)
select schema, name as table,
  (select json_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
   from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped) as columns,
  coalesce((select json_agg(c.relname) from pg_class c where c.relnamespace = t.namespace and c.relkind in ('r', 'p')
    and (c.relname in ('ar_internal_metadata', 'hdb_version', 'current') or c.relname in (t.name || '_lock', t.name || 'lock'))
    and c.oid <> t.oid), '[]') as companions
from tables t
where name = any(${names(historyTableNames)}) or ${tellingColumns.map((list) => `columns @> ${names(list)}`).join(' or ')}
order by schema collate "C", name collate "C"`;

/** The history tables of other tools in a database, by schema. */
export async function findForeignTables(session: Session): Promise<FoundTable[]> {
  const rows = await readOnly(session, findTables);
  return rows.flatMap((row) => {
    const [columns, companions] = [row.columns as unknown as string[], row.companions as unknown as string[]];
    const table = String(row.table);
    const tool = shapeOf(columns).kind === 'ours' ? null : toolOf(table, columns, companions);
    return tool === null ? [] : [{ schema: String(row.schema), table, columns, companions, tool }];
  });
}

/** Reads a history and the tables beside it. @throws ServerError if they cannot be read, or are locked for a while. */
export async function readFoundTable(
  session: Session,
  reader: HistoryReader,
  table: ForeignTable,
): Promise<FoundHistory> {
  const queries = foreignQueries(reader, table);
  const rows = await readOnly(session, queries.rows);
  const beside: Record<string, readonly ForeignRow[]> = {};
  for (const [name, query] of Object.entries(queries.beside)) beside[name] = await readOnly(session, query);
  return { columns: table.columns, rows, beside };
}

/** The sessions that show a tool at work on this history now. */
export async function readSessionsAtWork(
  session: Session,
  reader: HistoryReader,
  table: ForeignTable,
): Promise<SessionAtWork[]> {
  const place = { ...table, database: session.server.database };
  const rows = await readOnly(session, selectSessionsAtWork(reader, place));
  return rows.map(({ pid, application, lock }) => ({
    pid: Number(pid),
    application: application ?? '',
    lock: lock ?? '',
  }));
}

// With row security on, a policy would hide rows without an error.
async function readOnly(session: Session, query: string): Promise<ForeignRow[]> {
  return (await session.run(`START TRANSACTION READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL row_security = off;
SET LOCAL lock_timeout = '2s';
${query};
COMMIT;`)) as ForeignRow[];
}
