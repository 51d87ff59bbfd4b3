import { SqlmigError, sqlstates } from '../errors.ts';
import type { OnEvent, RunEvent } from '../events.ts';
import type { ScopeFiles } from '../project/migrations.ts';
import { checkValue, yesOrNo } from '../project/option.ts';
import type { Scopes } from '../project/scope-view.ts';
import { everySchema } from '../project/selection.ts';
import type { DownPlan, DownResult, SchemaOutcome } from '../results.ts';
import type { RunGroup } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings } from '../run/run-options.ts';
import { basisOf } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { tenantsFailed } from './down-errors.ts';
import type { DownOptions } from './down-options.ts';
import { type DownTargets, downPlan, downTargets, readDownTargets, stepsOf } from './down-plan.ts';
import { migratorOfKind } from './kinds.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { hasWork, type OutcomeContext, outcomeUnrehearsed, withError } from './outcome.ts';
import { migratePublic } from './phase.ts';
import { createRunRecord } from './run-record.ts';
import { interrupted } from './schema-errors.ts';
import { createSummary, type Summary } from './summary.ts';
import { relistTenants } from './tenant-list.ts';
import { isOpen, type UndoScope, undoScopes } from './undo-scopes.ts';
import { undoSources } from './undo-source.ts';
import { undoneEvent, undoneResult } from './undone.ts';

/** The schemas of a run of `down`, its options, and the collector of its outcomes. */
interface DownTurn {
  readonly targets: DownTargets;
  readonly options: DownOptions;
  readonly summary: Summary;
}

/** Undoes migrations of the selected tenants of all scopes, then of public, in a run of its own. */
export async function undoFleet(
  files: Scopes<ScopeFiles>,
  options: DownOptions & RunGroup,
): Promise<DownResult> {
  const [{ config, migrations }] = files;
  const { to: _, steps: __, ...rest } = options;
  const settings = migrateSettings(rest, config);
  const sources = undoSources(files, { plan: settings.plan, limit: options });
  const summary = createSummary({ ...settings, undoes: true });
  // Each scope confirms its own commits.
  summary.confirm();
  const emit: OnEvent = (event) => {
    summary.hear(event);
    settings.emit(undoneEvent(event));
  };
  return withRun(config, { ...settings, emit }, async (run) => {
    const migrator = createMigrator({ run, source: sources[0], settings: { ...settings, emit } });
    const { database, host } = run.server;
    emit({ type: 'run-started', runId: run.runId, database, host });
    const targets = await readDownTargets(run, sources, options);
    const scopes = targets.scopes.map((scope): UndoScope => {
      const isKind = scope.source.config.scope !== null;
      return { ...scope, migrator: isKind ? migratorOfKind(migrator, scope.source) : migrator };
    });
    const all = downTargets(targets);
    for (const scope of scopes) await scope.migrator.scripts.parse(scope.tenants.flatMap(stepsOf));
    await migrator.scripts.parse(stepsOf(targets.shared));
    for (const message of migrations.strays) emit({ type: 'warning', message, files: true });
    for (const message of targets.warnings) emit({ type: 'warning', message });
    const isAccepted = !all.some(hasWork) || (await accepts(options, downPlan(targets, run)));
    const record = createRunRecord(migrator, 'down');
    if (isAccepted && all.some(hasWork)) await record.begin();
    const error = isAccepted ? await undo(migrator, scopes, { targets, options, summary }) : undefined;
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
async function undo(
  migrator: Migrator,
  scopes: readonly UndoScope[],
  turn: DownTurn,
): Promise<SqlmigError | undefined> {
  const { targets, options, summary } = turn;
  const { settings } = migrator;
  const stop = options.select.kind === 'public' ? undefined : await undoScopes(scopes, options, summary);
  if (targets.shared === null) return stop;
  if (stop !== undefined) {
    summary.add([skipped(migrator, targets.shared, stop)]);
    return stop;
  }
  try {
    summary.add(await undoPublic(migrator, scopes, { ...turn, shared: targets.shared }));
    return;
  } catch (error) {
    // The outcomes so far must be reported in any case.
    if (!(error instanceof SqlmigError)) throw error;
    const stop = settings.signal.aborted ? interrupted() : error;
    summary.add([skipped(migrator, targets.shared, stop)]);
    return stop;
  }
}

async function undoPublic(
  migrator: Migrator,
  scopes: readonly UndoScope[],
  { shared, options, summary }: Omit<DownTurn, 'targets'> & { readonly shared: Target },
): Promise<SchemaOutcome[]> {
  const { settings } = migrator;
  if (summary.hasErrors && isOpen(shared)) {
    const stop = settings.signal.aborted ? interrupted() : tenantsFailed();
    return [skipped(migrator, shared, stop)];
  }
  const ahead = isOpen(shared) && !settings.rehearse ? await migratedMeanwhile(scopes, options) : [];
  if (ahead.length > 0) return [skipped(migrator, shared, tenantsFailed(ahead))];
  if (settings.rehearse && scopes.some(({ tenants }) => tenants.some(hasWork)))
    return rehearsePublic(migrator, shared);
  return [await migratePublic(migrator, shared)];
}

/** Rehearses public after the tenants. If objects of tenants prevent that, it warns, and public is not rehearsed. */
async function rehearsePublic(migrator: Migrator, shared: Target): Promise<SchemaOutcome[]> {
  const { settings } = migrator;
  const events: RunEvent[] = [];
  const emit: OnEvent = (event) => void events.push(event);
  const outcome = await migratePublic({ ...migrator, settings: { ...settings, emit } }, shared);
  const isInUse = outcome.error?.sqlstate === sqlstates.dependentObjects;
  const why = 'the rehearsal of the tenants was rolled back, so their objects still depend on';
  const message = `${shared.schema} is not rehearsed: ${why} it`;
  for (const event of isInUse ? [{ type: 'warning', message } as const] : events) settings.emit(event);
  return [isInUse ? outcomeUnrehearsed(shared, `${why} public`, contextOf(migrator, shared)) : outcome];
}

/** The tenants that another run has migrated since they were undone; none if the limit is a number of steps. */
async function migratedMeanwhile(
  scopes: readonly UndoScope[],
  { select, steps }: DownOptions,
): Promise<string[]> {
  if (select.kind !== 'all' || steps !== undefined) return [];
  const open = new Set<string>();
  for (const { migrator } of scopes) {
    const now = await relistTenants(migrator, everySchema, []);
    for (const target of now.filter(isOpen)) open.add(target.schema);
  }
  return [...open];
}

function skipped(migrator: Migrator, target: Target, error: SqlmigError): SchemaOutcome {
  return withError(target, { state: 'skipped', error }, contextOf(migrator, target));
}

function contextOf({ run, source }: Migrator, { scope }: Target): OutcomeContext {
  return { runId: run.runId, database: run.database, basis: basisOf(source, scope) };
}
