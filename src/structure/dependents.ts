/**
 * SQL query: the objects that keep others from being dropped without CASCADE, as PostgreSQL describes them (`what`). `roots`
 * is a query of `(classid, objid)`; partitions, indexes, constraints and owned sequences are dropped with their table. For a
 * rule `_RETURN`, the view is described; any other rule is described itself, because only the rule would be dropped.
 * `more` is a query to add, in which `own` is the set of all objects that are dropped.
 */
export function selectDependents(roots: string, more = ''): string {
  // NOT IN is hashed; NOT EXISTS would compare all pairs, since the size of a recursive query is unknown.
  return `with recursive own (classid, objid) as (
  ${roots}
  union select d.classid, d.objid from own o join pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid and d.deptype in ('a', 'i', 'P', 'S'))
select distinct case when w.oid is null then pg_describe_object(d.classid, d.objid, d.objsubid) else pg_describe_object('pg_class'::regclass, w.ev_class, 0) end as what
from own o join pg_depend d on d.refclassid = o.classid and d.refobjid = o.objid and d.deptype = 'n'
left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid and w.rulename = '_RETURN'
where (d.classid, d.objid) not in (select classid, objid from own)${more === '' ? '' : ` ${more}`}
order by 1`;
}
