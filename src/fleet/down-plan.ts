import type { LackingDown } from '../decide/plan.ts';
import { errorOfAll, type SqlmigError } from '../errors.ts';
import type { Migrations } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import type { Scopes } from '../project/scope-view.ts';
import type { Selection } from '../project/selection.ts';
import { compareVersions, newestVersion } from '../project/version.ts';
import type { DownPlan } from '../results.ts';
import type { Run } from '../run/run.ts';
import type { Migration } from '../sql/migration.ts';
import { allTargets, type FleetState, readFleetState } from '../state/fleet-state.ts';
import { withMarks } from '../state/marks.ts';
import { requireFiles } from '../state/missing-files.ts';
import type { PlanSource } from '../state/plan-source.ts';
import { namedScope } from '../state/scope-names.ts';
import { divideSelection } from '../state/scope-selection.ts';
import type { Target } from '../state/target.ts';
import { readUnknownScopes, unknownScopeWarnings } from '../state/unknown-scopes.ts';
import { unlistedKindWarnings } from '../state/unlisted.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import { lacksDown } from './down-errors.ts';
import type { DownPlanOptions } from './down-options.ts';
import { hasWork } from './outcome.ts';
import { plannedSchema } from './planned-schema.ts';
import { type PlannedBySource, requireLimit } from './undo-source.ts';

/** The tenants of a scope in a run of `down`, with the source of their plans. */
export interface DownScope {
  readonly source: PlanSource;
  readonly select: Selection;
  readonly tenants: readonly Target[];
}

/** The schemas of a run of `down`. */
export interface DownTargets {
  /** In the order in which they are undone: the last kind of tenants first, the files of all tenants last. */
  readonly scopes: readonly [DownScope, ...DownScope[]];
  /** `null` if public is not undone. */
  readonly shared: Target | null;
  /** What is not undone, one sentence each. */
  readonly warnings: readonly string[];
}

/** All schemas of a run of `down`. */
export function downTargets({ scopes, shared }: Pick<DownTargets, 'scopes' | 'shared'>): readonly Target[] {
  return [...scopes.flatMap(({ tenants }) => tenants), ...(shared === null ? [] : [shared])];
}

/** The migrations to undo in a schema, if there is one. */
export function stepsOf(target: Target | null): readonly Migration[] {
  return target?.plan.steps ?? [];
}

/**
 * Reads the selected schemas and plans what to undo, with one source for all tenants and one for each kind.
 * @throws SqlmigError `down-missing` with every migration that has no down file, `files-missing`, `bad-usage`, and what
 *   `divideSelection` and `readFleetState` throw.
 */
export async function readDownTargets(
  { read, config }: Run,
  sources: Scopes<PlanSource>,
  options: DownPlanOptions,
): Promise<DownTargets> {
  const { parts, unknown, unlisted } = await read(async (session, reader) => {
    const found: (Omit<DownScope, 'tenants'> & { readonly fleet: FleetState })[] = [];
    for (const { select, ...source } of await divideSelection(reader, sources, options.select)) {
      const fleet = await readFleetState(reader, source, { selection: select });
      const tenants = await withMarks(reader, source, fleet.tenants);
      found.push({ source, select, fleet: { ...fleet, tenants } });
    }
    // An older release may not know a scope whose files depend on what it undoes.
    const isPublic = options.select.kind === 'public';
    const undone = found.flatMap(({ fleet }) => fleet.tenants.filter(hasWork).map(({ schema }) => schema));
    const kinds = found.filter(({ source }) => source.config.scope !== null);
    return {
      parts: found,
      unknown: isPublic ? [] : await readUnknownScopes(session, config),
      unlisted: await unlistedKindWarnings(reader, kinds, new Set(undone)),
    };
  });
  for (const { fleet } of parts)
    if (fleet.tenantsUnknown !== null) throw tenantsQueryFailed(fleet.tenantsUnknown);
  const whole = parts.map(({ source, fleet }) => ({ source, targets: allTargets(fleet) }));
  requireLimit(whole, options);
  const [base] = parts;
  const { shared, warnings } = selectedPublic(base?.fleet, options);
  const [first, ...others] = parts
    .map(({ fleet, ...scope }) => ({ ...scope, tenants: fleet.tenants }))
    .reverse();
  if (first === undefined) throw new RangeError('the files of all tenants are always one part');
  const targets = { scopes: [first, ...others] as const, shared };
  const undone = parts.map(({ source, fleet: { tenants } }, i) => ({
    source,
    targets: i === 0 && shared !== null ? [...tenants, shared] : tenants,
  }));
  for (const { source, targets } of undone) requireFiles(targets, source.migrations, source.config);
  requireDownFiles(undone);
  const notUndone = unknownScopeWarnings(unknown, ', so these are not undone');
  return {
    ...targets,
    warnings: [...warnings, ...notUndone, ...unlisted, ...repeatableWarning(downTargets(targets))],
  };
}

