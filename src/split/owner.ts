import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { OwnedTable, PathStep } from './paths.ts';
import type { TableShape } from './tables.ts';

// sqlmig's own statements compare with the operators of PostgreSQL, independent of the search_path.
const equals = 'operator(pg_catalog.=)';

/** SQL: a table by schema and name. */
export function tableName({ schema, name }: Pick<TableShape, 'schema' | 'name'>): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

function stepTable({ table: { schema } }: OwnedTable, { table }: PathStep): string {
  return tableName({ schema, name: table });
}

function stepCondition({ columns, keys }: PathStep, from: string, to: string): string {
  return columns
    .map(
      (column, i) => `${to}.${quoteIdentifier(keys[i] ?? '')} ${equals} ${from}.${quoteIdentifier(column)}`,
    )
    .join(' and ');
}

/** SQL: the rows of a shared table as `t0`, and an expression of the id that each belongs to, which may be NULL. */
export function withOwner(owned: OwnedTable, column: string, prefix = 't'): { from: string; id: string } {
  const joins = owned.path.map(
    (step, i) =>
      ` left join ${stepTable(owned, step)} ${prefix}${i + 1} on ${stepCondition(step, `${prefix}${i}`, `${prefix}${i + 1}`)}`,
  );
  return {
    from: `${tableName(owned.table)} ${prefix}0${joins.join('')}`,
    id: `${prefix}${owned.path.length}.${quoteIdentifier(column)}`,
  };
}

/** SQL: the rows of a shared table that belong to one tenant, as `t0`, with the condition. */
export function rowsOf(owned: OwnedTable, column: string, id: string): string {
  const type = columnType(owned.owner, column);
  const last = owned.path.length;
  const isTenants = `t${last}.${quoteIdentifier(column)} ${equals} ${quoteLiteral(id)}::${type}`;
  const [first, ...others] = owned.path;
  const from = `${tableName(owned.table)} t0`;
  if (first === undefined) return `${from} where ${isTenants}`;
  const joins = others.map(
    (step, i) =>
      ` join ${stepTable(owned, step)} t${i + 2} on ${stepCondition(step, `t${i + 1}`, `t${i + 2}`)}`,
  );
  return `${from} where exists (select from ${stepTable(owned, first)} t1${joins.join('')} where ${stepCondition(first, 't0', 't1')} and ${isTenants})`;
}

/** The type of a column, as SQL, without its length limit: a truncated id could be the id of another tenant. */
export function columnType({ columns }: TableShape, column: string): string {
  return columns.find(({ name }) => name === column)?.unlimitedType ?? 'text';
}
