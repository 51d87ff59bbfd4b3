import type { FileCost, TakenLock, UnrehearsedFile } from '../cost-results.ts';
import { type SqlmigError, troubleCodes } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import { canonicalVersion, newestVersion } from '../project/version.ts';
import type { AppliedMigration, ErrorDetails, SchemaOutcome, UndoneSchema } from '../results.ts';
import type { Migration } from '../sql/migration.ts';
import type { PlanBasis } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { atVersion, unmanagedHint, unmanagedKindHint } from '../text/unmanaged.ts';
import { unrehearsedFrom } from './unrehearsed.ts';

/** The run and database that outcomes belong to. */
export interface OutcomeContext {
  readonly runId: string;
  readonly database: string;
  readonly basis: PlanBasis;
}

/**
 * Identifies a schema among the outcomes of a run. A name that cannot be a tenant's may equal that of public or of a
 * tenant: the tenant list can return `public`, and both NULL and the text `NULL`.
 */
export function outcomeKey({
  scope,
  schema,
  error,
}: Pick<SchemaOutcome, 'scope' | 'schema'> & { readonly error?: { readonly code: string } | null }): string {
  return `${isBadName(error) ? 'bad' : scope} ${schema}`;
}

/** True for the error of a name that cannot be a tenant's. */
export function isBadName(error: { readonly code: string } | null | undefined): boolean {
  return error?.code === 'bad-tenant-name';
}

/** What was done in a schema. */
export interface Done {
  readonly applied: readonly AppliedMigration[];
  /** Of a rehearsal. */
  readonly locks?: readonly TakenLock[];
  readonly costs?: readonly FileCost[];
  readonly unrehearsed?: readonly UnrehearsedFile[];
}

/** Why work in a schema ended before it was up to date. */
export interface Stop {
  readonly state: 'failed' | 'skipped';
  readonly error: SqlmigError;
  /** What a rehearsal measured before the error. */
  readonly costs?: readonly FileCost[];
}

/** True if a run has work in a schema: migrations to apply or to undo, or a listed tenant to create. */
export function hasWork({ plan, exists, scope, trouble }: Target): boolean {
  if (trouble !== null) return false;
  return plan.steps.length > 0 || (!exists && scope === 'tenant' && plan.undo === undefined);
}

/**
 * The outcome of a schema that is up to date: `applied` if this run applied anything, else `up-to-date`. Undoing counts
 * as applying (see `undoneSchema`). A rehearsal that ran none of the pending files has skipped the schema.
 */
export function finished(
  target: Target,
  context: OutcomeContext,
  { applied, locks, costs, unrehearsed }: Done = { applied: [] },
): SchemaOutcome {
  const before = recordedBy(target, context);
  const isChanged = before.length + applied.length > 0 || (!target.exists && hasWork(target));
  const unchanged = unrehearsed ? 'skipped' : 'up-to-date';
  const outcome: SchemaOutcome = {
    ...base(target, context),
    state: isChanged ? 'applied' : unchanged,
    version:
      context.basis.undo === undefined
        ? newestVersion([{ version: target.plan.version }, ...applied])
        : versionWithout(target, applied, context.basis),
    ...(target.isUnmanaged && applied.length === 0 && { unmanaged: true as const }),
    migrations: [...before, ...applied],
    ...(locks && { locks }),
    ...(costs && { costs }),
    ...(unrehearsed && { unrehearsed }),
  };
  const isPlan = before.length === 0 && applied.length === target.plan.steps.length;
  return isPlan && applied.length > fewMigrations ? compact(outcome, target.plan.steps) : outcome;
}

const fewMigrations = 10;

/** The same outcome in less memory: schemas with the same plan share its steps, and differ only in durations. */
function compact(outcome: SchemaOutcome, steps: readonly Migration[]): SchemaOutcome {
  const durations = Int32Array.from(outcome.migrations, ({ durationMs }) => durationMs);
  const migrations = () =>
    steps.map(({ version, name }, i) => ({ version, name, durationMs: durations[i] ?? 0 }));
  return Object.defineProperty(outcome, 'migrations', { enumerable: true, get: migrations });
}

/** The outcome of a schema in which a rehearsal runs no file; `why` is the reason for the first file. */
export function outcomeUnrehearsed(target: Target, why: string, context: OutcomeContext): SchemaOutcome {
  const { plan, isUnmanaged } = target;
  return {
    ...base(target, context),
    state: 'skipped',
    version: plan.version,
    ...(isUnmanaged && { unmanaged: true }),
    migrations: [],
    ...(plan.steps.length > 0 && { unrehearsed: unrehearsedFrom(plan.steps, why) }),
  };
}

