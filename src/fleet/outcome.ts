import { SqlmigError, sqlstates, troubleCodes, withMessage } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import { newestVersion } from '../project/version.ts';
import type { AppliedMigration, ErrorDetails, SchemaOutcome, TakenLock } from '../results.ts';
import { type Blocker, describeBlockers } from '../server/blockers.ts';
import type { Migration } from '../sql/migration.ts';
import type { PlanBasis } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { repairCommandLine } from '../text/command-line.ts';
import { unmanagedHint } from '../text/unmanaged.ts';

/** The run and database that outcomes belong to. */
export interface OutcomeContext {
  readonly runId: string;
  readonly database: string;
  readonly basis: PlanBasis;
}

/** True when `up` has something to do in a schema: migrations, or a listed tenant to create. */
export function hasWork({ plan, exists, scope, trouble }: Target): boolean {
  if (trouble !== null) return false;
  return plan.steps.length > 0 || (!exists && scope === 'tenant');
}

/** The outcome of a schema that is as it should be: `applied` if this run applied anything, else `up-to-date`. */
export function finished(
  target: Target,
  applied: readonly AppliedMigration[],
  context: OutcomeContext,
  locks?: readonly TakenLock[],
): SchemaOutcome {
  const before = recordedBy(target, context);
  const created = !target.exists && hasWork(target);
  const outcome: SchemaOutcome = {
    ...base(target, context),
    state: before.length + applied.length > 0 || created ? 'applied' : 'up-to-date',
    version: newestVersion([{ version: target.plan.version }, ...applied]),
    migrations: [...before, ...applied],
    ...(locks && { locks }),
  };
  const isPlan = before.length === 0 && applied.length === target.plan.steps.length;
  return isPlan && applied.length > fewMigrations ? compact(outcome, target.plan.steps) : outcome;
}

const fewMigrations = 10;

/** The same outcome in less memory: schemas with one plan share its steps, and only the durations are their own. */
function compact(outcome: SchemaOutcome, steps: readonly Migration[]): SchemaOutcome {
  const durations = Int32Array.from(outcome.migrations, ({ durationMs }) => durationMs);
  const migrations = () =>
    steps.map(({ version, name }, i) => ({ version, name, durationMs: durations[i] ?? 0 }));
  return Object.defineProperty(outcome, 'migrations', { enumerable: true, get: migrations });
}

/** The outcome of a schema that failed or was left out; `target` is as it is now. */
export function withError(
  target: Target,
  state: 'failed' | 'skipped',
  error: SqlmigError,
  context: OutcomeContext,
): SchemaOutcome {
  const details = detailsOf(error, target, context.database);
  return {
    ...base(target, context),
    state,
    version: target.plan.version,
    ...(target.isUnmanaged && { unmanaged: true }),
    migrations: recordedBy(target, context),
    error: details,
  };
}

/** The outcome of a schema that was sent something, and could not be looked at again; `target` is as it was before. */
export function unknown(target: Target, error: SqlmigError, context: OutcomeContext): SchemaOutcome {
  const { schema, plan } = target;
  const details = {
    ...error.details,
    ...(error.code === 'interrupted' && {
      code: 'outcome-unknown',
      message: 'interrupted, and the database does not answer',
    }),
    schema,
    database: context.database,
    state: `what became of ${schema} is not known; it was ${placeOf(target)} before`,
    hint: 'sqlmig status tells once the database can be reached',
  };
  return { ...base(target, context), state: 'failed', version: plan.version, migrations: [], error: details };
}

/** An error's details with the schema it is about and where that stands now. */
export function detailsOf(error: SqlmigError, target: Target, database: string): ErrorDetails {
  const { schema, isUnmanaged } = target;
  const state = [error.details.state, standingOf(target)].filter((part) => part != null).join('; ');
  const hint = isUnmanaged && duplicates.test(error.details.sqlstate ?? '') && { hint: unmanagedHint };
  return { ...error.details, schema, database, state, ...hint };
}

// duplicate_schema, _table, _column, _object and _function.
const duplicates = /^42(P06|P07|701|710|723)$/;

/** Where a schema stands, in words; `null` where it is not known. */
function standingOf(target: Target): string | null {
  const { schema, exists, trouble } = target;
  if (trouble !== null) return null;
  return exists ? `${schema} is ${placeOf(target)}` : `${schema} does not exist`;
}

function placeOf({ isUnmanaged, plan: { version } }: Target): string {
  if (version !== null) return `at ${version}`;
  return isUnmanaged ? 'not managed yet' : 'empty';
}

/** True for a failure of the files: a refusal says nothing about what other tenants would get. */
export function countsAsFailure({ state, error }: SchemaOutcome): boolean {
  return state === 'failed' && !refusals.includes(error?.code);
}

const refusals: readonly (string | undefined)[] = [
  'checksum-changed',
  'out-of-order',
  'incomplete',
  'baseline-incomplete',
  ...troubleCodes,
];

/** True for a tenant that was dropped during the run and is no longer listed: nothing is wrong with it. */
export function isGone({ state, error }: SchemaOutcome): boolean {
  return state === 'skipped' && error?.code === 'schema-missing';
}

