/** A column of the tenants query. */
interface QueryColumn {
  readonly name: string;
  /** As PostgreSQL names it, such as `timestamp with time zone`. */
  readonly type: string;
  /** True for text, varchar, char, name, and string types of extensions, such as citext. */
  readonly isText: boolean;
}

const nameColumns: readonly string[] = ['schema', 'schema_name', 'tenant'];

/** The index of the name column in the tenants query, or why there is none, in words. */
export function tenantColumn(columns: readonly QueryColumn[]): number | string {
  if (columns.length === 0) return 'the query returns no columns';
  const named = columns.filter(({ name }) => nameColumns.includes(name));
  const [column, ...others] = columns.length === 1 ? columns : named;
  const shown = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  if (column === undefined || others.length > 0) {
    return `the query must return one column, or one that is named ${nameColumns.slice(0, -1).join(', ')} or ${nameColumns.at(-1)}; it returns ${shown}`;
  }
  return column.isText
    ? columns.indexOf(column)
    : `the column ${column.name} must be text; the query returns ${shown}`;
}
