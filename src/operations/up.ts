import { type Canary, canary, type MaxFailures, maxFailures, stopRule } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { canariesOf } from '../fleet/canaries.ts';
import { confirm } from '../fleet/confirm.ts';
import { createDigests, type Digests } from '../fleet/digests.ts';
import { createMigrator, type Migrator } from '../fleet/migrator.ts';
import { interrupted, withError } from '../fleet/outcome.ts';
import { migratePublic, openTenantPhase } from '../fleet/phase.ts';
import { createSummary, type Summary } from '../fleet/summary.ts';
import { relistTenants } from '../fleet/tenant-list.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { byName, checkOptions, type Kinds, lacks, type Naming, wholeNumber } from '../project/option.ts';
import { type Selection, selection } from '../project/selection.ts';
import type { SchemaOutcome, UpResult } from '../results.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings, type RunOptions, runKinds } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { type FleetState, readFleetState } from '../state/fleet-state.ts';
import { newFiles } from '../state/lints.ts';
import { requireFiles } from '../state/missing-files.ts';
import { basisOf } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { warningsOf } from '../state/warnings.ts';

/** What `up` is for and how far it goes. */
export interface UpOptions extends RunOptions {
  readonly select: Selection;
  /**
   * Stop starting tenants once so many have failed; the default is one. A percentage is of the tenants that were
   * selected when the run began.
   */
  readonly maxFailures?: MaxFailures;
  /**
   * Migrate these tenants first; if one of them fails, nothing after it starts. A number or percentage is taken of the
   * tenants that have something to apply.
   */
  readonly canary?: Canary;
  /** So many canaries may fail; the default is none. */
  readonly canaryTolerate?: number;
}

const upKinds: Kinds<UpOptions> = {
  ...runKinds,
  select: { ...selection, required: true },
  maxFailures,
  canary,
  canaryTolerate: wholeNumber(0),
};

/**
 * Checks what `up` is given, each option and what goes together.
 * @throws SqlmigError `bad-usage` naming the option.
 */
export function checkUpOptions(options: UpOptions, naming: Naming = byName): void {
  checkOptions(options, upKinds, naming);
  const { select, canary: first, canaryTolerate } = options;
  if (first === undefined && canaryTolerate !== undefined)
    throw lacks('canaryTolerate', naming.called('canary'), naming);
  if (first !== undefined && select.kind === 'public')
    throw lacks('canary', 'a selection of tenants', naming);
}

/**
 * Brings public and the selected tenants up to date.
 *
 * 1. All files are read and checked; nothing is connected yet.
 * 2. Public and all tenants are looked at without a lock; whoever has nothing to do is answered here. A folder without
 *    files whose schemas have a history ends the run.
 * 3. What is pending anywhere is parsed; a mistake, or an extension that tenants would lack, ends the run before anything
 *    was touched.
 * 4. A right that is lacking to begin with ends the run. The extensions of the config are created where they are missing.
 *    Public is served, alone. If it fails, no tenant is started.
 * 5. The gate is noted: what public holds now, checked again in every tenant's message.
 * 6. Tenants are served in parallel (`runFleet`), canaries first; the others only if those are well.
 * 7. The tenants are listed again, and newcomers are served, until there are none.
 * 8. What was committed is made durable, once for all of it; if the server crashed meanwhile, it is looked at again, and
 *    if it is gone, the tenants are reported as not confirmed.
 * 9. With `digest` in the config, digests are kept of the histories that have none.
 *
 * @throws SqlmigError where it could not begin: config, files, connection. What happens to a schema after that is an
 *   outcome in the result, and so is a history that cannot be read.
 */
export async function up(config: Config, options: UpOptions): Promise<UpResult> {
  requireConfig(config);
  checkUpOptions(options);
  return traced('up', config, {
    onEvent: options.onEvent,
    work: (onEvent) => migrate(config, { ...options, ...(onEvent && { onEvent }) }),
    errorsOf: ({ schemas, error }) => [
      ...(error === undefined ? [] : [error]),
      ...schemas.flatMap((outcome) => (outcome.state === 'failed' ? (outcome.error ?? []) : [])),
    ],
  });
}

async function migrate(config: Config, options: UpOptions): Promise<UpResult> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  const source = { config, migrations, options: settings.plan };
  const summary = createSummary(settings);
  const emit: OnEvent = (event) => {
    summary.hear(event);
    settings.emit(event);
  };
  return withRun(config, { ...settings, emit }, async (run) => {
    const migrator = createMigrator({ run, source, settings: { ...settings, emit } });
    const { database, host } = run.server;
    emit({ type: 'run-started', runId: run.runId, database, host });
    const digests = createDigests(run, migrator.settings);
    const found = await run.read(async (session, reader) =>
      readFleetState(reader, source, { selection: options.select, digests: await digests.read(session) }),
    );
    await prepare(migrator, found, options);
    summary.add([await migratePublic(migrator, found.public)]);
    const error = await migrateTenants(migrator, { found, options, summary, digests });
    const result = summary.result(run.runId, error);
    emit({ type: 'run-finished', result });
    return result;
  });
}

