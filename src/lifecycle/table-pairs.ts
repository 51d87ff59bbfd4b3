import type { ColumnMatch } from '../split/columns.ts';
import { matchColumns } from '../split/columns.ts';
import { copyOrder } from '../split/copy-order.ts';
import { tableName } from '../split/owner.ts';
import type { SchemaShape, TableShape } from '../split/tables.ts';

/** A table of a tenant, and the new one that takes its rows. */
export interface RowPair {
  readonly from: TableShape;
  readonly made: TableShape;
  readonly match: ColumnMatch;
}

/** The tables of two schemas of the same structure, in an order that foreign keys allow. */
export function rowPairs(from: readonly TableShape[], made: SchemaShape): RowPair[] {
  const byName = new Map(from.map((table) => [table.name, table]));
  return copyOrder(made.tables).flatMap((table): RowPair[] => {
    const source = byName.get(table.name);
    return source === undefined ? [] : [{ from: source, made: table, match: matchColumns(source, table) }];
  });
}

/** The tables of a tenant with rows of its own: no histories, which have these names, and no foreign tables. */
export function ownTables({ tables }: SchemaShape, histories: readonly string[]): TableShape[] {
  return tables.filter(({ name, isForeign }) => !histories.includes(name) && !isForeign);
}

/** SQL: the rows of a table. A parent table excludes its children; a partitioned table includes its partitions. */
export function ownRows({ inherits, ...table }: TableShape): string {
  return `${inherits ? 'ONLY ' : ''}${tableName(table)}`;
}
