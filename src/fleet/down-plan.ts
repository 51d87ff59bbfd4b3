import type { LackingDown } from '../decide/plan.ts';
import { errorOfAll } from '../errors.ts';
import type { Migrations } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import { compareVersions, newestVersion } from '../project/version.ts';
import type { DownPlan } from '../results.ts';
import type { Run } from '../run/run.ts';
import { allTargets, type FleetState, readFleetState } from '../state/fleet-state.ts';
import { requireFiles } from '../state/missing-files.ts';
import type { PlanSource } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import { lacksDown } from './down-errors.ts';
import type { DownPlanOptions } from './down-options.ts';
import { hasWork } from './outcome.ts';
import { plannedSchema } from './planned-schema.ts';
import { requireLimit } from './undo-source.ts';

/** The schemas of a run of `down`. */
export interface DownTargets {
  readonly tenants: readonly Target[];
  /** `null` if public is not undone. */
  readonly shared: Target | null;
  /** All of them, in the order in which they are undone. */
  readonly all: readonly Target[];
  /** What is not undone, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads the selected schemas and plans what to undo.
 * @throws SqlmigError `down-missing` with every migration that has no down file, `files-missing`, `bad-usage`, and what
 *   `readFleetState` throws.
 */
export async function readDownTargets(
  { read, config }: Run,
  source: PlanSource,
  options: DownPlanOptions,
): Promise<DownTargets> {
  const { select } = options;
  const found = await read((_, reader) => readFleetState(reader, source, { selection: select }));
  if (found.tenantsUnknown !== null) throw tenantsQueryFailed(found.tenantsUnknown);
  const targets = selected(found, options);
  const { all } = targets;
  requireFiles(all, source.migrations, config);
  requireLimit(allTargets(found), source, options);
  requireDownFiles(all, source.migrations);
  return { ...targets, warnings: [...targets.warnings, ...repeatableWarning(all)] };
}

// Public is undone only with all tenants, because the ones that are not selected depend on it.
function selected(found: FleetState, { select }: DownPlanOptions): DownTargets {
  const { public: shared, tenants } = found;
  const isWhole = select.kind === 'public' || (select.kind === 'all' && select.except.length === 0);
  if (isWhole) return { tenants, shared, all: [...tenants, shared], warnings: [] };
  const message = `${shared.schema} is not undone, since tenants that are not selected depend on it`;
  return { tenants, shared: null, all: tenants, warnings: hasWork(shared) ? [message] : [] };
}

function repeatableWarning(targets: readonly Target[]): string[] {
  const isLeft = targets.some(
    (target) => hasWork(target) && target.rows.some(({ version }) => version === null),
  );
  return isLeft ? ['repeatable migrations are not undone'] : [];
}

/** @throws SqlmigError `down-missing` with one error per migration in `all`. */
function requireDownFiles(targets: readonly Target[], migrations: Migrations): void {
  const lacks = new Map<string, { readonly target: Target; readonly lacking: LackingDown; n: number }>();
  for (const target of targets) {
    for (const lacking of target.plan.undo?.lacking ?? []) {
      // A text that was changed in one history concerns only that schema.
      if (lacking.why === 'kept-changed') continue;
      const key = `${target.scope} ${historyKey(lacking)} ${lacking.why}`;
      const known = lacks.get(key);
      if (known === undefined) lacks.set(key, { target, lacking, n: 1 });
      else known.n += 1;
    }
  }
  const errors = [...lacks.values()]
    .sort((a, b) => compareVersions(b.lacking.version, a.lacking.version))
    .map(({ target: { scope, schema }, lacking, n }) => {
      const newest = newestVersion(migrations[scope]);
      const isNewer = newest !== null && compareVersions(lacking.version, newest) > 0;
      return lacksDown(spelled(lacking, scope, migrations), {
        who:
          scope === 'public'
            ? ' (public)'
            : ` (tenant, applied in ${schema}${n === 1 ? '' : ` and ${n - 1} more`})`,
        state: 'nothing was touched',
        ...(isNewer && { hint: 'use what the history keeps of a newer release: sqlmig down --to-files' }),
      });
    });
  if (errors.length > 0) throw errorOfAll(errors);
}

/** A migration with its version as spelled in the file name. */
function spelled(lacking: LackingDown, scope: 'public' | 'tenant', migrations: Migrations): LackingDown {
  const file = migrations[scope].find((one) => historyKey(one) === historyKey(lacking));
  return { ...lacking, version: file?.version ?? lacking.version };
}

/** The plan as `accept` and `planDown` return it. */
export function downPlan({ all }: DownTargets, { server, database }: Run): DownPlan {
  const schemas = all.map((target) => plannedSchema(target, database));
  return {
    ok: schemas.every(({ error }) => error === undefined),
    host: server.host,
    database: server.database,
    schemas,
  };
}
