import { nameArray } from '../sql/catalog-sql.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { rowsHint } from './copy.ts';
import { columnType, tableName, withOwner } from './owner.ts';
import type { TablePair } from './pairs.ts';
import type { OwnedTable, SplitObstacle } from './paths.ts';
import type { RowReader } from './row-reader.ts';
import { hasColumn, type SplitForeignKey } from './tables.ts';
import { type SplitTenant, tenantList } from './tenants-from.ts';

/** To whom the rows of a shared table belong. */
export interface RowCounts {
  readonly rows: number;
  /** Rows that belong to a tenant of the query. */
  readonly owned: number;
  /** Rows without a tenant: the column, or a foreign key on the way to it, is NULL. */
  readonly withoutTenant: number;
  /** Rows of ids that the query does not return. */
  readonly unknownTenant: number;
}

/** What rows are assigned by. */
export interface Assignment {
  readonly column: string;
  readonly tenants: readonly SplitTenant[];
}

function listOf({ owner }: OwnedTable, { column, tenants }: Assignment): string {
  return tenantList(tenants, columnType(owner, column));
}

/** Counts the rows of a shared table by whom they belong to. */
export async function countRows(reader: RowReader, owned: OwnedTable, by: Assignment): Promise<RowCounts> {
  const { from, id } = withOwner(owned, by.column);
  const [row] = await reader.rows(
    owned.table.schema,
    `select count(*)::text as rows, count(l.id)::text as owned,
  count(*) filter (where ${id} is null)::text as without
from ${from} left join ${listOf(owned, by)} l on l.id = ${id}`,
  );
  const [rows, mine, without] = [row?.rows, row?.owned, row?.without].map(Number) as [number, number, number];
  return { rows, owned: mine, withoutTenant: without, unknownTenant: rows - mine - without };
}

/** Finds rows that refer to a row of another tenant, or of none, by a foreign key that holds within the tenant. */
export async function findCrossing(
  reader: RowReader,
  pairs: readonly TablePair[],
  by: Assignment,
): Promise<SplitObstacle[]> {
  const byName = new Map(pairs.map(({ owned }) => [owned.table.name, owned]));
  const obstacles: SplitObstacle[] = [];
  for (const { owned, made } of pairs) {
    for (const key of made.foreignKeys) {
      const target = key.to.schema === made.schema ? byName.get(key.to.table) : undefined;
      if (target === undefined || isOwnStep(owned, key) || !isKnown(owned, target, key)) continue;
      const rows = await countCrossing(reader, { owned, target, key }, by);
      if (rows > 0) obstacles.push(crossing(owned.table.name, key, rows));
    }
  }
  return obstacles;
}

function isOwnStep({ path: [first] }: OwnedTable, { columns, to }: SplitForeignKey): boolean {
  return first?.table === to.table && first.columns.every((column, i) => column === columns[i]);
}

function isKnown(owned: OwnedTable, target: OwnedTable, { columns, to }: SplitForeignKey): boolean {
  const has = ({ table }: OwnedTable, names: readonly string[]) =>
    names.every((name) => hasColumn(table, name));
  return has(owned, columns) && has(target, to.columns);
}

async function countCrossing(
  reader: RowReader,
  {
    owned,
    target,
    key,
  }: { readonly owned: OwnedTable; readonly target: OwnedTable; readonly key: SplitForeignKey },
  by: Assignment,
): Promise<number> {
  const own = withOwner(owned, by.column);
  const other = withOwner(target, by.column, 'p');
  const keys = key.to.columns.map((column, i) => `p0.${quoteIdentifier(column)} as k${i}`).join(', ');
  const matches = key.columns.map((column, i) => `p.k${i} = t0.${quoteIdentifier(column)}`).join(' and ');
  const given = key.columns.map((column) => `t0.${quoteIdentifier(column)} is not null`).join(' and ');
  const [row] = await reader.rows(
    owned.table.schema,
    `select count(*)::text as rows
from ${own.from} join ${listOf(owned, by)} l on l.id = ${own.id}
left join (select ${keys}, o.schema from ${other.from} left join ${listOf(target, by)} o on o.id = ${other.id}) p on ${matches} and p.schema = l.schema
where ${given} and p.schema is null`,
  );
  return Number(row?.rows);
}

function crossing(table: string, { columns, to }: SplitForeignKey, rows: number): SplitObstacle {
  return {
    table,
    message: `${rows} ${rows === 1 ? 'row refers' : 'rows refer'} by (${columns.join(', ')}) to no row of ${to.table} of the same tenant`,
    hint: 'correct these rows, or leave the foreign key out of the tenant files',
  };
}

/** Finds tenants whose tables have rows before anything is copied. */
export async function findFilled(
  reader: RowReader,
  schemas: readonly string[],
  tables: readonly string[],
): Promise<SplitObstacle[]> {
  if (schemas.length === 0 || tables.length === 0) return [];
  const rows =
    await reader.session.read(`select n.nspname as schema, json_agg(c.relname order by c.relname) as tables
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(${nameArray(schemas)}) and c.relname = any(${nameArray(tables)}) and c.relkind in ('r', 'p') group by 1 order by 1`);
  const obstacles: SplitObstacle[] = [];
  for (const row of rows) {
    const schema = String(row.schema);
    const filled = (row.tables as string[]).map(
      (name) =>
        `select ${quoteLiteral(name)} as name where exists (select from ${tableName({ schema, name })})`,
    );
    const found = await reader.rows(schema, `${filled.join('\nunion all ')}`);
    for (const { name } of found)
      obstacles.push({
        schema,
        table: String(name),
        message: "the tenant's table has rows already",
        hint: rowsHint,
      });
  }
  return obstacles;
}
