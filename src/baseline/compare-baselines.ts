import type { MigrationRun } from '../fleet/migrator.ts';
import { historyKey } from '../project/order.ts';
import type { Ignorable } from '../project/structure-settings.ts';
import type { ErrorDetails, Scope } from '../results.ts';
import type { FleetState } from '../state/fleet-state.ts';
import { compareSchemas, type Peers, type StructureDifference } from '../structure/schema-differences.ts';
import type { LeftOutStatement } from '../verify-results.ts';
import type { BaselineProposal, BaselineRules } from './baseline-proposals.ts';
import { noFilesBefore } from './files-before-kind.ts';
import type { ComparedSchemas } from './record-baselines.ts';
import { replay } from './replay.ts';
import { distinctLeftOut, type ReplayWay } from './replayed.ts';

/** How schemas differ from the structure that files build. */
export interface BaselineComparison {
  readonly differences: readonly StructureDifference[];
  /** Why the files could not be replayed for the comparison; `null` if they were. */
  readonly replayError: ErrorDetails | null;
  /** Where the files were replayed; `null` if nothing was compared. */
  readonly replayedIn: ReplayWay | null;
  /** Statements that the replay skipped. */
  readonly leftOut: readonly LeftOutStatement[];
}

/** What does not count as a difference. */
export const ignoredInBaselines: ReadonlySet<Ignorable> = new Set(['owner', 'grants', 'column-order']);

/** The schemas to compare, in the fleet as it was read. */
export interface FoundSchemas extends ComparedSchemas {
  readonly state: FleetState;
}

type Covered = BaselineRules['covered'];

/** Compares schemas with files, those of a kind after the files of all tenants that each tenant has. */
export async function compareBaselines(
  migrationRun: MigrationRun,
  { proposals, ...found }: FoundSchemas,
  covered: Covered,
): Promise<BaselineComparison> {
  const alike = new Map<string, BaselineProposal[]>();
  for (const proposal of proposals) {
    const key = JSON.stringify(proposal.before.applied.map(({ file }) => file));
    alike.set(key, [...(alike.get(key) ?? []), proposal]);
  }
  const parts: BaselineComparison[] = [];
  for (const group of alike.values())
    parts.push(await compareAlike(migrationRun, { ...found, proposals: group }, covered));
  return {
    differences: parts.flatMap(({ differences }) => differences),
    replayError: parts.find(({ replayError }) => replayError !== null)?.replayError ?? null,
    replayedIn: parts[0]?.replayedIn ?? null,
    leftOut: distinctLeftOut(parts.flatMap(({ leftOut }) => leftOut)),
  };
}

/** Compares schemas that have the same files of all tenants. */
async function compareAlike(
  { run, source: { migrations }, settings }: MigrationRun,
  { state, proposals, hashes, request }: FoundSchemas,
  covered: Covered,
): Promise<BaselineComparison> {
  // Public may be ahead of the tenants that get a baseline.
  const applied = new Set(state.public.rows.map(historyKey));
  const shared = migrations.public.filter(
    (file) => covered.public.includes(file) || applied.has(historyKey(file)),
  );
  const first = proposals.find(({ target }) => target.scope === 'tenant');
  const before = first?.before ?? noFilesBefore;
  const files = { public: shared, tenant: first === undefined ? [] : [...before.applied, ...covered.tenant] };
  const all = { public: migrations.public, tenant: [...before.pending, ...migrations.tenant] };
  const tenant = first?.target.schema ?? 'tenant';
  const replayed = await replay(run, {
    migrations,
    covered: files,
    tenant,
    settings,
    ignore: ignoredInBaselines,
  });
  const { expected, error: replayError, way: replayedIn, leftOut } = replayed;
  if (expected === null) return { differences: [], replayError, replayedIn, leftOut };
  const peersOf = (scope: Scope): Peers => ({
    scope,
    schemas: proposals.filter(({ target }) => target.scope === scope).map(({ target }) => target.schema),
    expected: expected[scope],
    builtFor: tenant,
    files: files[scope],
    pending: all[scope].filter((file) => !files[scope].includes(file)),
  });
  const peers = [peersOf('public'), peersOf('tenant')];
  const differences = await compareSchemas((read) => run.read(read), peers, { hashes, request });
  return { differences, replayError, replayedIn, leftOut };
}
