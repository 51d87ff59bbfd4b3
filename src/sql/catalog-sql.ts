import { quoteLiteral } from './quote.ts';

/** SQL condition on `pg_namespace n`: it is not a schema of PostgreSQL itself. */
export const isOrdinarySchema = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** SQL expression: a list of names. */
export function nameArray(names: readonly string[]): string {
  return `array[${names.map(quoteLiteral).join(', ')}]::name[]`;
}

/** SQL expression: the columns of the relation with an OID as JSON, `name type` each, in their order. */
export function columnsAsJson(oid: string): string {
  return `(select json_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
   from pg_attribute a where a.attrelid = ${oid} and a.attnum > 0 and not a.attisdropped)`;
}
