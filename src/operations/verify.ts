import { mergedVerify } from '../databases/merged-readings.ts';
import { verifyOfScopes } from '../databases/merged-scopes.ts';
import { inDatabases } from '../databases/parts.ts';
import { inScopes } from '../databases/scopes.ts';
import { completePlan } from '../decide/plan.ts';
import { compareStructure } from '../drift/compare-structure.ts';
import type { StructureFound, StructureRequest } from '../drift/found.ts';
import { type ParsedScripts, parseScripts } from '../fleet/parsed-scripts.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { byName, checkOptions, type Kinds, lacks, listOf, oneOf, yesOrNo } from '../project/option.ts';
import { type Ignorable, ignorable } from '../project/structure-settings.ts';
import { migrateSettings } from '../run/run-options.ts';
import type { Script } from '../sql/migration.ts';
import { fleetFindings, unlistedFinding } from '../state/findings.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { readKindFleets } from '../state/kind-fleets.ts';
import { downFindings, lintFindings, newFiles } from '../state/lints.ts';
import { type FleetReading, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';
import type { Target } from '../state/target.ts';
import { unknownScopeFindings } from '../state/unknown-scopes.ts';
import type {
  DriftFinding,
  NotReplayedFinding,
  StructureReport,
  VerifiedSchema,
  VerifyResult,
} from '../verify-results.ts';

/** What `verify` covers and how strict it is. */
export interface VerifyOptions extends ReadOptions {
  /** Lint all files, and treat lints as failures. */
  readonly strict?: boolean;
  /** Treat pending migrations as failures. */
  readonly checkPending?: boolean;
  /** Compare the structure of every schema with what its files build, or the tenants with each other. */
  readonly structure?: StructureReport['basis'];
  /** What the comparison leaves out, in addition to what the config names. */
  readonly ignore?: readonly Ignorable[];
  /** Also return SQL that would remove the differences. */
  readonly fixPlan?: boolean;
}

const verifyKinds: Kinds<VerifyOptions> = {
  ...readKinds,
  strict: yesOrNo,
  checkPending: yesOrNo,
  structure: oneOf('files', 'siblings'),
  ignore: listOf(ignorable),
  fixPlan: yesOrNo,
};

/**
 * Compares the history of every schema with the files: checksum-changed, renamed, file-missing, out-of-order,
 * incomplete, unlisted. Also reports mistakes in `.down.sql` files (down-file), and lints of files that no schema has
 * applied yet, which are no failure. Pending migrations are counted and are no failure. With `structure`, it also
 * compares the objects (drift). Parses all files and changes nothing; to compare with the files, it replays them in a
 * separate database.
 * @throws SqlmigError `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  requireFleetConfig(config);
  checkOptions(options, verifyKinds);
  return inDatabases(config, options, {
    work: (part, options) =>
      inScopes(part, options, {
        work: (scope, scopeOptions) => verifyScope(scope, scopeOptions, options.select),
        merge: verifyOfScopes,
      }),
    merge: mergedVerify,
  });
}

/** Verifies one scope. The first one also compares structures, which all scopes build, for the whole selection. */
async function verifyScope(
  config: Config,
  options: VerifyOptions,
  selected: VerifyOptions['select'],
): Promise<VerifyResult> {
  const request = config.scope === null ? structureRequest(options, config) : null;
  const migrations = await readMigrations(config);
  const scripts = await parseScripts(migrations, config, { mayLackValues: true });
  const compared: { structure: StructureFound | null } = { structure: null };
  const reading = await readForCommand(config, options, {
    migrations,
    unlisted: true,
    unknownScopes: true,
    read: async (session, found) => {
      const created = config.extensions.map((name) => ({ name, schema: null }));
      await scripts.settle(session, scriptsToSettle(found, scripts), created);
    },
    after: async (run, fleet, again) => {
      if (request === null) return;
      const { signal, onEvent } = options;
      const settings = migrateSettings({ ...(signal && { signal }), ...(onEvent && { onEvent }) }, config);
      const kindsNow = () =>
        readKindFleets(run, config, {
          ...(selected && { select: selected }),
          plan: completePlan({}, config),
        });
      const kinds = await kindsNow();
      const everyAgain = async () => [await again(), ...(await kindsNow()).map((kind) => kind.fleet)];
      const whole = { run, fleet, migrations, kinds, settings, again: everyAgain };
      compared.structure = await compareStructure(whole, request);
    },
  });
  return resultOf(reading, scripts, { ...options, lint: config.lint, found: compared.structure });
}

/** The requested comparison of structures; `null` if there is none. */
function structureRequest(
  { structure, ignore = [], fixPlan = false }: VerifyOptions,
  config: Config,
): StructureRequest | null {
  if (structure === undefined) {
    if (ignore.length > 0) throw lacks('ignore', byName('structure'));
    if (fixPlan) throw lacks('fixPlan', byName('structure'));
    return null;
  }
  const { ignore: ignored, ignoreObjects: except } = config.structure;
  return { basis: structure, ignore: new Set([...ignored, ...ignore]), except, fixPlan };
}

/** The facts that a verdict depends on, besides the fleet and the files. */
interface Verdict extends Pick<VerifyOptions, 'strict' | 'checkPending'>, Pick<Config, 'lint'> {
  readonly found: StructureFound | null;
}

function resultOf(
  reading: FleetReading,
  scripts: ParsedScripts,
  { found, lint, strict = false, checkPending = false }: Verdict,
): VerifyResult {
  const { database, fleet, unlisted, migrations } = reading;
  const targets = allTargets(fleet);
  const news = newFiles(fleet, migrations);
  const linted = scripts.all().filter(({ migration }) => strict || news.has(migration));
  const lints = lintFindings(linted, { database, settings: lint, locks: false });
  const isPending = fleet.tenantsUnknown !== null || targets.some(({ plan }) => plan.pending > 0);
  const isWarning = (finding: DriftFinding | NotReplayedFinding) => 'warning' in finding;
  const drift = found?.findings ?? [];
  const failures = [...findingsIn(reading, scripts), ...drift.filter((finding) => !isWarning(finding))];
  const warnings = [...drift.filter(isWarning), ...lints];
  return {
    ok: failures.length === 0 && !(strict && warnings.length > 0) && !(checkPending && isPending),
    findings: [...failures, ...warnings],
    schemas: [...targets, ...unlisted].map((target) => verified(target, database)),
    ...(found !== null && { structure: found.report }),
    ...(fleet.tenantsUnknown !== null && { tenantsUnknown: fleet.tenantsUnknown }),
  };
}

/** All tenant scripts, which new tenants need, and the pending scripts of public, which create extensions. */
function scriptsToSettle(found: FleetState, scripts: ParsedScripts): Script[] {
  const pending = new Set(found.public.plan.steps);
  return scripts.all().filter(({ migration }) => migration.scope === 'tenant' || pending.has(migration));
}

function findingsIn(reading: FleetReading, { brokenDown }: ParsedScripts) {
  const { database, unlisted, unknownScopes } = reading;
  return [
    ...fleetFindings(reading),
    ...unlisted.map((target) => unlistedFinding(target, reading)),
    ...unknownScopeFindings(unknownScopes, database),
    ...downFindings(brokenDown, database),
  ];
}

function verified({ schema, scope, rows, plan }: Target, database: string): VerifiedSchema {
  const compared = rows.filter(({ state }) => state === 'applied').length;
  return { database, schema, scope, version: plan.version, compared, pending: plan.pending };
}
