import { defaults } from '../project/defaults.ts';
import type { Row } from '../server/answer.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { columnsAsJson, isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
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
  readonly oid: string;
  /** The role owns it, or is a member of its owner. */
  readonly isOwned: boolean;
  /** Its schema has no other tables than the tool's. */
  readonly isAlone: boolean;
  /** sqlmig has renamed it, or closed it with a trigger; `null` if it has not taken it over. */
  readonly takenOver: 'renamed' | 'closed' | null;
}

/** The trigger that sqlmig puts on a history that it has taken over, and the function that it calls. */
export const takenOverTrigger = 'sqlmig_taken_over';

/** What to look for. */
export interface TableSearch {
  /** The name of sqlmig's histories, which a table that was renamed begins with. */
  readonly historyTable: string;
  /** Only these tables. */
  readonly oids?: readonly string[];
}

/** A session that shows a tool at work. */
export interface SessionAtWork {
  readonly pid: number;
  readonly application: string;
  /** What it holds or waits for, in words. */
  readonly lock: string;
}

// Histories may have any name, so a table whose columns say enough is found by them.
const findTables = ({ historyTable, oids }: TableSearch) => `with tables as (
  select c.oid, c.relowner, n.oid as namespace, n.nspname as schema, c.relname as name, array_agg(a.attname) as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relkind in ('r', 'p') and not c.relispartition and ${isOrdinarySchema}${
    oids === undefined ? '' : ` and c.oid = any(array[${oids.map(quoteLiteral).join(', ')}]::oid[])`
  }
  group by c.oid, n.oid, n.nspname, c.relname)
select schema, name as table, oid::text as oid, pg_has_role(relowner, 'USAGE') as owned,
  not exists (select from pg_class c where c.relnamespace = t.namespace and c.relkind in ('r', 'p') and c.oid <> t.oid
    and c.relname not in (t.name || '_lock', t.name || 'lock')) as alone,
  exists (select from pg_trigger where tgrelid = t.oid and tgname = ${quoteLiteral(takenOverTrigger)}) as closed,
  ${columnsAsJson('t.oid')} as columns,
  coalesce((select json_agg(c.relname) from pg_class c where c.relnamespace = t.namespace and c.relkind in ('r', 'p')
    and (c.relname in ('ar_internal_metadata', 'hdb_version', 'current') or c.relname in (t.name || '_lock', t.name || 'lock'))
    and c.oid <> t.oid), '[]') as companions
from tables t
where name = any(${nameArray(historyTableNames)}) or starts_with(name::text, ${quoteLiteral(`${historyTable}_`)}) or ${tellingColumns.map((list) => `columns @> ${nameArray(list)}`).join(' or ')}
order by schema collate "C", name collate "C"`;

/** The history tables of other tools in a database, by schema. */
export async function findForeignTables(
  session: Session,
  search: TableSearch = { historyTable: defaults.historyTable },
): Promise<FoundTable[]> {
  const rows: readonly Row[] = await readOnly(session, findTables(search));
  return rows.flatMap((row) => {
    const [columns, companions] = [row.columns as string[], row.companions as string[]];
    const table = String(row.table);
    const former = formerName(table, search);
    const tool = shapeOf(columns).kind === 'ours' ? null : toolOf(former, columns, companions);
    // Any table may have a name that begins like a history's.
    if (tool === null || (former !== table && table !== renamedFor(tool, former))) return [];
    const { schema, oid, owned, alone, closed } = row;
    return [
      {
        schema: String(schema),
        table,
        columns,
        companions,
        tool,
        oid: String(oid),
        isOwned: owned === true,
        isAlone: alone === true || toolSchemas.includes(String(schema)),
        takenOver: former !== table ? 'renamed' : closed === true ? 'closed' : null,
      },
    ];
  });
}

// Schemas that tools make for themselves, with more tables than a history.
const toolSchemas: readonly string[] = [
  'atlas_schema_revisions',
  'drizzle',
  'graphile_migrate',
  'hdb_catalog',
  'sqitch',
  'supabase_migrations',
];

// The name that the tool knows it by.
function formerName(table: string, { historyTable }: TableSearch): string {
  return table.startsWith(`${historyTable}_`) ? historyTable : table;
}