/** The outcome of a schema that failed or was skipped; `target` is its current state. */
export function withError(
  target: Target,
  { state, error, costs }: Stop,
  context: OutcomeContext,
): SchemaOutcome {
  const isDuplicate = target.isUnmanaged && duplicates.test(error.details.sqlstate ?? '');
  const hint = isDuplicate && { hint: context.basis.ofKind ? unmanagedKindHint : unmanagedHint };
  return {
    ...base(target, context),
    state,
    version: target.plan.version,
    ...(target.isUnmanaged && { unmanaged: true }),
    migrations: recordedBy(target, context),
    ...(costs && { costs }),
    error: {
      ...detailsOf(error, target, { database: context.database, ofKind: context.basis.ofKind }),
      ...hint,
    },
  };
}

// duplicate_schema, _table, _column, _object and _function.
const duplicates = /^42(P06|P07|701|710|723)$/;

/** The outcome of a schema that was sent a message and could not be read again; `target` is its earlier state. */
export function outcomeUnknown(target: Target, error: SqlmigError, context: OutcomeContext): SchemaOutcome {
  const { schema, plan } = target;
  const details = {
    ...error.details,
    ...(error.code === 'interrupted' && {
      code: 'outcome-unknown',
      message: 'interrupted, and the database is not responding',
    }),
    schema,
    database: context.database,
    state: `the state of ${schema} is unknown; it was ${versionOf(target)} before`,
    hint: 'run sqlmig status once the database can be reached',
  };
  return { ...base(target, context), state: 'failed', version: plan.version, migrations: [], error: details };
}

/** An error's details with its schema and its current version. */
export function detailsOf(
  error: SqlmigError,
  target: Target,
  { database, ofKind = false }: { readonly database: string; readonly ofKind?: boolean | undefined },
): ErrorDetails {
  const { schema } = target;
  const now = versionState(target, ofKind);
  const state = [error.details.state, now].filter((part) => part != null).join('; ');
  return { ...error.details, schema, database, state };
}

/** The version of a schema, in words; `null` if it is unknown. */
function versionState(target: Target, ofKind: boolean): string | null {
  const { schema, exists, isUnmanaged, trouble, plan } = target;
  if (trouble !== null) return null;
  // The files of all tenants may have been applied.
  if (exists && ofKind && plan.version === null && !isUnmanaged)
    return `no file of the scope is applied to ${schema}`;
  return exists ? `${schema} is ${versionOf(target)}` : `${schema} does not exist`;
}

function versionOf({ isUnmanaged, plan: { version } }: Target): string {
  return atVersion({ version, unmanaged: isUnmanaged });
}

/** True for a failure of the files. A refusal is about one schema and predicts nothing for other tenants. */
export function countsAsFailure({ state, error }: SchemaOutcome): boolean {
  return state === 'failed' && !refusals.includes(error?.code);
}

const refusals: readonly (string | undefined)[] = [
  'down-missing',
  'down-changed',
  'checksum-changed',
  'out-of-order',
  'incomplete',
  'baseline-incomplete',
  ...troubleCodes,
];

/** True for a tenant that was dropped during the run and is no longer listed, which is no failure. */
export function isGone({ state, error }: SchemaOutcome): boolean {
  return state === 'skipped' && error?.code === 'schema-missing';
}

/** True for a schema in which a rehearsal ran none of the pending files. */
export function isNotRehearsed({
  state,
  error,
}: Pick<SchemaOutcome | UndoneSchema, 'state' | 'error'>): boolean {
  return state === 'skipped' && error === undefined;
}

/** The outcome of a tenant whose asynchronous commits could not be flushed at the end of the run. */
export function unconfirmed(outcome: SchemaOutcome): SchemaOutcome {
  const isOpen = outcome.scope === 'tenant' && outcome.migrations.length > 0;
  return isOpen ? { ...outcome, confirmed: false } : outcome;
}

function base({ schema, scope }: Target, { database }: OutcomeContext) {
  return { database, schema, scope };
}

/** The newest version that remains without these migrations. */
function versionWithout(
  { rows }: Target,
  undone: readonly AppliedMigration[],
  { files }: PlanBasis,
): string | null {
  const gone = new Set(undone.map(historyKey));
  const newest = newestVersion(rows.filter((row) => row.state === 'applied' && !gone.has(historyKey(row))));
  return (
    files.find(({ version }) => version !== null && newest === canonicalVersion(version))?.version ?? newest
  );
}

function recordedBy({ schema, rows }: Target, { runId, basis }: OutcomeContext): AppliedMigration[] {
  if (basis.undo !== undefined) {
    const left = new Set(rows.map(historyKey));
    return (basis.undo.attempted.get(schema) ?? []).filter((migration) => !left.has(historyKey(migration)));
  }
  const applied = rows.filter((row) => row.runId === runId && row.state === 'applied');
  const ours = new Map(applied.map((row) => [historyKey(row), row]));
  return basis.files.flatMap((file) => {
    const row = ours.get(historyKey(file));
    return row === undefined ? [] : [{ version: file.version, name: file.name, durationMs: row.durationMs }];
  });
}
