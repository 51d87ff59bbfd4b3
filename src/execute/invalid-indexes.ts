import type { Session } from '../server/session.ts';
import type { QualifiedName } from '../sql/migration.ts';
import type { OnlineChange } from '../sql/online-change.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';

/** How the names in a file's statements resolve. */
export interface Names {
  /** Resolves names with the file's `search_path`. */
  readonly session: Session;
  /** Reads the catalogs on the same connection, independent of what the file has set there. */
  readonly own: Session;
  /** The file's `search_path` as SQL; `null` if the session has it already. */
  readonly path: string | null;
  /** The schema of an index to drop that is named without one; `null` if it depends on the path. */
  readonly home: string | null;
}

/** An index by its schema and name. */
export interface IndexName {
  readonly schema: string;
  readonly name: string;
}

/** OIDs of relations, resolved with the file's path; `null` for those that do not exist. */
export async function relationIds(
  { session, path }: Names,
  names: readonly QualifiedName[],
): Promise<(string | null)[]> {
  const columns = names.map(({ schema, name }, i) => {
    const text = [...(schema === null ? [] : [schema]), name].map(quoteIdentifier).join('.');
    return `pg_catalog.to_regclass(${quoteLiteral(text)})::pg_catalog.oid::pg_catalog.text as r${i}`;
  });
  const setPath = path === null ? '' : `SET LOCAL search_path = ${path};\n`;
  const [row] = await session.run(`${setPath}select ${columns.join(', ')}`);
  return names.map((_, i) => (row?.[`r${i}`] ?? null) as string | null);
}

/**
 * The invalid indexes that only these CONCURRENTLY statements can have left: indexes that they name, indexes on their
 * tables with a name from PostgreSQL, and the copies of a REINDEX.
 */
export async function invalidLeftBy(names: Names, changes: readonly OnlineChange[]): Promise<IndexName[]> {
  const conditions: string[] = [];
  for (const change of changes) {
    const condition = await leftCondition(names, change);
    if (condition !== null) conditions.push(`(${condition})`);
  }
  if (conditions.length === 0) return [];
  const rows = await names.own.read(`select n.nspname as schema, c.relname as name from pg_index i
join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'i' and not i.indisvalid and (${conditions.join(' or ')}) order by 1, 2`);
  return rows.map(({ schema, name }) => ({ schema: String(schema), name: String(name) }));
}

/** The relation that a statement changes; `null` for a whole schema. */
export function subjectOf(change: OnlineChange, home: string | null): QualifiedName | null {
  switch (change.kind) {
    case 'create-index':
    case 'detach':
      return change.table;
    case 'drop-index':
      return { ...change.index, schema: change.index.schema ?? home };
    case 'reindex-schema':
      return null;
    default:
      return change.relation;
  }
}

/** SQL condition on `pg_index i` and its `pg_class c`; `null` if the statement leaves no index. */
async function leftCondition(names: Names, change: OnlineChange): Promise<string | null> {
  const subject = subjectOf(change, names.home);
  if (subject === null) {
    return change.kind === 'reindex-schema' ? copyIn(tablesOf(change.schema), 'true') : null;
  }
  const [id] = await relationIds(names, [subject]);
  if (id === null || id === undefined) return null;
  switch (change.kind) {
    case 'create-index':
      return change.name === null
        ? `i.indrelid = ${id} and c.relname ~ '_idx[0-9]*$'`
        : `c.relname = ${quoteLiteral(change.name)} and c.relnamespace = (select relnamespace from pg_class where oid = ${id})`;
    case 'drop-index':
      return `c.oid = ${id}`;
    case 'reindex-table':
      return copyIn(withToast(withPartitions(id)), 'true');
    case 'reindex-index': {
      const indexes = withPartitions(id);
      return copyIn(
        `select indrelid from pg_index where indexrelid in (${indexes})`,
        `b.indexrelid in (${indexes})`,
      );
    }
    default:
      return null;
  }
}

function tablesOf(schema: string): string {
  return withToast(
    `select t.oid from pg_class t join pg_namespace s on s.oid = t.relnamespace where s.nspname = ${quoteLiteral(schema)}`,
  );
}

function withPartitions(id: string): string {
  return `select ${id}::oid union select relid from pg_partition_tree(${id}::oid)`;
}

function withToast(tables: string): string {
  return `select h.id from (${tables}) g (oid) join pg_class t on t.oid = g.oid cross join lateral (values (t.oid), (t.reltoastrelid)) h (id)`;
}

/** A REINDEX CONCURRENTLY builds `x_ccnew` beside `x` and renames `x` to `x_ccold`; long names are truncated. */
function copyIn(tables: string, original: string): string {
  const suffix = `'_cc(new|old)[0-9]*$'`;
  const named = (alias: string) => `'INDEX ' || quote_ident(${alias}.relname) || ' ON '`;
  return `c.relname ~ ${suffix} and i.indrelid in (${tables}) and exists (
  select from pg_index b join pg_class d on d.oid = b.indexrelid
  where b.indrelid = i.indrelid and b.indexrelid <> i.indexrelid and (${original})
    and starts_with(d.relname::text, regexp_replace(c.relname::text, ${suffix}, ''))
    and replace(pg_get_indexdef(i.indexrelid), ${named('c')}, ${named('d')}) = pg_get_indexdef(b.indexrelid))`;
}