/** The name that sqlmig gives to a tool's history that has the name of its own. */
export function renamedFor(tool: string, historyTable: string): string {
  return `${historyTable}_${tool.toLowerCase().replace(/[^a-z0-9]+/g, '_')}`;
}

/** A found table and what reads it. */
export interface ReadableTable {
  readonly found: FoundTable;
  readonly reader: HistoryReader;
}

const batchSize = 50;

/** Reads histories and the tables beside them, in few round trips; an error of the server is of that history alone. */
export async function readFoundTables(
  session: Session,
  tables: readonly ReadableTable[],
): Promise<Map<FoundTable, FoundHistory | ServerError>> {
  const read = new Map<FoundTable, FoundHistory | ServerError>();
  for (let from = 0; from < tables.length; from += batchSize)
    await readInto(read, session, tables.slice(from, from + batchSize));
  return read;
}

async function readInto(
  read: Map<FoundTable, FoundHistory | ServerError>,
  session: Session,
  batch: readonly ReadableTable[],
): Promise<void> {
  try {
    const histories = await readBatch(session, batch);
    for (const [i, { found }] of batch.entries()) read.set(found, histories[i] ?? emptyHistory(found));
  } catch (error) {
    const [only, ...others] = batch;
    if (!isServerError(error) || only === undefined) throw error;
    if (others.length === 0) read.set(only.found, error);
    else for (const table of batch) await readInto(read, session, [table]);
  }
}

function emptyHistory({ columns }: FoundTable): MutableHistory {
  return { columns, rows: [], beside: {} };
}

interface MutableHistory extends FoundHistory {
  readonly rows: ForeignRow[];
  readonly beside: Record<string, ForeignRow[]>;
}

async function readBatch(session: Session, batch: readonly ReadableTable[]): Promise<MutableHistory[]> {
  const queries = batch.flatMap(({ reader, found }, i) =>
    foreignQueries(reader, found).map(({ beside, sql }) => ({ i, beside, sql })),
  );
  const histories = batch.map(({ found }) => emptyHistory(found));
  const texts = queries.map(({ sql }, query) => sql([`${query} as query`]));
  for (const { query, ...row } of await readOnly(session, texts.join(';\n'))) {
    const { i, beside } = queries[Number(query)] ?? { i: -1, beside: null };
    const history = histories[i];
    if (beside === null) history?.rows.push(row);
    else if (history !== undefined) history.beside[beside] = [...(history.beside[beside] ?? []), row];
  }
  return histories;
}

/** One history, and a digest of everything that was read of it. */
export interface DigestedHistory {
  readonly digest: string;
  readonly history: FoundHistory;
}

/** Reads one history with its digest, which is the older of the two if another session writes meanwhile. */
export async function readDigested(session: Session, table: ReadableTable): Promise<DigestedHistory> {
  const [row] = await readOnly(session, `select (${selectForeignDigest(table)}) as digest`);
  const [history = emptyHistory(table.found)] = await readBatch(session, [table]);
  return { digest: String(row?.digest), history };
}

/** SQL query: the digest of everything that is read of a history. */
export function selectForeignDigest({ reader, found }: ReadableTable): string {
  const texts = foreignQueries(reader, found).map(
    ({ sql }) => `(select string_agg(r::text, chr(10) order by r::text) from (${sql([])}) r)`,
  );
  return `select md5(concat_ws(chr(10) || '-' || chr(10), ${texts.join(', ')}))`;
}

/** The sessions that show a tool at work on these histories now. */
export async function readSessionsAtWork(
  session: Session,
  reader: HistoryReader,
  tables: readonly ForeignTable[],
): Promise<SessionAtWork[]> {
  const { database } = session.server;
  const places = tables.map(({ schema, table }) => ({ schema, table, database }));
  const rows = await readOnly(session, selectSessionsAtWork(reader, places));
  return rows.map(({ pid, application, lock }) => ({
    pid: Number(pid),
    application: application ?? '',
    lock: lock ?? '',
  }));
}

// With row security on, a policy would hide rows without an error.
async function readOnly(session: Session, queries: string): Promise<ForeignRow[]> {
  return (await session.read(`SET TRANSACTION READ ONLY;
SET LOCAL row_security = off;
SET LOCAL lock_timeout = '2s';
${queries}`)) as ForeignRow[];
}
