import { SqlmigError } from '../errors.ts';
import type { SchemaOutcome } from '../results.ts';
import { type FleetState, listedNow } from '../state/fleet-state.ts';
import { basisOf } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import type { TenantKind } from './kinds.ts';
import type { Migrator } from './migrator.ts';
import { hasWork, isBadName, isGone, type Stop, withError } from './outcome.ts';
import { earlierFailed, gone } from './schema-errors.ts';
import { relistTenants } from './tenant-list.ts';

/** A scope whose files run before those of a kind, and its tenants as they were found. */
export interface Earlier {
  readonly name: string;
  readonly migrator: Migrator;
  readonly found: FleetState;
}

/** The tenants of a kind in which its files may run now, and the outcomes of those in which they must not. */
interface Standing {
  readonly ready: readonly Target[];
  readonly behind: readonly SchemaOutcome[];
}

/**
 * Reads the tenants of a kind again, and compares them with what came of the earlier scopes. A tenant that was added while
 * these were migrated is in neither list: it may lack their files.
 */
export async function standingOf(
  { migrator, options }: TenantKind,
  earlier: readonly Earlier[],
  before: readonly SchemaOutcome[],
): Promise<Standing> {
  const { run, source } = migrator;
  const context = { runId: run.runId, database: run.database, basis: basisOf(source, 'tenant') };
  const behind: SchemaOutcome[] = [];
  let ready: readonly Target[] = await relistTenants(migrator, options.select, []);
  for (const scope of earlier) {
    const outcomes = new Map(
      before.filter((outcome) => outcome.scope === scope.name).map((outcome) => [outcome.schema, outcome]),
    );
    const others = ready.filter(({ schema, trouble }) => !outcomes.has(schema) && !isBadName(trouble));
    const stops = await stopsOfUnlisted(scope, others);
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

/** Why a tenant is not migrated after this outcome of an earlier scope; `undefined` if it is. */
function stopAfter(
  outcome: SchemaOutcome | undefined,
  { name }: Earlier,
  { exists }: Target,
): Stop | undefined {
  if (outcome === undefined) return;
  // A tenant that is dropped meanwhile must not be created again with the files of a kind alone.
  if (outcome.state === 'applied' || outcome.state === 'up-to-date')
    return exists ? undefined : { state: 'skipped', error: gone(true) };
  if (outcome.error === undefined || !isGone(outcome))
    return { state: 'skipped', error: earlierFailed(name) };
  const { message, hint } = outcome.error;
  return { state: 'skipped', error: new SqlmigError('schema-missing', message, { hint }) };
}

/**
 * Why tenants without an outcome of an earlier scope are not migrated: a drop or a move that its history records. `null`
 * for those that the scope lists only now.
 */
async function stopsOfUnlisted(
  { migrator }: Earlier,
  targets: readonly Target[],
): Promise<ReadonlyMap<string, Stop | null>> {
  if (targets.length === 0) return new Map();
  const { run, source } = migrator;
  return run.read(async (_, reader) => {
    const listed = await listedNow(reader, source.config);
    const isNew = (schema: string) => listed?.has(schema) === true;
    const basis = { ...basisOf(source, 'tenant'), files: [] };
    const requests = targets.map(({ schema }) => ({ schema, basis }));
    const own = await readTargets(requests, reader, source.config.historyTable);
    return new Map(
      own.flatMap(({ schema, trouble }): [string, Stop | null][] => {
        if (isNew(schema)) return [[schema, null]];
        return trouble === null ? [] : [[schema, { state: 'failed', error: trouble }]];
      }),
    );
  });
}

/**
 * The tenants of a kind whose pending files can be rehearsed: where no other file runs before them. The others cause a
 * warning, since each scope is rolled back before the next one is rehearsed.
 */
export function rehearsableNow(
  { name, migrator: { settings }, found }: TenantKind,
  earlier: readonly Earlier[],
): readonly Target[] {
  const pending = new Set(
    earlier.flatMap((scope) => scope.found.tenants.filter(hasWork)).map(({ schema }) => schema),
  );
  const isPublicPending = hasWork(found.public);
  const ready = found.tenants.filter(
    (target) => !hasWork(target) || (!isPublicPending && !pending.has(target.schema)),
  );
  const left = found.tenants.length - ready.length;
  if (left > 0) {
    const who = left === 1 ? '1 tenant' : `${left} tenants`;
    const message = `files of scope ${name} are not rehearsed in ${who}, where files that run before them are pending`;
    settings.emit({ type: 'warning', message });
  }
  return ready;
}
