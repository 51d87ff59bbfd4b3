import { replay } from '../baseline/replay.ts';
import { distinctLeftOut, type ReplayRequest } from '../baseline/replayed.ts';
import { SqlmigError } from '../errors.ts';
import type { Migrations } from '../project/migrations.ts';
import type { Run } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import type { FleetState } from '../state/fleet-state.ts';
import type { KindFleet } from '../state/kind-fleets.ts';
import type { Peers } from '../structure/schema-differences.ts';
import type { KnownShape } from '../structure/shape.ts';
import type { LeftOutStatement, NotReplayedFinding, StructureReport } from '../verify-results.ts';
import { groupByFiles, type SchemasByFiles, withKinds } from './applied-files.ts';
import type { StructureRequest } from './found.ts';

/** The fleet whose structure is compared, and the files. */
export interface ComparedFleet {
  readonly run: Run;
  readonly fleet: FleetState;
  readonly migrations: Migrations;
  readonly settings: MigrateSettings;
  /** The tenants of each kind, whose files are applied after those of all. */
  readonly kinds: readonly KindFleet[];
  /** Reads the fleet again, and that of each kind. */
  readonly again: () => Promise<readonly FleetState[]>;
}

/** Schemas with the structure that they should have. */
export interface Expectation {
  readonly peers: readonly Peers[];
  readonly findings: readonly NotReplayedFinding[];
  readonly notCompared: StructureReport['notCompared'];
  readonly leftOut: readonly LeftOutStatement[];
}

/**
 * Replays the files, once for each set of files that is applied to schemas, each time with the public files that are
 * applied.
 * @throws SqlmigError if the server or the role cannot replay files at all.
 */
export async function expectFiles(compared: ComparedFleet, request: StructureRequest): Promise<Expectation> {
  const { fleet, migrations, kinds } = compared;
  const { groups, notCompared } = withKinds(groupByFiles(fleet, migrations), kinds);
  const shared = groups.find(({ scope }) => scope === 'public');
  const tenants = groups.filter(({ scope }) => scope === 'tenant').sort(bySize);
  const publicFiles = shared?.files ?? (fleet.public.rows.length === 0 ? [] : migrations.public);
  const replaying = createReplaying(compared, { publicFiles, ...request });
  const peers: Peers[] = [];
  let publicShape: KnownShape | null = null;
  for (const group of tenants) {
    const shapes = await replaying.replay(group);
    if (shapes === null) continue;
    publicShape ??= shapes.public;
    peers.push(peersOf(group, shapes.tenant));
  }
  if (shared !== undefined && publicShape === null)
    publicShape = (await replaying.replay(shared))?.public ?? null;
  if (shared !== undefined && publicShape !== null) peers.unshift(peersOf(shared, publicShape));
  return { peers, findings: replaying.findings, notCompared, leftOut: replaying.leftOut() };
}

function bySize(a: SchemasByFiles, b: SchemasByFiles): number {
  return b.schemas.length - a.schemas.length;
}

function peersOf({ scope, schemas, files, outdated }: SchemasByFiles, expected: KnownShape): Peers {
  return { scope, schemas, expected, builtFor: schemas[0] ?? '', files, pending: outdated };
}

/** The values that all replays share. */
interface Common {
  readonly publicFiles: SchemasByFiles['files'];
  readonly ignore: ReplayRequest['ignore'];
  readonly except: readonly string[];
}

function createReplaying(
  { run, migrations, settings }: ComparedFleet,
  { publicFiles, ignore, except }: Common,
) {
  const findings: NotReplayedFinding[] = [];
  const leftOut: LeftOutStatement[] = [];
  return {
    findings,
    leftOut: () => distinctLeftOut(leftOut),
    /** The structure of public and of a tenant with these files; `null` if they cannot be replayed. */
    async replay({ scope, schemas, files }: SchemasByFiles) {
      const tenant = scope === 'tenant' ? (schemas[0] ?? '') : 'tenant';
      const covered = { public: publicFiles, tenant: scope === 'tenant' ? files : [] };
      const replayed = await replay(run, { migrations, covered, tenant, settings, ignore, except }).catch(
        (error: unknown) => Promise.reject(withOtherWay(error)),
      );
      leftOut.push(...replayed.leftOut);
      if (replayed.error !== null)
        findings.push({
          kind: 'not-replayed',
          database: run.database,
          schema: schemas[0] ?? '',
          schemas,
          scope,
          message: `the files cannot be replayed: ${replayed.error.message}`,
          error: replayed.error,
        });
      return replayed.expected;
    },
  };
}

/** An error of a server or role that cannot replay, with the comparison that needs no replay. */
function withOtherWay(error: unknown): unknown {
  if (!(error instanceof SqlmigError) || error.code === 'interrupted') return error;
  const { message, hint, ...rest } = error.details;
  const other = 'compare the tenants with each other: sqlmig verify --siblings';
  return new SqlmigError(error.code, message, {
    ...rest,
    hint: hint === undefined ? other : `${hint.replace(/;$/, '')}; or ${other}`,
    cause: error,
  });
}
