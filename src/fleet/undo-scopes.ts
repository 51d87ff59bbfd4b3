import { stopRule } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { SchemaOutcome, ScopeName } from '../results.ts';
import { basisOf } from '../state/plan-source.ts';
import { namedScope, tenantScope } from '../state/scope-names.ts';
import type { Target } from '../state/target.ts';
import { tenantCount } from '../text/tenant-count.ts';
import { endedBy, failuresLeft, reasonToStop } from './between-scopes.ts';
import { laterNotUndone } from './down-errors.ts';
import type { DownOptions } from './down-options.ts';
import type { DownScope } from './down-plan.ts';
import { confirmAll, migrateAndRelist, notStarted } from './migrate-tenants.ts';
import type { Migrator } from './migrator.ts';
import { hasWork, isGone, outcomeUnrehearsed } from './outcome.ts';
import { openTenantPhase } from './phase.ts';
import { interrupted, schemaRefusal } from './schema-errors.ts';
import { createSummary, type Summary } from './summary.ts';
import { relistTenants } from './tenant-list.ts';

/** A scope in a run of `down`, with its migrator. */
export interface UndoScope extends DownScope {
  readonly migrator: Migrator;
}

/**
 * Undoes the tenants of each scope, in this order, and adds their outcomes. In a tenant where files of an earlier scope are
 * still applied, it undoes nothing: they may depend on the files of this scope. Returns the error that stopped the run, if
 * it is not the error of a schema.
 */
export async function undoScopes(
  scopes: readonly UndoScope[],
  options: DownOptions,
  summary: Summary,
): Promise<SqlmigError | undefined> {
  let error: SqlmigError | undefined;
  for (const [i, scope] of scopes.entries()) {
    const { migrator, tenants } = scope;
    const stop = stopBefore(scope, { error, options, summary });
    const turn: UndoTurn =
      stop === null
        ? await undoScope(scope, {
            earlier: scopes.slice(0, i),
            isLone: scopes.length === 1,
            options,
            summary,
          })
        : { outcomes: tenants.map((target) => notStarted(migrator, target, stop)), error };
    summary.add(turn.outcomes.map((outcome) => namedScope(outcome, migrator.run.config)));
    error = turn.error;
  }
  return error;
}

function stopBefore(
  { migrator: { settings }, tenants }: UndoScope,
  {
    error,
    options,
    summary,
  }: {
    readonly error: SqlmigError | undefined;
    readonly options: DownOptions;
    readonly summary: Summary;
  },
): SqlmigError | null {
  if (error !== undefined) return endedBy(error, 'correct what failed and run sqlmig down again');
  return reasonToStop({ settings, size: tenants.length, options, isLogged: false }, summary.outcomes);
}

/** The outcomes of the tenants of a scope, and the error that stopped it. */
interface UndoTurn {
  readonly outcomes: readonly SchemaOutcome[];
  readonly error: SqlmigError | undefined;
}

/** What precedes the tenants of a scope. */
interface Before {
  readonly earlier: readonly UndoScope[];
  /** The config has no other scope. */
  readonly isLone: boolean;
  readonly options: DownOptions;
  readonly summary: Summary;
}

async function undoScope(scope: UndoScope, before: Before): Promise<UndoTurn> {
  const { migrator, select } = scope;
  const { run, settings } = migrator;
  const { isLone, options } = before;
  const summary = createSummary({ ...settings, undoes: true });
  const result = (error?: SqlmigError): UndoTurn => ({
    outcomes: summary.result(run.runId, error).schemas,
    error,
  });
  try {
    const blocked = await stillApplied(before);
    // A rehearsal has no other chance to report a refusal.
    const isRefused = (target: Target) => settings.rehearse && schemaRefusal(target) !== null;
    const isBlocked = (target: Target) => hasWork(target) && blocked.has(target.schema) && !isRefused(target);
    const ready = scope.tenants.filter((target) => !isBlocked(target));
    summary.add(blockedOutcomes(scope, scope.tenants.filter(isBlocked), blocked));
    const size = ready.length;
    const maxFailures = failuresLeft(size, options, before.summary.outcomes);
    const rules = { stopRule: stopRule(size, { maxFailures }) };
    const phase = openTenantPhase(migrator, { shared: null, rules });
    // A number of steps counts the migrations that were shown, so no tenants are added. With several scopes, a tenant added
    // now may still have files of a scope that is done.
    if (options.steps !== undefined || !isLone) summary.add(await phase.migrate(ready));
    else await migrateAndRelist(migrator, phase, { listed: [...ready], select, summary });
    await confirmAll(migrator, summary);
    return result();
  } catch (error) {
    // The outcomes so far must be reported in any case.
    if (!(error instanceof SqlmigError)) throw error;
    return result(settings.signal.aborted ? interrupted() : error);
  }
}

/** The tenants in which this run should have undone files of an earlier scope and did not, each with such a scope. */
async function stillApplied({ earlier, options, summary }: Before): Promise<ReadonlyMap<string, ScopeName>> {
  const blocked = new Map<string, ScopeName>();
  for (const scope of earlier) {
    const name = tenantScope(scope.migrator.run.config);
    for (const target of await openIn(scope, options)) blocked.set(target.schema, name);
    for (const outcome of summary.outcomes)
      if (outcome.scope === name && outcome.error !== undefined && !isGone(outcome))
        blocked.set(outcome.schema, name);
  }
  return blocked;
}

/** The tenants of a scope with something to undo: in a rehearsal as it was found, else now. */
async function openIn(
  { migrator, select, tenants }: UndoScope,
  { steps }: DownOptions,
): Promise<readonly Target[]> {
  if (migrator.settings.rehearse) return tenants.filter(isOpen);
  return steps === undefined ? (await relistTenants(migrator, select, [])).filter(isOpen) : [];
}

/** True if a schema has migrations to undo, even if they cannot be undone. */
export function isOpen(target: Target): boolean {
  return hasWork(target) || target.plan.refusal !== null;
}

/** The outcomes of tenants that wait for another scope. They are not errors in a rehearsal, which undoes nothing. */
function blockedOutcomes(
  { migrator, source }: UndoScope,
  targets: readonly Target[],
  blocked: ReadonlyMap<string, ScopeName>,
): SchemaOutcome[] {
  const { settings, run } = migrator;
  if (!settings.rehearse)
    return targets.map((target) =>
      notStarted(migrator, target, laterNotUndone(blocked.get(target.schema) ?? '')),
    );
  if (targets.length > 0) {
    const who = tenantCount(targets.length);
    const message = `files of scope ${tenantScope(run.config)} are not rehearsed in ${who}, where files of other scopes are undone before them`;
    settings.emit({ type: 'warning', message });
  }
  const context = { runId: run.runId, database: run.database, basis: basisOf(source, 'tenant') };
  const why = 'files of other scopes are undone before it';
  return targets.map((target) => outcomeUnrehearsed(target, why, context));
}
