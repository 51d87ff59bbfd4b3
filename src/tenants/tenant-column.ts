/** A column of the tenants query. */
interface QueryColumn {
  readonly name: string;
  /** As PostgreSQL names it, such as `timestamp with time zone`. */
  readonly type: string;
  /** True for text, varchar, char, name, and types of extensions that are text, such as citext. */
  readonly isText: boolean;
}

const nameColumns: readonly string[] = ['schema', 'schema_name', 'tenant'];

/** The index of the column of the tenants query that has the names, or why none has, in words. */
export function tenantColumn(columns: readonly QueryColumn[]): number | string {
  if (columns.length === 0) return 'the query returns no columns';
  const named = columns.filter(({ name }) => nameColumns.includes(name));
  const [only] = columns.length === 1 ? columns : named.length === 1 ? named : [];
  const shown = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  if (only === undefined) {
    return `the query must return one column, or one that is named ${nameColumns.slice(0, -1).join(', ')} or ${nameColumns.at(-1)}; it returns ${shown}`;
  }
  return only.isText
    ? columns.indexOf(only)
    : `the column ${only.name} must be text; the query returns ${shown}`;
}
