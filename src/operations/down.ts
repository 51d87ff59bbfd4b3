import { mergedDownPlan } from '../databases/merged-readings.ts';
import { mergedDown } from '../databases/merged-runs.ts';
import { inDatabases, type Part } from '../databases/parts.ts';
import { completePlan } from '../decide/plan.ts';
import { undoFleet } from '../fleet/down-fleet.ts';
import {
  checkDownOptions,
  checkDownPlanOptions,
  type DownOptions,
  type DownPlanOptions,
} from '../fleet/down-options.ts';
import { downPlan, readDownTargets, stepsOf } from '../fleet/down-plan.ts';
import { undoSources } from '../fleet/undo-source.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { parseMigrations, readScopes } from '../project/migrations.ts';
import type { DownPlan, DownResult } from '../results.ts';
import { callerOf, type RunGroup } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { traced } from '../run/tracing.ts';

/**
 * Undoes applied migrations with their `.down.sql` files, in each schema the last applied first. It undoes the kinds of
 * tenants first, the last kind of the config first, then the files of all tenants, then public. Public is undone only if
 * all tenants are selected and none fails.
 *
 * 1. Reads and checks all files, before it connects.
 * 2. Reads the selected schemas without a lock, and finds the text that undoes each migration: its down file, or with
 *    `toFiles` what the history keeps of one that the project does not have. If one has none, the run ends here.
 * 3. Parses these texts, and asks `accept`.
 * 4. Undoes tenants in parallel, each migration in one transaction with its row, and makes the commits durable.
 * 5. With a limit other than `steps`, does so in tenants that were added meanwhile.
 * 6. Undoes public.
 *
 * Repeatables are not undone. A failure in a schema is the outcome of that schema.
 * @throws SqlmigError `down-missing` with every migration that has no down file in `all`, and if it cannot start:
 * `bad-usage`, `config-invalid`, `files-missing`, mistakes in the files, no connection. Rethrows what `accept` throws.
 */
export async function down(config: Config, options: DownOptions): Promise<DownResult> {
  requireFleetConfig(config);
  checkDownOptions(options);
  const { accept = () => true, requireAll } = options;
  return inDatabases(config, options, {
    requireAll,
    merge: mergedDown,
    decide: (plans: readonly Part<DownPlan>[]) => accept(mergedDownPlan(plans)),
    work: (part, partOptions, agree) =>
      traced('down', part, {
        options: agree === null ? partOptions : { ...partOptions, accept: agree },
        work: async (config, given) => undoFleet(await readScopes(config), given),
      }),
  });
}

/**
 * Returns what `down` would do, and changes nothing. `ok` is false if it would refuse a schema.
 * @throws SqlmigError as `down` does before it asks `accept`.
 */
export async function planDown(config: Config, options: DownPlanOptions): Promise<DownPlan> {
  requireFleetConfig(config);
  checkDownPlanOptions(options);
  return inDatabases(config, options, { work: planIn, merge: mergedDownPlan });
}

async function planIn(config: Config, options: DownPlanOptions & RunGroup): Promise<DownPlan> {
  const files = await readScopes(config);
  const [{ migrations }] = files;
  const sources = undoSources(files, { plan: completePlan({}, config), limit: options });
  const caller = callerOf(options);
  return withRun(config, caller, async (run) => {
    const targets = await readDownTargets(run, sources, options);
    const plan = downPlan(targets, run);
    for (const { source, tenants } of targets.scopes)
      await parseMigrations(tenants.flatMap(stepsOf), source.migrations);
    await parseMigrations(stepsOf(targets.shared), migrations);
    for (const message of migrations.strays) caller.emit({ type: 'warning', message, files: true });
    for (const message of targets.warnings) caller.emit({ type: 'warning', message });
    return plan;
  });
}