/** Checks and parses all that is pending, before anything is touched; then creates what files take for granted. */
async function prepare(migrator: Migrator, found: FleetState, { select, canary }: UpOptions): Promise<void> {
  const { run, source, settings, scripts, context } = migrator;
  const { migrations } = source;
  const targets = [found.public, ...found.tenants];
  requireFiles(targets, migrations, run.config);
  // Names are checked before anything is touched, where the tenants are known already.
  if (select.kind !== 'public' && found.tenantsUnknown === null) canariesOf(found.tenants, canary);
  // Tenants that are not known yet will need every file.
  const unknown = found.tenantsUnknown === null ? [] : migrations.tenant;
  await scripts.prepare([...targets.flatMap((target) => target.plan.steps), ...unknown], {
    installs: true,
    news: newFiles(found, migrations),
  });
  for (const message of [...migrations.strays, ...warningsOf(targets, migrations)])
    settings.emit({ type: 'warning', message });
  await migrator.admit(targets);
  if (!settings.rehearse) await scripts.install(context);
}

/** The tenants' part of a run. */
interface TenantTurn {
  readonly found: FleetState;
  readonly options: UpOptions;
  readonly summary: Summary;
  readonly digests: Digests;
}

/** Migrates the selected tenants, and newcomers; gives what stopped the run and is no schema's own. */
async function migrateTenants(migrator: Migrator, turn: TenantTurn): Promise<SqlmigError | undefined> {
  const { found, options, summary, digests } = turn;
  const { settings } = migrator;
  if (summary.hasErrors) {
    const error = settings.signal.aborted ? interrupted() : publicFailed();
    summary.add(found.tenants.map((target) => leftOut(migrator, target, error)));
    return;
  }
  if (options.select.kind === 'public') return;
  if (settings.rehearse && found.tenantsUnknown !== null) {
    const message = `tenants are not known until public is applied: ${found.tenantsUnknown}`;
    settings.emit({ type: 'warning', message });
    return;
  }
  try {
    await migrateListed(migrator, turn);
    await confirmAll(migrator, summary);
    await digests.keep(summary.outcomes);
    return;
  } catch (error) {
    // What was done is done: it must be reported, whatever stands in the way of the rest.
    if (!(error instanceof SqlmigError)) throw error;
    return settings.signal.aborted ? interrupted() : error;
  }
}

/** Migrates the tenants of the list, canaries first, and lists again until there are no newcomers. */
async function migrateListed(migrator: Migrator, { found, options, summary }: TenantTurn): Promise<void> {
  const { rehearse } = migrator.settings;
  const { select } = options;
  // Another run may have applied public while this one waited: then the list is new as well.
  const relists = !rehearse && (summary.hasApplied || found.tenantsUnknown !== null);
  const listed = relists ? await relistTenants(migrator, select, []) : [...found.tenants];
  const canaries = canariesOf(listed, options.canary);
  const limits = { stopRule: stopRule(listed.length, options), canaries };
  const phase = openTenantPhase(migrator, { shared: found.public, limits });
  for (let targets: readonly Target[] = listed; ; ) {
    summary.add(await phase.migrate(targets));
    if (select.kind !== 'all' || rehearse || summary.hasLeftOut) return;
    targets = await relistTenants(migrator, select, listed);
    if (targets.length === 0) return;
    listed.push(...targets);
  }
}

/** Makes sure that what was committed is on disk; what a crash of the server took back is applied again. */
async function confirmAll(migrator: Migrator, summary: Summary): Promise<void> {
  const { emit } = migrator.settings;
  for (;;) {
    const lost = await confirm(migrator, summary.outcomes);
    if (lost.length === 0) break;
    emit({ type: 'warning', message: `the server crashed; ${lost.length} tenants are migrated once more` });
    summary.add(await openTenantPhase(migrator, { shared: null }).migrate(lost));
  }
  summary.confirm();
}

function leftOut({ run, source }: Migrator, target: Target, error: SqlmigError): SchemaOutcome {
  const basis = basisOf(source, 'tenant');
  return withError(target, 'skipped', error, { runId: run.runId, database: run.database, basis });
}

function publicFailed(): SqlmigError {
  return new SqlmigError('public-failed', 'not started: public failed, and it comes first', {
    hint: 'correct what is wrong in public and run sqlmig up again',
  });
}
