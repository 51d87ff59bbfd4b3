import type { TableShape } from './tables.ts';

/** A foreign key between two tables of a tenant that the order of copying cannot satisfy. */
export interface CycleKey {
  readonly table: string;
  readonly name: string;
  readonly deferrable: boolean;
}

/** The order in which tables are filled. */
export interface CopyOrder {
  readonly tables: readonly TableShape[];
  /** The foreign keys that are checked only when all tables are filled. */
  readonly cycles: readonly CycleKey[];
}

/** Orders the tables of a tenant so that referenced ones come first; in a cycle, some foreign keys have to be deferred. */
export function copyOrder(tables: readonly TableShape[]): CopyOrder {
  const names = new Set(tables.map(({ name }) => name));
  const needs = (table: TableShape) =>
    table.foreignKeys.filter(
      ({ to }) => to.schema === table.schema && to.table !== table.name && names.has(to.table),
    );
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
  const at = new Map(ordered.map(({ name }, i) => [name, i]));
  const cycles = ordered.flatMap((table, i) =>
    needs(table)
      .filter(({ to }) => (at.get(to.table) ?? 0) > i)
      .map(({ name, deferrable }) => ({ table: table.name, name, deferrable })),
  );
  return { tables: ordered, cycles };
}
