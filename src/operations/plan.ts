import { mergedPlan } from '../databases/merged-readings.ts';
import { planOfScopes } from '../databases/merged-scopes.ts';
import { inDatabases } from '../databases/parts.ts';
import { inScopes } from '../databases/scopes.ts';
import { completePlan, type PlanOptions, planKinds } from '../decide/plan.ts';
import { extensionsToCreate, requireExtensions } from '../fleet/extensions.ts';
import { type ParsedScripts, parseScripts } from '../fleet/parsed-scripts.ts';
import { plannedSchema } from '../fleet/planned-schema.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { filesOfAll, type Migrations, readMigrations, readScopes } from '../project/migrations.ts';
import { checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import { requireVersion } from '../project/target-version.ts';
import type { PlanResult } from '../results.ts';
import type { Script } from '../sql/migration.ts';
import { fleetFindings } from '../state/findings.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { downFindings, lintFindings, newFiles } from '../state/lints.ts';
import { requireFiles } from '../state/missing-files.ts';
import { type FleetReading, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';

/** What `plan` covers; the limits are those of `up`. */
export interface PlanCommandOptions extends ReadOptions, Partial<PlanOptions> {
  /** Lint all files, not only those that no schema has applied yet, and warn about locks and rewrites as well. */
  readonly lint?: boolean;
  /** Warn about locks and rewrites in the files that are linted; if not given, as `lint` says. */
  readonly lintLocks?: boolean;
}

const planCommandKinds: Kinds<PlanCommandOptions> = {
  ...readKinds,
  ...planKinds,
  lint: yesOrNo,
  lintLocks: yesOrNo,
};

/**
 * Returns what `up` would do, and changes nothing. `ok` is false if `up` would refuse a schema. Parses all files.
 * @throws SqlmigError `files-missing`, `extension-missing`, `interrupted`, and if it cannot start: `bad-usage`,
 *   `config-invalid`, mistakes in the files, no connection.
 */
export async function plan(config: Config, options: PlanCommandOptions = {}): Promise<PlanResult> {
  requireFleetConfig(config);
  checkOptions(options, planCommandKinds);
  return inDatabases(config, options, {
    work: (part, options) => inScopes(part, options, { work: planOf, merge: planOfScopes }),
    merge: mergedPlan,
  });
}

async function planOf(config: Config, options: PlanCommandOptions): Promise<PlanResult> {
  const migrations = await readMigrations(config);
  if (config.scope === null) await requireVersionIn(config, migrations, options);
  const scripts = await parseScripts(migrations, config);
  const reading = await readForCommand(config, options, {
    migrations,
    plan: completePlan(options, config),
    read: async (session, found) => {
      const open = pendingIn(found, scripts);
      const created = await extensionsToCreate(session, open, config);
      requireExtensions(await scripts.settle(session, open, created));
    },
  });
  const { server, fleet } = reading;
  const targets = allTargets(fleet);
  requireFiles(targets, migrations, config);
  const schemas = targets.map((target) => plannedSchema(target, reading.database));
  return {
    ok: schemas.every(({ error }) => error === undefined),
    host: server.host,
    database: server.database,
    schemas,
    warnings: warningsFor({ reading, scripts }, config, options),
    ...(fleet.tenantsUnknown !== null && { tenantsUnknown: fleet.tenantsUnknown }),
  };
}

/** @throws SqlmigError `bad-usage` if no file of any scope has the version at which `up` would stop. */
async function requireVersionIn(
  config: Config,
  migrations: Migrations,
  { to }: PlanCommandOptions,
): Promise<void> {
  if (to === undefined || to === null) return;
  requireVersion(config.scopes.length === 0 ? migrations : filesOfAll(await readScopes(config)), to);
}

/** The scripts that `up` would run. */
function pendingIn(found: FleetState, scripts: ParsedScripts): Script[] {
  // A tenant that is not known yet will need every file.
  const all = found.tenantsUnknown === null ? [] : scripts.all().map(({ migration }) => migration);
  const unknown = all.filter(({ scope }) => scope === 'tenant');
  return scripts.of(
    new Set([...[found.public, ...found.tenants].flatMap(({ plan: { steps } }) => steps), ...unknown]),
  );
}

function warningsFor(
  { reading, scripts }: { readonly reading: FleetReading; readonly scripts: ParsedScripts },
  { lint: settings }: Pick<Config, 'lint'>,
  { lint = false, lintLocks = lint }: PlanCommandOptions,
): PlanResult['warnings'] {
  const { database, fleet, migrations } = reading;
  return [
    ...lintFindings(lint ? scripts.all() : scripts.of(newFiles(fleet, migrations)), {
      database,
      settings,
      locks: lintLocks,
    }),
    ...downFindings(scripts.brokenDown, database),
    ...fleetFindings(reading).filter(({ kind }) => kind === 'file-missing'),
  ];
}
