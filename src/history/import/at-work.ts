import { quoteLiteral } from '../../sql/quote.ts';
import { historyTable } from '../history.ts';
import type { HistoryPlace, HistoryReader } from './history-reader.ts';

/**
 * SQL query: sessions that hold, or wait for, the tool's advisory lock in this database, or a lock above ACCESS SHARE on
 * its tables in these places: `pid`, `application`, `lock` in words. Half of the tools take no lock while a migration
 * runs, so no row does not mean that the tool is idle.
 */
export function selectSessionsAtWork(reader: HistoryReader, places: readonly HistoryPlace[]): string {
  const ranges = places
    .flatMap((place) => reader.lockKeys?.(place) ?? [])
    .map(({ from, to }) =>
      from === to ? `${advisoryKey} = ${from}` : `${advisoryKey} between ${from} and ${to}`,
    );
  const tables = places.flatMap(({ schema, table }) =>
    [table, ...Object.keys(reader.beside?.(table) ?? {})].map((name) =>
      quoteLiteral(historyTable(schema, name)),
    ),
  );
  const advisory = `l.locktype = 'advisory' and l.objsubid = 1 and (${[...new Set(ranges)].join(' or ') || 'false'})`;
  const relation = `l.locktype = 'relation' and l.mode <> 'AccessShareLock'
    and l.relation = any(array(select to_regclass(name) from unnest(array[${tables.join(', ')}]::text[]) as name))`;
  return `select distinct l.pid, a.application_name as application,
  case when l.locktype = 'advisory' then 'advisory lock ' || (${advisoryKey})::text
    else l.mode || ' on ' || l.relation::regclass::text end as lock
from pg_locks l join pg_stat_activity a on a.pid = l.pid and a.backend_type = 'client backend'
where l.database = (select oid from pg_database where datname = current_database()) and l.pid <> pg_backend_pid()
  and (${advisory} or ${relation})
order by 1, 3`;
}

// PostgreSQL documentation, pg_locks: a bigint key has its high half in classid, its low half in objid.
const advisoryKey = '((l.classid::bigint << 32) | l.objid::bigint)';
