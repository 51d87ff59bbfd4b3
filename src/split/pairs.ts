import { type ColumnMatch, matchColumns } from './columns.ts';
import { copyOrder } from './copy-order.ts';
import type { OwnedTable, SplitObstacle } from './paths.ts';
import { hasColumn, type SchemaShape, type TableShape } from './tables.ts';

/** A shared table and the tenant's table that takes its rows. */
export interface TablePair {
  readonly owned: OwnedTable;
  readonly made: TableShape;
  readonly match: ColumnMatch;
}

/** Pairs each shared table with the table of the tenant files, in the order of copying, or returns the obstacles. */
export function pairTables(
  owned: readonly OwnedTable[],
  made: SchemaShape,
): { readonly pairs: readonly TablePair[]; readonly obstacles: readonly SplitObstacle[] } {
  const own = new Map(made.tables.map((table) => [table.name, table]));
  const byName = new Map(owned.map((table) => [table.table.name, table]));
  const obstacles: SplitObstacle[] = owned
    .filter(({ table }) => !own.has(table.name))
    .map(({ table }) => ({
      table: table.name,
      message: 'its rows belong to tenants, but the tenant files do not create it',
      hint: 'create it in a tenant file, or name it in "split.keep" of the config',
    }));
  const both = owned.flatMap(({ table }) => own.get(table.name) ?? []);
  const pairs = copyOrder(both).flatMap((table) => {
    const shared = byName.get(table.name);
    if (shared === undefined) return [];
    const match = matchColumns(shared.table, table);
    obstacles.push(...match.obstacles, ...tableObstacles(table, byName));
    return [{ owned: shared, made: table, match }];
  });
  return { pairs, obstacles };
}

/** Columns that a tenant lacks although the tenant files create them: their values would not be copied. */
export function lackedColumns(pairs: readonly TablePair[], model: readonly TablePair[]): SplitObstacle[] {
  const wanted = new Map(model.map(({ made, match }) => [made.name, match.copied]));
  return pairs.flatMap(({ made }) =>
    (wanted.get(made.name) ?? [])
      .filter(({ name }) => !hasColumn(made, name))
      .map(({ name }) => ({
        table: made.name,
        message: `the tenant's table lacks the column "${name}", which other tenants have`,
        hint: 'add the column, or drop the schema, so that it is built from the files',
      })),
  );
}

function tableObstacles(made: TableShape, owned: ReadonlyMap<string, OwnedTable>): SplitObstacle[] {
  const rules = made.insertRules.map((rule) => ({
    table: made.name,
    message: `the tenant's table has a rule for INSERT, "${rule}"`,
    hint: 'drop the rule in a tenant file, and create it again after the split',
  }));
  const foreign = made.foreignKeys.filter(({ to }) => owned.get(to.table)?.table.schema === to.schema);
  const crossing = foreign.map(({ name, to }) => ({
    table: made.name,
    message: `the foreign key "${name}" of the tenant's table refers to the shared table ${to.table}, which is split`,
    hint: `write ${to.table} without its schema in the tenant file`,
  }));
  return [...rules, ...crossing];
}