/** Why `up` must not touch a schema, or `null`. */
export function refusalOf({ schema, plan, trouble }: Target): SqlmigError | null {
  if (trouble !== null) return trouble;
  const { refusal } = plan;
  if (refusal === null) return null;
  const extra = { schema, file: refusal.file, state: 'not touched' };
  switch (refusal.kind) {
    case 'checksum-changed':
      return new SqlmigError('checksum-changed', refusal.message, {
        ...extra,
        hint: 'put the file back as it was and write a new migration; --ignore-changed goes on regardless',
      });
    case 'out-of-order':
      return new SqlmigError('out-of-order', refusal.message, {
        ...extra,
        hint: 'give the file a higher version, or allow it with --out-of-order',
      });
    case 'baseline-incomplete':
      return new SqlmigError('baseline-incomplete', refusal.message, {
        ...extra,
        hint: 'finish with the release that still has the replaced files, then run this one',
      });
    default:
      return new SqlmigError('incomplete', refusal.message, {
        ...extra,
        hint: `settle it with: ${repairCommandLine(schema, refusal, '--resume')}`,
      });
  }
}

function base({ schema, scope }: Target, { database }: OutcomeContext) {
  return { database, schema, scope };
}

function recordedBy({ rows }: Target, { runId, basis }: OutcomeContext): AppliedMigration[] {
  const applied = rows.filter((row) => row.runId === runId && row.state === 'applied');
  const ours = new Map(applied.map((row) => [historyKey(row), row]));
  return basis.files.flatMap((file) => {
    const row = ours.get(historyKey(file));
    return row === undefined ? [] : [{ version: file.version, name: file.name, durationMs: row.durationMs }];
  });
}

/** The outcome of a tenant whose commits did not wait for the disk, in a run that could not flush them at its end. */
export function unconfirmed(outcome: SchemaOutcome): SchemaOutcome {
  const isOpen = outcome.scope === 'tenant' && outcome.migrations.length > 0;
  return isOpen ? { ...outcome, confirmed: false } : outcome;
}

/** What kept a run from flushing what it had committed to `tenants`, as its error. */
export function notConfirmed(error: SqlmigError, tenants: number): SqlmigError {
  const { message, details } = error;
  const who = tenants === 1 ? '1 tenant is' : `${tenants} tenants are`;
  return new SqlmigError(error.code, message, {
    sqlstate: details.sqlstate,
    state: `${who} not confirmed: the server may have lost what was committed there`,
    hint: 'once the server is back, run sqlmig up again: it applies what was lost, and finds the rest up to date',
    cause: error,
  });
}

/** The error of a schema that an interrupted run left out, rolled back, or left within a migration with this error. */
export function interrupted(left?: SqlmigError): SqlmigError {
  const { file, statement, statements, state, hint = 'run sqlmig up again to go on' } = left?.details ?? {};
  const at = { file, statement, statements, state };
  return new SqlmigError('interrupted', 'the run was interrupted', { ...at, hint });
}

/** The error of a schema whose turn never came. */
export function stopped(failures: number): SqlmigError {
  return new SqlmigError('stopped', `not started: ${failures} failed before its turn`, {
    hint: '--max-failures lets a run go on after failures',
  });
}

/** The error of a schema that waited for canaries of which these failed. */
export function canaryFailed(canaries: readonly string[]): SqlmigError {
  const more = canaries.length > 5 ? ` and ${canaries.length - 5} more` : '';
  const who = `${canaries.length === 1 ? 'canary' : 'canaries'} ${canaries.slice(0, 5).join(', ')}${more}`;
  return new SqlmigError('stopped', `not started: ${who} failed`, {
    hint: 'correct what failed in the canary and run sqlmig up again',
  });
}

/** The error of a schema that was dropped or renamed under a run; `listed`: the tenant list still has it. */
export function gone(listed: boolean): SqlmigError {
  const what = 'the schema is gone: it was dropped or renamed during the run';
  return listed
    ? new SqlmigError('schema-missing', `${what}, and the tenant list still has it`, {
        hint: 'take it off the list, or create it again with: sqlmig tenant create',
      })
    : new SqlmigError('schema-missing', `${what}, and the tenant list no longer has it`, {});
}

/** The error of a schema whose history disappeared under a run. */
export function historyMissing(): SqlmigError {
  return new SqlmigError('history-missing', 'the history table disappeared while the run went on', {
    state: 'nothing is applied again',
    hint: 'find out who dropped or renamed it, and put it back',
  });
}

/** The error of a file that never got a lock, with whoever was seen to hold it. */
export function blocked(error: SqlmigError, blockers: readonly Blocker[]): SqlmigError {
  if (error.details.sqlstate !== sqlstates.lockNotAvailable || blockers.length === 0) return error;
  return withMessage(error, `${error.message}: ${describeBlockers(blockers)} is in the way`);
}

/** The error of a schema that others held for too long. */
export function gaveUp(waitedMs: number, holders: string): SqlmigError {
  return new SqlmigError(
    'lock-timeout',
    `gave up after ${Math.round(waitedMs / 1000)} s without progress: ${holders}`,
    {
      state: 'not touched',
      hint: 'wait for the other run, or end its backend; --wait-for-lock sets how long to wait',
    },
  );
}
