import { unitStates } from '../errors.ts';
import { raise } from '../protocol/refusal.ts';
import type { Session } from '../server/session.ts';
import { schemaOid } from '../sql/catalog-sql.ts';
import { selectDependents } from '../structure/dependents.ts';

/**
 * SQL query: what DROP SCHEMA … CASCADE would drop outside the schema, as PostgreSQL describes it (`what`): dependent
 * objects, and partitions and owned sequences in other schemas. Casts, which belong to no schema, do not count, nor do
 * the members of an extension in the schema, such as a foreign-data wrapper.
 */
function selectOutsideDependents(schema: string): string {
  const here = schemaOid(schema);
  const roots = `select d.classid, d.objid from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = ${here}
  union select d.classid, d.objid from pg_extension x join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = x.oid and d.deptype = 'e' where x.extnamespace = ${here}`;
  const elsewhere = `and d.classid <> 'pg_cast'::regclass
union select pg_describe_object('pg_class'::regclass, c.oid, 0) from own o join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid
where c.relkind not in ('t', 'i', 'I') and c.relnamespace <> ${here}`;
  return selectDependents(roots, elsewhere);
}

/** The objects outside a schema that dropping it would also drop. */
export async function readOutsideDependents(session: Session, schema: string): Promise<string[]> {
  const rows = await session.read(selectOutsideDependents(schema));
  return rows.map(({ what }) => String(what));
}

/** PL/pgSQL that refuses to continue if there is such an object. */
export function refuseOutsideDependents(schema: string): string {
  return `  if exists (${selectOutsideDependents(schema)}) then ${raise(unitStates.dependents)} end if;`;
}
