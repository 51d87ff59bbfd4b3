import { stopRule } from '../decide/stop-rule.ts';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { OnEvent, RunEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import type { Migrations } from '../project/migrations.ts';
import { checkValue, yesOrNo } from '../project/option.ts';
import { everySchema } from '../project/selection.ts';
import type { DownPlan, DownResult, SchemaOutcome } from '../results.ts';
import type { Together } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings } from '../run/run-options.ts';
import { basisOf } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { tenantsFailed } from './down-errors.ts';
import type { DownOptions } from './down-options.ts';
import { type DownTargets, downPlan, readDownTargets } from './down-plan.ts';
import { confirmAll, migrateAndRelist } from './migrate-tenants.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { hasWork, withError } from './outcome.ts';
import { migratePublic, openTenantPhase } from './phase.ts';
import { createRunRecord } from './run-record.ts';
import { interrupted } from './schema-errors.ts';
import { createSummary, type Summary } from './summary.ts';
import { relistTenants } from './tenant-list.ts';
import { undoSource } from './undo-source.ts';
import { undoneEvent, undoneResult } from './undone.ts';

/** The schemas of a run of `down`, its options, and the collector of its outcomes. */
interface DownTurn {
  readonly targets: DownTargets;
  readonly options: DownOptions;
  readonly summary: Summary;
}

/** Undoes migrations of the selected tenants, then of public, in a run of its own. */
export async function undoFleet(
  config: Config,
  migrations: Migrations,
  options: DownOptions & Together,
): Promise<DownResult> {
  const { to: _, steps: __, ...rest } = options;
  const settings = migrateSettings(rest, config);
  const source = undoSource({ config, migrations, options: settings.plan }, options);
  const summary = createSummary({ ...settings, undoes: true });
  const emit: OnEvent = (event) => {
    summary.hear(event);
    settings.emit(undoneEvent(event));
  };
  return withRun(config, { ...settings, emit }, async (run) => {
    const migrator = createMigrator({ run, source, settings: { ...settings, emit } });
    const { database, host } = run.server;
    emit({ type: 'run-started', runId: run.runId, database, host });
    const targets = await readDownTargets(run, source, options);
    const { all, warnings } = targets;
    await migrator.scripts.parse(all.flatMap(({ plan }) => plan.steps));
    for (const message of [...migrations.strays, ...warnings]) emit({ type: 'warning', message });
    const isAccepted = !all.some(hasWork) || (await accepts(options, downPlan(targets, run)));
    const record = createRunRecord(migrator, 'down');
    if (isAccepted && all.some(hasWork)) await record.begin();
    const error = isAccepted ? await undo(migrator, { targets, options, summary }) : undefined;
    const outcome = summary.result(run.runId, error);
    if (isAccepted) await record.end(outcome);
    const undone = undoneResult(outcome);
    const result: DownResult = isAccepted ? undone : { ...undone, ok: false, declined: true };
    emit({ type: 'run-finished', result });
    return result;
  });
}

async function accepts({ accept }: DownOptions, plan: DownPlan): Promise<boolean> {
  if (accept === undefined) return true;
  const answer = await accept(plan);
  checkValue('the answer of accept', answer, yesOrNo);
  return answer;
}

/** Undoes tenants, then public. Returns the error that stopped the run, if it is not the error of a schema. */
async function undo(migrator: Migrator, turn: DownTurn): Promise<SqlmigError | undefined> {
  const { targets, options, summary } = turn;
  const { settings } = migrator;
  try {
    if (options.select.kind !== 'public') await undoTenants(migrator, turn);
    if (targets.shared !== null) summary.add(await undoPublic(migrator, targets.shared, turn));
    return;
  } catch (error) {
    // The outcomes so far must be reported in any case.
    if (!(error instanceof SqlmigError)) throw error;
    const stop = settings.signal.aborted ? interrupted() : error;
    if (targets.shared !== null && !summary.outcomes.some(({ scope }) => scope === 'public'))
      summary.add([skipped(migrator, targets.shared, stop)]);
    return stop;
  }
}

async function undoTenants(migrator: Migrator, { targets, options, summary }: DownTurn): Promise<void> {
  const listed = [...targets.tenants];
  const rules = { stopRule: stopRule(listed.length, options) };
  const phase = openTenantPhase(migrator, { shared: null, rules });
  // A number of steps counts the migrations that were shown, so no tenants are added.
  if (options.steps !== undefined) summary.add(await phase.migrate(listed));
  else await migrateAndRelist(migrator, phase, { listed, select: options.select, summary });
  await confirmAll(migrator, summary);
}

async function undoPublic(
  migrator: Migrator,
  shared: Target,
  { targets, options, summary }: DownTurn,
): Promise<SchemaOutcome[]> {
  const { settings } = migrator;
  const isOpen = hasWork(shared) || shared.plan.refusal !== null;
  if (summary.hasErrors && isOpen) {
    const stop = settings.signal.aborted ? interrupted() : tenantsFailed();
    return [skipped(migrator, shared, stop)];
  }
  const ahead = isOpen && !settings.rehearse ? await migratedMeanwhile(migrator, options) : [];
  if (ahead.length > 0) return [skipped(migrator, shared, tenantsFailed(ahead))];
  if (settings.rehearse && targets.tenants.some(hasWork)) return rehearsePublic(migrator, shared);
  return [await migratePublic(migrator, shared)];
}

/** Rehearses public after the tenants. If objects of tenants prevent that, it warns and returns no outcome. */
async function rehearsePublic(migrator: Migrator, shared: Target): Promise<SchemaOutcome[]> {
  const { settings } = migrator;
  const events: RunEvent[] = [];
  const emit: OnEvent = (event) => void events.push(event);
  const outcome = await migratePublic({ ...migrator, settings: { ...settings, emit } }, shared);
  const isInUse = outcome.error?.sqlstate === sqlstates.dependentObjects;
  const message = `${shared.schema} is not rehearsed: the rehearsal of the tenants was rolled back, so their objects still depend on it`;
  for (const event of isInUse ? [{ type: 'warning', message } as const] : events) settings.emit(event);
  return isInUse ? [] : [outcome];
}

/** The tenants that another run has migrated since they were undone; none if the limit is a number of steps. */
async function migratedMeanwhile(migrator: Migrator, { select, steps }: DownOptions): Promise<string[]> {
  if (select.kind !== 'all' || steps !== undefined) return [];
  const now = await relistTenants(migrator, everySchema, []);
  const isOpen = (target: Target) => hasWork(target) || target.plan.refusal !== null;
  return now.filter(isOpen).map(({ schema }) => schema);
}

function skipped({ run, source }: Migrator, target: Target, error: SqlmigError): SchemaOutcome {
  const context = { runId: run.runId, database: run.database, basis: basisOf(source, target.scope) };
  return withError(target, { state: 'skipped', error }, context);
}
