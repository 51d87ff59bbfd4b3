import type { Obstacle } from '../adopt/foreign-histories.ts';
import { type Inventory, relationKinds, type SchemaItem } from './inventory.ts';

/** An object that stays in public, and why. */
export interface KeptItem {
  readonly item: SchemaItem;
  /** `asked` for, `history` of a migration tool, or the name of the object that needs it. */
  readonly because: string;
}

/** The objects that stay and those that move. */
export interface Division {
  readonly kept: readonly KeptItem[];
  readonly moved: readonly SchemaItem[];
  readonly obstacles: readonly Obstacle[];
}

/** The objects that stay. */
export function keptItems({ kept }: Division): SchemaItem[] {
  return kept.map(({ item }) => item);
}

/** The objects that move, and those that stay. */
export function everyItem(division: Division): SchemaItem[] {
  return [...division.moved, ...keptItems(division)];
}

/** Divides a schema. The names in `keep` stay, and so do `histories`, the tables of migration tools. */
export function divide(
  inventory: Inventory,
  keep: readonly string[],
  histories: ReadonlySet<string>,
): Division {
  const { items } = inventory;
  const byId = new Map(items.map((item) => [item.id, item]));
  const unknown = keep.filter((name) => !items.some((item) => item.name === name));
  const asked = items.filter(({ name }) => keep.includes(name));
  const because = new Map<string, string>();
  for (const { id } of asked) because.set(id, 'asked');
  const ofHistories = items.filter(
    ({ name, kind }) => ['table', 'function'].includes(kind) && histories.has(name),
  );
  for (const { id } of ofHistories) if (!because.has(id)) because.set(id, 'history');
  const obstacles = [...unknown.map(unknownName), ...keepNeeded(inventory, byId, because)];
  const kept = items.flatMap((item) => {
    const why = because.get(item.id);
    return why === undefined ? [] : [{ item, because: why }];
  });
  return { kept, moved: items.filter(({ id }) => !because.has(id)), obstacles };
}

function unknownName(name: string): Obstacle {
  return {
    message: `--keep names "${name}", which does not exist in the schema`,
    hint: 'correct the name; write it as PostgreSQL stores it, without quotes',
  };
}

/** Keeps the objects that kept ones need. Tables and views that they need are obstacles. */
function keepNeeded(
  { needs, foreignKeys }: Inventory,
  byId: ReadonlyMap<string, SchemaItem>,
  because: Map<string, string>,
): Obstacle[] {
  const needed = new Map<string, string[]>();
  for (const { from, to } of needs) needed.set(from, [...(needed.get(from) ?? []), to]);
  const parents = new Set(needs.map(({ from, to }) => `${to} ${from}`));
  const refused = new Map<string, Obstacle>();
  const open = [...because.keys()];
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    const from = byId.get(id);
    if (from === undefined) continue;
    for (const to of needed.get(id) ?? []) {
      const item = byId.get(to);
      if (item === undefined || because.has(to)) continue;
      // A partition needs its parent, and the parent its partitions.
      const isPartition = parents.has(`${id} ${to}`) && item.kind === 'table' && from.kind === 'table';
      if (relationKinds.includes(item.kind) && !isPartition) {
        const keys = foreignKeys.filter((key) => key.from === id && key.to === to).map(({ name }) => name);
        refused.set(`${id} ${to}`, neededObstacle(from, item, keys));
        continue;
      }
      because.set(to, from.name);
      open.push(to);
    }
  }
  // Another object may have kept a refused one later.
  return [...refused].flatMap(([pair, obstacle]) =>
    because.has(pair.slice(pair.indexOf(' ') + 1)) ? [] : [obstacle],
  );
}

function neededObstacle(from: SchemaItem, to: SchemaItem, keys: readonly string[]): Obstacle {
  const how =
    keys.length === 0
      ? `needs ${to.kind} ${to.name}, which would move`
      : `refers to ${to.name}, which would move, with its foreign key ${keys.join(', ')}`;
  return {
    message: `${from.kind} ${from.name} stays, but ${how}`,
    hint: `keep ${to.name} as well, or let ${from.name} move`,
  };
}
