import { stopRule } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { Selection } from '../project/selection.ts';
import type { SchemaOutcome } from '../results.ts';
import type { FleetState } from '../state/fleet-state.ts';
import { basisOf } from '../state/plan-source.ts';
import { tenantScope } from '../state/scope-names.ts';
import type { Target } from '../state/target.ts';
import { tenantCount } from '../text/tenant-count.ts';
import { canariesOf } from './canaries.ts';
import { canaryChecker } from './canary-check.ts';
import { confirm } from './confirm.ts';
import type { Digests } from './digests.ts';
import type { Migrator } from './migrator.ts';
import { finished, hasWork, isBadName, type Stop, withError } from './outcome.ts';
import { openTenantPhase, type TenantPhase } from './phase.ts';
import { takeSample } from './sample.ts';
import { interrupted, publicFailed } from './schema-errors.ts';
import type { Summary } from './summary.ts';
import { relistTenants } from './tenant-list.ts';
import type { UpOptions } from './up-options.ts';

/** The tenants of a run, and the collector of its outcomes. */
export interface TenantTurn {
  readonly found: FleetState;
  readonly options: UpOptions;
  /** The selected schemas: those of `options`, or with `onlyFailed` the ones that failed. */
  readonly select: Selection;
  readonly summary: Summary;
  readonly digests: Digests;
}

/**
 * Migrates the selected tenants and those that are added during the run, and makes their commits durable. Returns the
 * error that stopped the run, if it is not the error of a schema.
 */
export async function migrateTenants(migrator: Migrator, turn: TenantTurn): Promise<SqlmigError | undefined> {
  const { found, select, summary, digests } = turn;
  const { settings } = migrator;
  if (summary.hasErrors) {
    const error = settings.signal.aborted ? interrupted() : publicFailed();
    summary.add(found.tenants.map((target) => notStarted(migrator, target, error)));
    return;
  }
  if (select.kind === 'public') return;
  if (settings.rehearse && found.tenantsUnknown !== null) {
    const { scope } = migrator.run.config;
    const message = `tenants${scope === null ? '' : ` of scope ${scope.name}`} are not known until public is applied: ${found.tenantsUnknown}`;
    settings.emit({ type: 'warning', message });
    return;
  }
  try {
    const failure = await migrateListed(migrator, turn);
    await confirmAll(migrator, summary);
    await digests.keep(summary.outcomes);
    if (failure === null) return;
    return settings.signal.aborted ? interrupted() : failure;
  } catch (error) {
    // The outcomes so far must be reported in any case.
    if (!(error instanceof SqlmigError)) throw error;
    return settings.signal.aborted ? interrupted() : error;
  }
}

/**
 * Migrates the listed tenants, canaries first, and lists again until there are no new ones. Returns why the check of the
 * canaries failed.
 */
async function migrateListed(
  migrator: Migrator,
  { found, options, select, summary }: TenantTurn,
): Promise<SqlmigError | null> {
  const { rehearse } = migrator.settings;
  // Another run may have applied public while this one waited; then the list has changed as well.
  const relists = !rehearse && (summary.hasApplied || found.tenantsUnknown !== null);
  const all = relists ? await relistTenants(migrator, select, []) : [...found.tenants];
  const listed = options.sample === undefined ? all : await sampled(migrator, all, { options, summary });
  const chosen = canariesOf(all, options.canary);
  const canaries = new Set(listed.flatMap(({ schema }) => (chosen.has(schema) ? [schema] : [])));
  const rules = {
    stopRule: stopRule(listed.length, options),
    canaries,
    checkCanaries: rehearse ? undefined : canaryChecker(options, migrator.context),
  };
  const phase = openTenantPhase(migrator, { shared: found.public, rules });
  await migrateAndRelist(migrator, phase, { listed, select, summary });
  return phase.checkFailure;
}

/** The tenants of the sample, and those without work. */
async function sampled(
  { run, settings }: Migrator,
  tenants: readonly Target[],
  { options: { sample: most = 1 }, summary }: Pick<TenantTurn, 'options' | 'summary'>,
): Promise<Target[]> {
  const { emit } = settings;
  const sample = await run.read((session) => takeSample(session, { tenants, most, emit }));
  summary.addSample(tenantScope(run.config), sample);
  return [...sample.targets];
}

/** Migrates listed tenants; if all are selected, lists again until there are no new ones. */
export async function migrateAndRelist(
  migrator: Migrator,
  phase: TenantPhase,
  {
    listed,
    select,
    summary,
  }: { readonly listed: Target[]; readonly select: Selection; readonly summary: Summary },
): Promise<void> {
  for (let targets: readonly Target[] = listed; ; ) {
    summary.add(await phase.migrate(targets));
    if (select.kind !== 'all' || migrator.settings.rehearse || summary.hasLeftOut) return;
    targets = await relistTenants(migrator, select, listed);
    if (targets.length === 0) return;
    listed.push(...targets);
  }
}

/** Makes commits durable. Repeats the work that a crash of the server has lost. */
export async function confirmAll(migrator: Migrator, summary: Summary): Promise<void> {
  const { emit } = migrator.settings;
  for (;;) {
    const lost = await confirm(migrator, summary.outcomes);
    if (lost.length === 0) break;
    emit({
      type: 'warning',
      message: `the server crashed; migrating ${tenantCount(lost.length)} again`,
    });
    summary.add(await openTenantPhase(migrator, { shared: null }).migrate(lost));
  }
  summary.confirm();
}

/** The outcome of a tenant that was not started because of this error elsewhere. A tenant without work is up to date. */
export function notStarted({ run, source }: Migrator, target: Target, error: SqlmigError): SchemaOutcome {
  const context = { runId: run.runId, database: run.database, basis: basisOf(source, 'tenant') };
  const { trouble, plan } = target;
  if (trouble === null && plan.refusal === null && !hasWork(target)) return finished(target, context);
  // A bad name fails whatever happens to public.
  const stop: Stop =
    trouble !== null && isBadName(trouble)
      ? { state: 'failed', error: trouble }
      : { state: 'skipped', error };
  return withError(target, stop, context);
}
