import type { Session } from '../server/session.ts';
import type { TableShape } from './tables.ts';

/** The objects that keep tables from being dropped without CASCADE, as PostgreSQL describes them. */
export async function readDependents(session: Session, tables: readonly TableShape[]): Promise<string[]> {
  if (tables.length === 0) return [];
  const oids = tables.map(({ oid }) => oid).join(', ');
  // Partitions, indexes, constraints and owned sequences are dropped with their table.
  const rows = await session.read(`with recursive own (classid, objid) as (
  select 'pg_class'::regclass::oid, t.oid from unnest(array[${oids}]::oid[]) t (oid)
  union select d.classid, d.objid from own o join pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid and d.deptype in ('a', 'i', 'P', 'S'))
select distinct case when w.oid is null then pg_describe_object(d.classid, d.objid, d.objsubid) else pg_describe_object('pg_class'::regclass, w.ev_class, 0) end as what
from own o join pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid and d.deptype = 'n'
left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
where not exists (select from own x where x.classid = d.classid and x.objid = d.objid)
order by 1`);
  return rows.map(({ what }) => String(what));
}
