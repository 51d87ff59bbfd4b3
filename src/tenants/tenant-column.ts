/** A column of the tenants query. */
export interface QueryColumn {
  readonly name: string;
  /** As PostgreSQL names it, such as `timestamp with time zone`. */
  readonly type: string;
  /** True for text, varchar, char, name, and types of extensions that are text, such as citext. */
  readonly isText: boolean;
}

const telling: readonly string[] = ['schema', 'schema_name', 'tenant'];

/** Which column of the tenants query holds the names: its number from 0, or why none does, in words. */
export function tenantColumn(columns: readonly QueryColumn[]): number | string {
  if (columns.length === 0) return 'the query gives no columns';
  const named = columns.filter(({ name }) => telling.includes(name));
  const [only] = columns.length === 1 ? columns : named.length === 1 ? named : [];
  const shown = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  if (only === undefined) {
    return `the query must give one column, or one that is named ${telling.slice(0, -1).join(', ')} or ${telling.at(-1)}; it gives ${shown}`;
  }
  return only.isText
    ? columns.indexOf(only)
    : `the column ${only.name} must be text; the query gives ${shown}`;
}