// Public is undone only with all tenants, because the ones that are not selected depend on it.
function selectedPublic(
  found: FleetState | undefined,
  { select }: DownPlanOptions,
): Pick<DownTargets, 'shared' | 'warnings'> {
  if (found === undefined) throw new RangeError('the files of all tenants are always one part');
  const { public: shared } = found;
  const isWhole = select.kind === 'public' || (select.kind === 'all' && select.except.length === 0);
  if (isWhole) return { shared, warnings: [] };
  const message = `${shared.schema} is not undone, since tenants that are not selected depend on it`;
  return { shared: null, warnings: hasWork(shared) ? [message] : [] };
}

function repeatableWarning(targets: readonly Target[]): string[] {
  const isLeft = targets.some(
    (target) => hasWork(target) && target.rows.some(({ version }) => version === null),
  );
  return isLeft ? ['repeatable migrations are not undone'] : [];
}

/** @throws SqlmigError `down-missing` with one error per migration. */
function requireDownFiles(planned: readonly PlannedBySource[]): void {
  const errors = planned.flatMap(lackingIn);
  if (errors.length > 0) throw errorOfAll(errors);
}

function lackingIn({ source: { migrations, config }, targets }: PlannedBySource): SqlmigError[] {
  const lacks = new Map<
    string,
    { readonly target: Target; readonly lacking: LackingDown; schemas: number }
  >();
  for (const target of targets) {
    for (const lacking of target.plan.undo?.lacking ?? []) {
      // A text that was changed in one history concerns only that schema.
      if (lacking.why === 'kept-changed') continue;
      const key = `${target.scope} ${historyKey(lacking)} ${lacking.why}`;
      const counted = lacks.get(key);
      if (counted === undefined) lacks.set(key, { target, lacking, schemas: 1 });
      else counted.schemas += 1;
    }
  }
  return [...lacks.values()]
    .sort((a, b) => compareVersions(b.lacking.version, a.lacking.version))
    .map(({ target: { scope, schema }, lacking, schemas }) => {
      const newest = newestVersion(migrations[scope]);
      const isNewer = newest !== null && compareVersions(lacking.version, newest) > 0;
      const name = config.scope?.name ?? scope;
      const andMore = schemas === 1 ? '' : ` and ${schemas - 1} more`;
      return lacksDown(spelled(lacking, scope, migrations), {
        who: scope === 'public' ? ' (public)' : ` (${name}, applied in ${schema}${andMore})`,
        state: 'nothing was touched',
        ...(isNewer && { hint: 'use what the history keeps of a newer release: sqlmig down --to-files' }),
      });
    });
}

/** A migration with its version as spelled in the file name. */
function spelled(lacking: LackingDown, scope: 'public' | 'tenant', migrations: Migrations): LackingDown {
  const file = migrations[scope].find((migration) => historyKey(migration) === historyKey(lacking));
  return { ...lacking, version: file?.version ?? lacking.version };
}

/** The plan as `accept` and `planDown` return it. */
export function downPlan({ scopes, shared }: DownTargets, { server, database }: Run): DownPlan {
  const ofScopes = scopes.flatMap(({ source: { config }, tenants }) =>
    tenants.map((target) => namedScope(plannedSchema(target, database), config)),
  );
  const schemas = [...ofScopes, ...(shared === null ? [] : [plannedSchema(shared, database)])];
  return {
    ok: schemas.every(({ error }) => error === undefined),
    host: server.host,
    database: server.database,
    schemas,
  };
}
