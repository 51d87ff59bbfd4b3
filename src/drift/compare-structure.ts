import { findForeignTables } from '../history/foreign-tables.ts';
import { moveTable } from '../history/move-mark.ts';
import { tablesNamed } from '../history/presence.ts';
import { historyTablesIn } from '../project/scope-view.ts';
import { splitTable } from '../split/record.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { readFleetHashes } from '../structure/fleet-hashes.ts';
import type { ShapeRequest } from '../structure/read-shapes.ts';
import {
  compareSchemas,
  type Peers,
  type ReadWith,
  type StructureDifference,
} from '../structure/schema-differences.ts';
import type { ShapeHash } from '../structure/shape.ts';
import { findUnknownKinds } from '../structure/unknown-kinds.ts';
import type { SiblingGroup, StructureFix, StructureReport } from '../verify-results.ts';
import { expectNorms, groupSiblings } from './among-siblings.ts';
import { fixOf } from './fix-plan.ts';
import { driftFinding, type StructureFound, type StructureRequest } from './found.ts';
import { createShapeReading } from './shape-sessions.ts';
import { type ComparedFleet, type Expectation, expectFiles } from './with-files.ts';

/**
 * Compares the structure of a fleet with what its files build, or the tenants with each other. Reads the catalogs in
 * batches and changes nothing, except that it replays the files in a separate database.
 */
export async function compareStructure(
  compared: ComparedFleet,
  request: StructureRequest,
): Promise<StructureFound> {
  const { run } = compared;
  const read = createShapeReading(run);
  const shapeRequest = await shapeRequestOf(read, compared, request);
  const found = await (request.basis === 'files'
    ? withFiles(read, compared, { ...request, ...shapeRequest })
    : withSiblings(read, compared, shapeRequest));
  const { steady, moved } = await withoutMoved(found, compared);
  const fixes: StructureFix[] = [];
  const differences = await compareSchemas(read, steady, {
    hashes: found.hashes,
    request: shapeRequest,
    ...(request.fixPlan && { onOutliers: (outliers) => void fixes.push(fixOf(outliers, run.config)) }),
  });
  const schemas = found.peers.flatMap((peers) => peers.schemas);
  const unknown = await read((session) => findUnknownKinds(session, schemas));
  return {
    findings: [...found.findings, ...differences.map((difference) => driftFinding(difference, run.database))],
    report: {
      basis: request.basis,
      compared: schemas.length - moved.length,
      notCompared: [
        ...found.notCompared,
        ...(moved.length === 0 ? [] : [{ schemas: moved, why: 'it was migrated in the meantime' }]),
        ...unknown.map(({ kind, schemas: having }) => ({
          schemas: having,
          why: `objects of a kind that is not compared: ${kind}`,
        })),
      ],
      leftOut: found.leftOut,
      ...(found.siblings !== undefined && { siblings: withoutEqual(found.siblings, differences) }),
      ...(request.fixPlan && { fixes }),
    },
  };
}

/** The facts that a comparison has before it reads objects. */
interface Known extends Expectation {
  readonly hashes: ReadonlyMap<string, ShapeHash>;
  readonly siblings?: StructureReport['siblings'];
}

/** Adds the tenants to the norm that differ from it only in their own names. */
function withoutEqual(
  siblings: readonly SiblingGroup[],
  differences: readonly StructureDifference[],
): SiblingGroup[] {
  const differing = new Set(differences.flatMap(({ schemas }) => schemas));
  const groups: SiblingGroup[] = [];
  let norm = -1;
  for (const group of siblings) {
    const known = groups[norm];
    if (group.norm) norm = groups.length;
    if (group.norm || known === undefined || group.schemas.some((schema) => differing.has(schema)))
      groups.push(group);
    else groups[norm] = { ...known, schemas: [...known.schemas, ...group.schemas] };
  }
  return groups;
}

type Request = Omit<ShapeRequest, 'schemas'>;

async function shapeRequestOf(
  read: ReadWith,
  { run }: ComparedFleet,
  { ignore, except }: StructureRequest,
): Promise<Request & { readonly except: readonly string[] }> {
  const { historyTable } = run.config;
  const histories = await read((session) => findForeignTables(session, { historyTable }));
  const kinds = historyTablesIn(run.config).slice(1);
  const own = kinds.length === 0 ? [] : await read((session) => tablesNamed(session, kinds));
  const leftOut = [...histories.map(({ oid }) => oid), ...own];
  return { ignore, historyTable, leftOut, except: [...except, splitTable, moveTable] };
}

async function withFiles(
  read: ReadWith,
  compared: ComparedFleet,
  request: StructureRequest & Request,
): Promise<Known> {
  const expected = await expectFiles(compared, request);
  const schemas = expected.peers.flatMap((peers) => peers.schemas);
  return { ...expected, hashes: await readFleetHashes(read, { ...request, schemas }) };
}

async function withSiblings(
  read: ReadWith,
  { fleet, migrations, kinds }: ComparedFleet,
  request: Request,
): Promise<Known> {
  const groups = groupSiblings(
    fleet,
    kinds.map((kind) => kind.fleet),
  );
  const schemas = groups.flatMap((group) => group.schemas);
  const hashes = await readFleetHashes(read, { ...request, schemas });
  const files = [migrations, ...kinds.map((kind) => kind.migrations)].flatMap(({ tenant }) => tenant);
  const norms = await expectNorms(read, groups, { hashes, request, files });
  const shared = { schemas: [fleet.public.schema], why: 'only tenants are compared with each other' };
  return { ...norms, notCompared: [shared, ...norms.notCompared], findings: [], leftOut: [], hashes };
}

/** Leaves out schemas that differ and whose history has changed since it was read. */
async function withoutMoved(
  { peers, hashes }: Known,
  { fleet, kinds, again }: ComparedFleet,
): Promise<{ readonly steady: readonly Peers[]; readonly moved: readonly string[] }> {
  const differing = peers.flatMap(({ schemas, expected }) =>
    schemas.filter((schema) => (hashes.get(schema)?.hash ?? null) !== expected.hash),
  );
  if (differing.length === 0) return { steady: peers, moved: [] };
  const before = digestsOf([fleet, ...kinds.map((kind) => kind.fleet)]);
  const now = digestsOf(await again());
  const moved = new Set(differing.filter((schema) => before.get(schema) !== now.get(schema)));
  const steady = peers.map((peer) => ({
    ...peer,
    schemas: peer.schemas.filter((schema) => !moved.has(schema)),
  }));
  return { steady, moved: [...moved] };
}

/** The digests of all histories of each schema. */
function digestsOf(fleets: readonly FleetState[]): Map<string, string> {
  const digests = new Map<string, string>();
  for (const fleet of fleets)
    for (const { schema, digest } of allTargets(fleet))
      digests.set(schema, `${digests.get(schema) ?? ''} ${digest}`);
  return digests;
}
