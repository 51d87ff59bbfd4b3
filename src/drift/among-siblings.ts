import { historyKey } from '../project/order.ts';
import type { Migration } from '../sql/migration.ts';
import type { FleetState } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { readShapes, type ShapeRequest } from '../structure/read-shapes.ts';
import type { Peers, ReadWith } from '../structure/schema-differences.ts';
import { noObjects, type ShapeHash } from '../structure/shape.ts';
import type { SiblingGroup, StructureReport } from '../verify-results.ts';

/** Tenants with the same history. */
export interface Siblings {
  readonly version: string | null;
  readonly schemas: string[];
}

/**
 * Groups the tenants by their histories, of the files of all tenants and of the kinds that they are of; those with a
 * history that cannot be read are one group.
 */
export function groupSiblings(fleet: FleetState, kinds: readonly FleetState[]): Siblings[] {
  const keys = new Map<Target['rows'], string>();
  const tenants = new Map<string, { readonly version: string | null; readonly histories: string[] }>();
  for (const [i, { tenants: found }] of [fleet, ...kinds].entries()) {
    for (const { schema, exists, rows, plan, trouble } of found) {
      // Where nothing of a kind is applied yet, its objects are not there either.
      if (!exists || (i > 0 && rows.length === 0 && trouble === null)) continue;
      const key = keys.get(rows) ?? keyOf(rows, trouble?.code);
      keys.set(rows, key);
      const known = tenants.get(schema) ?? { version: plan.version, histories: [] };
      known.histories.push(`${i} ${key}`);
      tenants.set(schema, known);
    }
  }
  const groups = new Map<string, Siblings>();
  for (const [schema, { version, histories }] of tenants) {
    const key = histories.join('\n');
    const group = groups.get(key) ?? { version, schemas: [] };
    group.schemas.push(schema);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Equal for equal histories, whatever the order in which the server returns their rows. */
function keyOf(rows: Target['rows'], trouble: string | undefined): string {
  return JSON.stringify([trouble, ...rows.map((row) => `${historyKey(row)} ${row.state}`).sort()]);
}

/** Tenants by structure, and the structure that each should have. */
interface Norms {
  readonly peers: readonly Peers[];
  readonly siblings: readonly SiblingGroup[];
  readonly notCompared: StructureReport['notCompared'];
}

/** Finds the norm of each group: the structure of the most tenants, or in a tie the one that comes first. */
export async function expectNorms(
  read: ReadWith,
  groups: readonly Siblings[],
  {
    hashes,
    request,
    files,
  }: {
    readonly hashes: ReadonlyMap<string, ShapeHash>;
    readonly request: Omit<ShapeRequest, 'schemas'>;
    readonly files: readonly Migration[];
  },
): Promise<Norms> {
  const alone = groups.filter(({ schemas }) => schemas.length === 1).flatMap(({ schemas }) => schemas);
  const compared = groups
    .filter(({ schemas }) => schemas.length > 1)
    .map(({ version, schemas }) => ({ version, schemas, shapes: byHash(schemas, hashes) }));
  const norms = compared.map(({ shapes }) => shapes[0]?.[0] ?? '');
  const differing = compared.flatMap(({ shapes }, i) => (shapes.length > 1 ? [norms[i] ?? ''] : []));
  const known = await read((session) => readShapes(session, { ...request, schemas: differing }));
  return {
    peers: compared.map(({ schemas }, i) => {
      const norm = norms[i] ?? '';
      const expected = { ...(hashes.get(norm) ?? noObjects), shape: known.get(norm) ?? [] };
      return { scope: 'tenant', schemas, expected, builtFor: norm, files, pending: [] };
    }),
    siblings: compared.flatMap(({ version, shapes }) =>
      shapes.map((schemas, i) => ({ version, schemas, norm: i === 0 })),
    ),
    notCompared:
      alone.length === 0 ? [] : [{ schemas: alone, why: 'no other tenant has the same migrations' }],
  };
}

/** Schemas by structure, the largest group first. */
function byHash(schemas: readonly string[], hashes: ReadonlyMap<string, ShapeHash>): string[][] {
  const groups = new Map<string | null, string[]>();
  for (const schema of schemas) {
    const hash = hashes.get(schema)?.hash ?? null;
    const group = groups.get(hash) ?? [];
    group.push(schema);
    groups.set(hash, group);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length);
}
