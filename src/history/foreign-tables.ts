import { defaults } from '../project/defaults.ts';
import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { arrayOf, columnsAsJson, isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { historyTableNames, tellingColumns, toolOf } from './foreign-history.ts';
import { historyColumns } from './history.ts';
import { enoughColumns, shapeOf } from './history-shape.ts';
import type { ForeignRow, ForeignTable } from './import/table-form.ts';

/** A history table of another tool that the database has. */
export interface FoundTable extends ForeignTable {
  /** As `toolOf` names it. */
  readonly tool: string;
  readonly oid: string;
  /** The role owns it, or is a member of its owner. */
  readonly isOwned: boolean;
  /** Its schema has only the tool's tables. */
  readonly isAlone: boolean;
  /** sqlmig has renamed it, or closed it with a trigger; `null` if it has not taken it over. */
  readonly takenOver: 'renamed' | 'closed' | null;
}

/** The trigger that sqlmig puts on a history that it has taken over, and the function that it calls. */
export const takenOverTrigger = 'sqlmig_taken_over';

/** What to look for. */
interface TableSearch {
  /** The name of sqlmig's histories, which a table that was renamed begins with. */
  readonly historyTable: string;
  /** Only these tables. */
  readonly oids?: readonly string[];
}

// Histories may have any name, so a table whose columns say enough is found by them.
const findTables = ({ historyTable, oids }: TableSearch) => `with tables as (
  select c.oid, c.relowner, n.oid as namespace, n.nspname as schema, c.relname as name, array_agg(a.attname) as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relkind in ('r', 'p') and not c.relispartition and ${isOrdinarySchema}${
    oids === undefined ? '' : ` and c.oid = any(${arrayOf(oids, 'oid')})`
  }
  group by c.oid, n.oid, n.nspname, c.relname
  having count(*) filter (where a.attname = any(${nameArray(historyColumns)})) < ${enoughColumns})
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

/** How long a locked table is waited for. */
export const longestLockWait = '2s';

/**
 * Runs queries on tables of other tools, and waits `lockTimeout` for a locked one. With row security on, a policy would
 * hide rows without an error.
 */
export async function readOnly(
  session: Session,
  queries: string,
  lockTimeout = longestLockWait,
): Promise<ForeignRow[]> {
  return (await session.read(`SET TRANSACTION READ ONLY;
SET LOCAL row_security = off;
SET LOCAL lock_timeout = ${quoteLiteral(lockTimeout)};
${queries}`)) as ForeignRow[];
}
