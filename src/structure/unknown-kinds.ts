import type { Session } from '../server/session.ts';
import { nameArray } from '../sql/catalog-sql.ts';

// The kinds of relations that shapes contain, their indexes, and TOAST tables.
const knownRelations = ['r', 'p', 'f', 'v', 'm', 'S', 'c', 'i', 'I', 't'];

// Extensions are not part of shapes, and publications of a schema do not belong to it.
const knownCatalogs = [
  ...['pg_class', 'pg_proc', 'pg_type', 'pg_collation', 'pg_conversion', 'pg_operator', 'pg_opclass'],
  ...['pg_opfamily', 'pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template', 'pg_statistic_ext'],
  ...['pg_default_acl', 'pg_extension', 'pg_publication_namespace'],
];

/** The kinds of objects that schemas contain but shapes do not, as the catalogs name them, with those schemas. */
export async function findUnknownKinds(
  session: Session,
  schemas: readonly string[],
): Promise<{ readonly kind: string; readonly schemas: readonly string[] }[]> {
  const rows =
    await session.read(`with s as materialized (select oid, nspname from pg_namespace where nspname = any(${nameArray(schemas)}))
select kind, json_agg(schema order by schema) as schemas from (
  select distinct 'relation kind ' || c.relkind::text as kind, s.nspname::text as schema from pg_class c join s on s.oid = c.relnamespace
  where c.relkind not in (${knownRelations.map((kind) => `'${kind}'`).join(', ')})
  union select 'catalog ' || d.classid::regclass::text, s.nspname::text from pg_depend d join s on s.oid = d.refobjid
  where d.refclassid = 'pg_namespace'::regclass and d.classid not in (${knownCatalogs.map((name) => `'${name}'::regclass`).join(', ')})
) as found group by kind order by kind`);
  return rows.map(({ kind, schemas: having }) => ({ kind: String(kind), schemas: having as string[] }));
}
