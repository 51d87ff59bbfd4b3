import type { FileCost, Worst, WorstCosts } from '../cost-results.ts';
import type { RehearsedFile, SchemaOutcome } from '../results.ts';
import { scopesIn } from '../text/scopes-in.ts';

/** A schema with its costs, which `up` and `down` have in their outcomes. */
type CostlySchema = Pick<SchemaOutcome, 'database' | 'schema' | 'scope' | 'costs'>;

/** The cost of one file in one schema. */
interface CostIn {
  readonly in: CostlySchema;
  readonly cost: FileCost;
}

/** The highest costs of each file: public first, then in the order of the files. */
export function worstCosts(schemas: readonly CostlySchema[]): RehearsedFile[] {
  const files = new Map<string, CostIn[]>();
  for (const scope of scopesIn(schemas)) {
    for (const costly of schemas.filter((schema) => schema.scope === scope)) {
      for (const cost of costly.costs ?? []) {
        const key = `${scope} ${cost.file}`;
        const costs = files.get(key);
        if (costs === undefined) files.set(key, [{ in: costly, cost }]);
        else costs.push({ in: costly, cost });
      }
    }
  }
  return [...files.values()].flatMap((costs) => {
    const [first] = costs;
    return first === undefined ? [] : [{ scope: first.in.scope, ...worstOf(first.cost, costs) }];
  });
}

function worstOf({ version, name, file }: FileCost, costs: readonly CostIn[]): WorstCosts {
  const longest = costs.reduce((a, b) => (b.cost.durationMs > a.cost.durationMs ? b : a));
  return {
    version,
    name,
    file,
    schemas: costs.length,
    durationMs: longest.cost.durationMs,
    ...placeOf(longest.in, costs),
    totalMs: costs.reduce((sum, { cost }) => sum + cost.durationMs, 0),
    locks: worst(costs, {
      itemsOf: ({ locks }) => locks,
      key: ({ relation, mode }) => [relation, mode],
      size: ({ heldMs }) => heldMs,
    }),
    rewritten: worst(costs, {
      itemsOf: ({ rewritten }) => rewritten,
      key: ({ relation, how }) => [relation, how],
      size: ({ bytes }) => bytes,
    }),
    indexes: worst(costs, {
      itemsOf: ({ indexes }) => indexes,
      key: ({ index, relation, rebuilt }) => [index, relation, rebuilt],
      size: ({ bytes }) => bytes,
    }),
    rows: costs.every(({ cost }) => cost.rows === null)
      ? null
      : worst(costs, {
          itemsOf: ({ rows }) => rows ?? [],
          key: ({ relation }) => [relation],
          size: ({ inserted, updated, deleted }) => inserted + updated + deleted,
        }),
    ...(costs.every(({ cost }) => cost.scratch) && { scratch: true }),
    outside: [...new Set(costs.flatMap(({ cost }) => [...cost.outside]))],
  };
}

/** Where a figure is highest, among the schemas of these costs. */
function placeOf({ schema, database }: CostlySchema, costs: readonly CostIn[]) {
  const isAmbiguous = costs.some((cost) => cost.in.database !== database);
  return { worstIn: schema, ...(isAmbiguous && { worstInDatabase: database }) };
}

interface Ranking<T> {
  readonly itemsOf: (cost: FileCost) => readonly T[];
  /** What makes two items the same, besides their schema. */
  readonly key: (item: T) => readonly unknown[];
  readonly size: (item: T) => number;
}

/** Of the same items in different schemas, the largest. */
function worst<T extends { readonly schema: string }>(
  costs: readonly CostIn[],
  { itemsOf, key, size }: Ranking<T>,
): Worst<T>[] {
  const ranked = new Map<string, Worst<T> & { readonly size: number }>();
  for (const { in: where, cost } of costs) {
    for (const item of itemsOf(cost)) {
      const schema = item.schema === where.schema && where.scope !== 'public' ? null : item.schema;
      const id = JSON.stringify([schema, ...key(item)]);
      const soFar = ranked.get(id);
      const schemas = (soFar?.schemas ?? 0) + 1;
      const isWorse = soFar === undefined || size(item) > soFar.size;
      ranked.set(
        id,
        isWorse
          ? { ...item, schema, ...placeOf(where, costs), schemas, size: size(item) }
          : { ...soFar, schemas },
      );
    }
  }
  return [...ranked.values()].map(({ size: _, ...item }) => item as unknown as Worst<T>);
}
