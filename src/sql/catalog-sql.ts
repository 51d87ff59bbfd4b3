import { quoteLiteral } from './quote.ts';

/** SQL condition on `pg_namespace n`: it is not a schema of PostgreSQL itself. */
export const isOrdinarySchema = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** SQL expression: an array of values of a type. */
export function arrayOf(values: readonly string[], type: string): string {
  return `array[${values.map(quoteLiteral).join(', ')}]::${type}[]`;
}

/** SQL expression: a list of names. */
export function nameArray(names: readonly string[]): string {
  return arrayOf(names, 'name');
}

/** SQL expression: the OID of a schema; null if it does not exist. */
export function schemaOid(schema: string): string {
  return `(select oid from pg_namespace where nspname = ${quoteLiteral(schema)})`;
}

/** SQL condition: the object with an OID in a catalog belongs to an extension. */
export function isExtensionMember(catalog: string, oid: string): string {
  return `exists (select from pg_depend e where e.classid = '${catalog}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
}

/**
 * SQL expression: the `search_path` in a list of settings, such as the settings of a function; null if it is not set.
 */
export function searchPathAmong(settings: string): string {
  return `(select substr(e, 13) from unnest(${settings}) e where e like 'search_path=%')`;
}

/** SQL expression: the schemas of a `search_path`, as an array. */
export function schemasOnPath(path: string): string {
  return `array(select trim(both '"' from trim(e)) from unnest(string_to_array(${path}, ',')) e)`;
}

/** SQL expression: the columns of the relation with an OID as JSON, `name type` each, in their order. */
export function columnsAsJson(oid: string): string {
  return `(select json_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
   from pg_attribute a where a.attrelid = ${oid} and a.attnum > 0 and not a.attisdropped)`;
}
