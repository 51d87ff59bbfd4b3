import type { SplitForeignKey, TableShape } from './tables.ts';

/** A foreign key between two tables of a tenant that the order of copying cannot satisfy. */
export interface CycleKey {
  readonly table: string;
  readonly name: string;
  readonly deferrable: boolean;
}

/** Orders the tables of a tenant so that referenced ones come first, as far as foreign keys form no cycle. */
export function copyOrder(tables: readonly TableShape[]): TableShape[] {
  const needs = keysAmong(tables);
  const ordered: TableShape[] = [];
  const done = new Set<string>();
  const isReady = (table: TableShape) => needs(table).every(({ to }) => done.has(to.table));
  for (let open = [...tables]; open.length > 0; ) {
    // Within a cycle, the table that waits for the fewest others goes first.
    const waits = (table: TableShape) => needs(table).filter(({ to }) => !done.has(to.table)).length;
    const ready = open.filter(isReady);
    const next = ready.length > 0 ? ready : [...open].sort((a, b) => waits(a) - waits(b)).slice(0, 1);
    for (const table of next) {
      ordered.push(table);
      done.add(table.name);
    }
    open = open.filter(({ name }) => !done.has(name));
  }
  return ordered;
}

/** The foreign keys of tables in their order that refer to a later one: they are checked only when all are filled. */
export function cycleKeys(ordered: readonly TableShape[]): CycleKey[] {
  const needs = keysAmong(ordered);
  const at = new Map(ordered.map(({ name }, i) => [name, i]));
  return ordered.flatMap((table, i) =>
    needs(table)
      .filter(({ to }) => (at.get(to.table) ?? 0) > i)
      .map(({ name, deferrable }) => ({ table: table.name, name, deferrable })),
  );
}

function keysAmong(tables: readonly TableShape[]): (table: TableShape) => SplitForeignKey[] {
  const names = new Set(tables.map(({ name }) => name));
  return ({ schema, name, foreignKeys }) =>
    foreignKeys.filter(({ to }) => to.schema === schema && to.table !== name && names.has(to.table));
}
