import { SqlmigError } from '../errors.ts';
import { compareVersions } from '../project/version.ts';
import type { SchemaOutcome } from '../results.ts';
import { type FleetState, listedNow } from '../state/fleet-state.ts';
import { basisOf } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { tenantCount } from '../text/tenant-count.ts';
import type { TenantKind } from './kinds.ts';
import type { Migrator } from './migrator.ts';
import { hasWork, isBadName, isGone, outcomeUnrehearsed, type Stop, withError } from './outcome.ts';
import { earlierFailed, gone, schemaRefusal } from './schema-errors.ts';
import { relistTenants } from './tenant-list.ts';

/** A scope whose files run before the files of a kind, and its tenants as they were found. */
export interface EarlierScope {
  readonly name: string;
  readonly migrator: Migrator;
  readonly found: FleetState;
}

/** The tenants of a kind that may be migrated now, and the outcomes of the others. */
interface ReadyTenants {
  readonly ready: readonly Target[];
  readonly behind: readonly SchemaOutcome[];
}

/**
 * Reads the tenants of a kind again, and compares them with the outcomes of the earlier scopes. A tenant that was added
 * while these were migrated may lack their files, so it is in neither list.
 */
export async function readReadyTenants(
  { migrator, options }: TenantKind,
  earlier: readonly EarlierScope[],
  before: readonly SchemaOutcome[],
): Promise<ReadyTenants> {
  const { run, source } = migrator;
  const context = { runId: run.runId, database: run.database, basis: basisOf(source, 'tenant') };
  const behind: SchemaOutcome[] = [];
  let ready: readonly Target[] = await relistTenants(migrator, options.select, []);
  for (const scope of earlier) {
    const outcomes = new Map(
      before.filter((outcome) => outcome.scope === scope.name).map((outcome) => [outcome.schema, outcome]),
    );
    const unchecked = ready.filter((target) => {
      const outcome = outcomes.get(target.schema);
      if (outcome === undefined) return !isBadName(target.trouble);
      return isDone(outcome) && target.exists && hasWork(target);
    });
    const stops = await readStops(scope, unchecked, outcomes);
    const stopOf = (target: Target) => {
      const { schema, trouble } = target;
      if (isBadName(trouble)) return undefined;
      return stops.has(schema) ? stops.get(schema) : stopAfter(outcomes.get(schema), scope, target);
    };
    const withStops = ready.map((target) => ({ target, stop: stopOf(target) }));
    ready = withStops.flatMap(({ target, stop }) => (stop === undefined ? [target] : []));
    behind.push(...withStops.flatMap(({ target, stop }) => (stop ? [withError(target, stop, context)] : [])));
  }
  return { ready, behind };
}

function isDone({ state }: SchemaOutcome): boolean {
  return state === 'applied' || state === 'up-to-date';
}

/** Why a tenant is not migrated after this outcome of an earlier scope; `undefined` if nothing stops it. */
function stopAfter(
  outcome: SchemaOutcome | undefined,
  { name }: EarlierScope,
  { exists }: Target,
): Stop | undefined {
  if (outcome === undefined) return;
  // A tenant that was dropped in the meantime must not be created again with only the files of a kind.
  if (isDone(outcome)) return exists ? undefined : { state: 'failed', error: gone(true) };
  if (outcome.error === undefined || !isGone(outcome))
    return { state: 'skipped', error: earlierFailed(name) };
  const { message, hint } = outcome.error;
  return { state: 'skipped', error: new SqlmigError('schema-missing', message, { hint }) };
}

/**
 * Why tenants are not migrated, by the current histories of an earlier scope: one records a drop, a move, or a lower
 * version than the outcome of this run. `null` for a tenant without an outcome that the scope now lists.
 */
async function readStops(
  { name, migrator }: EarlierScope,
  targets: readonly Target[],
  outcomes: ReadonlyMap<string, SchemaOutcome>,
): Promise<ReadonlyMap<string, Stop | null>> {
  if (targets.length === 0) return new Map();
  const { run, source } = migrator;
  return run.read(async (_, reader) => {
    const isUnlisted = targets.some(({ schema }) => !outcomes.has(schema));
    const listed = isUnlisted ? await listedNow(reader, source.config) : null;
    const basis = { ...basisOf(source, 'tenant'), files: [] };
    const requests = targets.map(({ schema }) => ({ schema, basis }));
    const current = await readTargets(requests, reader, source.config.historyTable);
    return new Map(
      current.flatMap(({ schema, trouble, plan }): [string, Stop | null][] => {
        const outcome = outcomes.get(schema);
        if (outcome === undefined && listed?.has(schema) === true) return [[schema, null]];
        if (trouble !== null) return [[schema, { state: 'failed', error: trouble }]];
        const isUndone =
          outcome !== undefined && compareVersions(plan.version ?? '0', outcome.version ?? '0') < 0;
        return isUndone ? [[schema, { state: 'skipped', error: earlierFailed(name) }]] : [];
      }),
    );
  });
}

/**
 * The tenants of a kind whose pending files can be rehearsed: each scope is rolled back before the next one is rehearsed,
 * so no file of an earlier scope may be pending. A warning has the number of the other tenants.
 */
export function rehearsableTenants(
  { name, migrator: { run, settings, source }, found }: TenantKind,
  earlier: readonly EarlierScope[],
): ReadyTenants {
  const pending = new Set(
    earlier.flatMap((scope) => scope.found.tenants.filter(hasWork)).map(({ schema }) => schema),
  );
  const isPublicPending = hasWork(found.public);
  const waits = (target: Target) =>
    hasWork(target) && schemaRefusal(target) === null && (isPublicPending || pending.has(target.schema));
  const left = found.tenants.filter(waits);
  if (left.length > 0) {
    const who = tenantCount(left.length);
    const message = `files of scope ${name} are not rehearsed in ${who}, where files that run before them are pending`;
    settings.emit({ type: 'warning', message });
  }
  const context = { runId: run.runId, database: run.database, basis: basisOf(source, 'tenant') };
  const why = 'files of other scopes that run before it are pending';
  return {
    ready: found.tenants.filter((target) => !waits(target)),
    behind: left.map((target) => outcomeUnrehearsed(target, why, context)),
  };
}
