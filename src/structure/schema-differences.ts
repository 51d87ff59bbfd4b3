import type { Scope, ScopeName } from '../results.ts';
import type { Session } from '../server/session.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import type { Migration } from '../sql/migration.ts';
import { bareName, createMakers } from './makers.ts';
import { withoutOwnNames } from './own-names.ts';
import { readShapes, type ShapeRequest } from './read-shapes.ts';
import {
  compareShapes,
  type KnownShape,
  noObjects,
  type Shape,
  type ShapeDifference,
  type ShapeHash,
} from './shape.ts';

/** A difference from the structure that some schemas should have. */
export interface StructureDifference extends ShapeDifference {
  readonly scope: ScopeName;
  readonly schemas: readonly string[];
  /** The file that created the object, or changed it last; `null` if no file names it. */
  readonly file: string | null;
}

/** Schemas that should have the same structure. */
export interface Peers {
  readonly scope: Scope;
  readonly schemas: readonly string[];
  readonly expected: KnownShape;
  /** The tenant whose name that structure may contain. */
  readonly builtFor: string;
  /** The files that built it. */
  readonly files: readonly Migration[];
  /** The files that have not run there in their present form. */
  readonly pending: readonly Migration[];
}

/** Schemas with the same structure, which differs from what is expected. */
export interface Outliers {
  readonly scope: Scope;
  readonly schemas: readonly string[];
  readonly expected: Shape;
  readonly actual: Shape;
  readonly differences: readonly ShapeDifference[];
}

/** The input of a comparison. */
export interface Comparison {
  readonly hashes: ReadonlyMap<string, ShapeHash>;
  readonly request: Omit<ShapeRequest, 'schemas'>;
  /** Receives each group of schemas that differ. */
  readonly onOutliers?: (outliers: Outliers) => void;
}

/** Reads with a session. */
export type ReadWith = <T>(read: (session: Session) => Promise<T>) => Promise<T>;

// The number of objects that are read at once.
const mostObjects = 20_000;

/**
 * Compares one schema of each shape, object by object, with what its peers should be. Equal differences are merged; the
 * order of columns is compared only if the columns are the same.
 */
export async function compareSchemas(
  read: ReadWith,
  peers: readonly Peers[],
  { hashes, request, onOutliers }: Comparison,
): Promise<StructureDifference[]> {
  const found = new Map<string, Merged>();
  for (const batch of batchesOf(peers.flatMap((peer) => outliersOf(peer, hashes)))) {
    const schemas = batch.map((group) => group.schemas[0] ?? '');
    const shapes = await read((session) => readShapes(session, { ...request, schemas }));
    for (const [i, { peers: own, schemas: alike }] of batch.entries()) {
      const [expected, actual] = [own.expected.shape, shapes.get(schemas[i] ?? '') ?? []];
      const every = withoutPending(compareShapes(expected, actual), own.pending);
      const [schema = '', ...others] = alike;
      // Schemas that contain their own names do not share a shape.
      const differences =
        own.scope === 'tenant' && others.length === 0
          ? withoutOwnNames(every, { expected: own.builtFor, actual: schema })
          : every;
      if (differences.length > 0)
        onOutliers?.({ scope: own.scope, schemas: alike, expected, actual, differences });
      for (const difference of differences) {
        const key = JSON.stringify([own.scope, difference]);
        const same = found.get(key) ?? { difference, peers: own, schemas: [] };
        same.schemas.push(...alike);
        found.set(key, same);
      }
    }
  }
  const makers = createMakersOf();
  return [...found.values()].map(({ difference, peers: own, schemas }) => ({
    ...difference,
    scope: own.scope,
    schemas,
    file: difference.kind === 'extra-object' ? null : makers(own.files)(difference),
  }));
}

interface Merged {
  readonly difference: ShapeDifference;
  readonly peers: Peers;
  readonly schemas: string[];
}

/** Schemas of one shape. */
interface Group {
  readonly peers: Peers;
  readonly schemas: string[];
  readonly objects: number;
}

function outliersOf(peers: Peers, hashes: ReadonlyMap<string, ShapeHash>): Group[] {
  const groups = new Map<string | null, Group>();
  for (const schema of peers.schemas) {
    const { hash, objects } = hashes.get(schema) ?? noObjects;
    if (hash !== null && hash === peers.expected.hash) continue;
    const group = groups.get(hash) ?? { peers, schemas: [], objects };
    group.schemas.push(schema);
    groups.set(hash, group);
  }
  return [...groups.values()];
}

function batchesOf(groups: readonly Group[]): Group[][] {
  const batches: Group[][] = [];
  let room = 0;
  for (const group of groups) {
    if (batches.length === 0 || group.objects > room) {
      batches.push([]);
      room = mostObjects;
    }
    batches.at(-1)?.push(group);
    room -= group.objects;
  }
  return batches;
}

/** Makers by files, made when first needed. */
function createMakersOf(): (files: readonly Migration[]) => ReturnType<typeof createMakers> {
  const makers = new Map<readonly Migration[], ReturnType<typeof createMakers>>();
  return (files) => {
    const known = makers.get(files) ?? createMakers(files);
    makers.set(files, known);
    return known;
  };
}

/**
 * Omits objects that pending repeatables create: the application has them, and the next `up` creates them
 * again.
 */
function withoutPending(differences: readonly ShapeDifference[], pending: readonly Migration[]) {
  const names = new Set(
    pending.filter(({ version }) => version === null).flatMap(({ text }) => namesMadeBy(text)),
  );
  return differences.filter(
    ({ kind, relation }) => kind !== 'extra-object' || !names.has(bareName(relation)),
  );
}
