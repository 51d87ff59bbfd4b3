import type { SplitSettings } from '../project/settings.ts';
import { hasColumn, type TableShape } from './tables.ts';

/** An obstacle to a split, and its remedy. */
export interface SplitObstacle {
  /** The tenant's schema that it concerns; absent if it concerns all. */
  readonly schema?: string;
  readonly table?: string;
  readonly message: string;
  readonly hint: string;
}

/** How a table's rows refer to the next one on the way to the tenant column. */
export interface PathStep {
  readonly columns: readonly string[];
  readonly table: string;
  readonly keys: readonly string[];
}

/** A shared table whose rows belong to tenants. */
export interface OwnedTable {
  readonly table: TableShape;
  /** The foreign keys from the table to the table with the tenant column; empty if it has the column itself. */
  readonly path: readonly PathStep[];
  /** The table that has the tenant column. */
  readonly owner: TableShape;
}

/** The shared tables of a split. */
export interface Paths {
  readonly owned: readonly OwnedTable[];
  readonly obstacles: readonly SplitObstacle[];
}

/** The tables to search, and the tenant column and the config's `split`. */
export interface PathSearch extends Pick<SplitSettings, 'paths' | 'keep'> {
  readonly tables: readonly TableShape[];
  readonly column: string;
}

/** Finds the shared tables whose rows belong to tenants: those with the column, and those that lead to one by foreign keys. */
export function findPaths({ tables, column, paths, keep }: PathSearch): Paths {
  const open = tables.filter(({ name, isForeign }) => !keep.includes(name) && !isForeign);
  const byName = new Map(open.map((table) => [table.name, table]));
  const carriers = new Set(
    open
      .filter((table) => hasColumn(table, column) && !Object.hasOwn(paths, table.name))
      .map(({ name }) => name),
  );
  const obstacles: SplitObstacle[] = unknownNames(tables, { paths, keep });
  const steps = new Map<string, PathStep>();
  for (const table of open) {
    if (carriers.has(table.name)) continue;
    const found = stepOf(table, { byName, carriers, paths });
    if ('message' in found) obstacles.push(found);
    else if (found.step !== null) steps.set(table.name, found.step);
  }
  const owned: OwnedTable[] = [];
  for (const table of open) {
    const path = pathOf(table.name, steps, carriers);
    const owner = byName.get(path?.at(-1)?.table ?? table.name);
    if (path !== null && owner !== undefined) owned.push({ table, path, owner });
    else if (steps.has(table.name)) obstacles.push(leadsNowhere(table.name, column));
  }
  return { owned, obstacles };
}

function unknownNames(
  tables: readonly TableShape[],
  { paths, keep }: Pick<SplitSettings, 'paths' | 'keep'>,
): SplitObstacle[] {
  const known = new Set(tables.map(({ name }) => name));
  const named = [
    ...keep.map((name) => ['split.keep', name] as const),
    ...Object.keys(paths).map((name) => ['split.paths', name] as const),
  ];
  return named
    .filter(([, name]) => !known.has(name))
    .map(([key, name]) => ({
      table: name,
      message: `"${key}" of the config names a table that the shared schema does not have`,
      hint: `correct "${key}"`,
    }));
}

interface Ways extends Pick<SplitSettings, 'paths'> {
  readonly byName: ReadonlyMap<string, TableShape>;
  readonly carriers: ReadonlySet<string>;
}

function stepOf(table: TableShape, ways: Ways): { readonly step: PathStep | null } | SplitObstacle {
  const chosen = Object.hasOwn(ways.paths, table.name) ? ways.paths[table.name] : undefined;
  const edges = edgesOf(table);
  if (chosen !== undefined) {
    const step = 'table' in chosen ? chosen : edges.find(({ columns }) => same(columns, chosen));
    if (step === undefined)
      return {
        table: table.name,
        message: `no foreign key of it has the columns that "split.paths" of the config names`,
        hint: `name the columns of a foreign key, or write {"columns": […], "table": "…", "keys": […]}`,
      };
    return followable(table, step, ways);
  }
  const useful = edges.filter((edge) => reaches(edge.table, ways, new Set([table.name])));
  if (useful.length < 2) return { step: useful[0] ?? null };
  const shown = useful.map(({ columns, table }) => `(${columns.join(', ')}) to ${table}`).join(', ');
  return {
    table: table.name,
    message: `its rows can belong to a tenant by more than one foreign key: ${shown}`,
    hint: `choose one in the config: "split": {"paths": {${JSON.stringify(table.name)}: ${JSON.stringify(useful[0]?.columns)}}}`,
  };
}

/** A step of the config, if each row follows it to at most one row. */
function followable(
  table: TableShape,
  { columns, table: next, keys }: PathStep,
  { byName }: Ways,
): { readonly step: PathStep } | SplitObstacle {
  const target = byName.get(next);
  const lacking = [
    ...columns.filter((column) => !hasColumn(table, column)),
    ...keys.filter((key) => target !== undefined && !hasColumn(target, key)),
  ];
  const wrong = (problem: string): SplitObstacle => ({
    table: table.name,
    message: `its path in "split.paths" of the config ${problem}`,
    hint: 'correct the path',
  });
  if (target === undefined) return wrong(`leads to "${next}", which is not split`);
  if (lacking.length > 0) return wrong(`names the column "${lacking[0]}", which does not exist`);
  if (columns.length !== keys.length) return wrong('has not as many keys as columns');
  if (!target.uniques.some((unique) => unique.every((column) => keys.includes(column))))
    return wrong(`leads to (${keys.join(', ')}) of ${next}, which no unique index covers`);
  return { step: { columns, table: next, keys } };
}

/** The foreign keys to other tables of the same schema, those with the same columns once. */
function edgesOf({ schema, name, foreignKeys }: TableShape): PathStep[] {
  const edges = foreignKeys
    .filter(({ to }) => to.schema === schema && to.table !== name)
    .map(({ columns, to }) => ({ columns, table: to.table, keys: to.columns }));
  return edges.filter(
    (edge, i) =>
      edges.findIndex((other) => other.table === edge.table && same(other.columns, edge.columns)) === i,
  );
}

function reaches(name: string, ways: Ways, seen: ReadonlySet<string>): boolean {
  const table = ways.byName.get(name);
  if (table === undefined || seen.has(name)) return false;
  if (ways.carriers.has(name)) return true;
  const chosen = Object.hasOwn(ways.paths, name) ? ways.paths[name] : undefined;
  if (chosen !== undefined && 'table' in chosen) return true;
  return edgesOf(table).some((edge) => reaches(edge.table, ways, new Set([...seen, name])));
}

function pathOf(
  name: string,
  steps: ReadonlyMap<string, PathStep>,
  carriers: ReadonlySet<string>,
): PathStep[] | null {
  const path: PathStep[] = [];
  for (let at = name; !carriers.has(at); ) {
    const step = steps.get(at);
    if (step === undefined || path.length > steps.size) return null;
    path.push(step);
    at = step.table;
  }
  return path;
}

function leadsNowhere(table: string, column: string): SplitObstacle {
  return {
    table,
    message: `its path in "split.paths" of the config does not lead to a table with the column "${column}"`,
    hint: 'correct the path, or name the table in "split.keep"',
  };
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item) => other.includes(item));
}
