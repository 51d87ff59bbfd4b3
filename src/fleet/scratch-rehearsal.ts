import type { FileCost } from '../cost-results.ts';
import { SqlmigError, unitStates } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import { newestVersion } from '../project/version.ts';
import type { ErrorDetails, SchemaOutcome, Scope, ScopeName, UnrehearsedInScope } from '../results.ts';
import type { Migration } from '../sql/migration.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { tenantCount } from '../text/tenant-count.ts';
import type { LeftOutStatement } from '../verify-results.ts';
import type { MigrationRun, Migrator } from './migrator.ts';
import { outcomeKey } from './outcome.ts';
import { unrehearsedWarning } from './rehearsable.ts';
import { interrupted } from './schema-errors.ts';
import type { Summary } from './summary.ts';
import { unrehearsedFrom, unrehearsedIn } from './unrehearsed.ts';

/** What to run in a scratch database: all files of public, and of one tenant if `tenant` is not null. */
interface ScratchRequest {
  readonly tenant: string | null;
  /** The newest version that public and the tenant get. */
  readonly upTo: Readonly<Record<Scope, string>>;
}

/** What has run in a scratch database. */
interface ScratchResult {
  /** The milliseconds of each file that was applied, by scope and history key (see `scratchKey`). */
  readonly durations: ReadonlyMap<string, number>;
  /** What stopped it. */
  readonly error: ErrorDetails | null;
  readonly leftOut: readonly LeftOutStatement[];
}

/**
 * Runs files in a database of their own, without rows.
 * @throws SqlmigError if the server or the role does not allow that.
 */
export type ScratchRehearsal = (run: MigrationRun, request: ScratchRequest) => Promise<ScratchResult>;

/** Identifies a file in `ScratchResult.durations`. */
export function scratchKey(scope: ScopeName, migration: Parameters<typeof historyKey>[0]): string {
  return `${scope} ${historyKey(migration)}`;
}

/** A schema with files that the rehearsal left out, and why it left out the first. */
interface LeftOutSchema {
  readonly target: Target;
  readonly outcome: SchemaOutcome;
  readonly files: readonly Migration[];
  readonly why: string;
}

// Each database is built from all files. Few fleets need more than one.
const mostDatabases = 3;

/**
 * Rehearses the files that were left out in scratch databases, one for each newest version of tenants, and completes the
 * outcomes. Warns of files that cannot be rehearsed there either. Returns the error if it was interrupted.
 */
export async function rehearseLeftOut(
  migrator: Migrator,
  {
    found,
    summary,
    scratch,
  }: { readonly found: FleetState; readonly summary: Summary; readonly scratch: ScratchRehearsal },
): Promise<SqlmigError | undefined> {
  const left = leftOutIn(found, summary);
  const upToPublic = newestOf(found.public);
  for (const [index, group] of groupsOf(left).entries()) {
    const tenant = group.find(({ target }) => target.scope === 'tenant')?.target ?? null;
    const pending = [found.public, ...(tenant === null ? [] : [tenant])].flatMap(({ plan }) => plan.steps);
    const upTo = { public: upToPublic, tenant: tenant === null ? '0' : newestOf(tenant) };
    const run = () => scratch(migrator, { tenant: tenant?.schema ?? null, upTo });
    const error =
      index < mostDatabases
        ? await rehearseGroup(group, summary, { migrator, pending, run })
        : tooManyVersions();
    if (error?.code === 'interrupted') return interrupted();
    if (error !== null) {
      warn(migrator, group, error.message);
      summary.add(group.map((schema) => withReason(schema, error.message)));
    }
  }
  return;
}

function tooManyVersions(): Pick<ErrorDetails, 'code' | 'message'> {
  return {
    code: 'server-refused',
    message: `the tenants have more than ${mostDatabases} different versions`,
  };
}

function leftOutIn(found: FleetState, { outcomes }: Summary): LeftOutSchema[] {
  const outcomesByKey = new Map(outcomes.map((outcome) => [outcomeKey(outcome), outcome]));
  return allTargets(found).flatMap((target) => {
    const { scope, schema, trouble, plan } = target;
    const outcome = outcomesByKey.get(outcomeKey({ scope, schema, error: trouble }));
    if (outcome === undefined || outcome.error !== undefined) return [];
    const [first, ...rest] = outcome.unrehearsed ?? [];
    if (first === undefined) return [];
    const paths = new Set([first, ...rest].map(({ file }) => file));
    return [{ target, outcome, files: plan.steps.filter(({ file }) => paths.has(file)), why: first.why }];
  });
}

/** Groups by newest version. Public joins the first group, since each database has its files. */
function groupsOf(left: readonly LeftOutSchema[]): LeftOutSchema[][] {
  const groups = new Map<string, LeftOutSchema[]>();
  for (const tenant of left.filter(({ target }) => target.scope === 'tenant')) {
    const key = newestOf(tenant.target);
    groups.set(key, [...(groups.get(key) ?? []), tenant]);
  }
  const [first = [], ...rest] = [...groups.values()].sort((a, b) => b.length - a.length);
  const all = [[...left.filter(({ target }) => target.scope === 'public'), ...first], ...rest];
  return all.filter((group) => group.length > 0);
}

function newestOf({ plan }: Target): string {
  return newestVersion([{ version: plan.version }, ...plan.steps]) ?? '0';
}

interface GroupRun {
  readonly migrator: Migrator;
  /** The pending files of public and of the tenants, in the order in which they run. */
  readonly pending: readonly Migration[];
  readonly run: () => Promise<ScratchResult>;
}

/** Runs the files of a group. Returns why that was not possible, or `null`. */
async function rehearseGroup(
  group: readonly LeftOutSchema[],
  summary: Summary,
  { migrator, pending, run }: GroupRun,
): Promise<Pick<ErrorDetails, 'code' | 'message'> | null> {
  let result: ScratchResult;
  try {
    result = await run();
  } catch (error) {
    if (error instanceof SqlmigError) return error.details;
    throw error;
  }
  const { error, leftOut } = result;
  const otherCause = otherCauseOf(result, pending);
  const files = new Set(group.flatMap((schema) => schema.files.map(({ file }) => file)));
  if (error !== null && !files.has(error.file ?? ''))
    return { ...error, message: otherCause === null ? error.message : `${error.file}: ${otherCause}` };
  if (error !== null && otherCause !== null) {
    const message = `${error.file} and what follows it are not rehearsed: ${otherCause}`;
    migrator.settings.emit({ type: 'warning', message });
  }
  for (const { file, line, what } of leftOut.filter((statement) => files.has(statement.file))) {
    const message = `${file}:${line} is not rehearsed, because it is ${what} and would change more than its database`;
    migrator.settings.emit({ type: 'warning', message });
  }
  warnOfFailed(migrator, group, result);
  summary.add(group.map((schema) => withScratch(schema, { ...result, otherCause })));
  return null;
}

/**
 * Why the file that failed is not to blame: it would change more than its database, or a pending file has a statement before
 * that which was left out because it would. `null` if there is no such reason.
 */
function otherCauseOf({ error, leftOut }: ScratchResult, pending: readonly Migration[]): string | null {
  if (error === null) return null;
  const { file: failed, line = Number.POSITIVE_INFINITY, message } = error;
  if (isRefused(error)) return message;
  const placeOf = (file?: string) => pending.findIndex((migration) => migration.file === file);
  const missing = leftOut.find(
    (statement) =>
      placeOf(statement.file) !== -1 &&
      (statement.file === failed ? statement.line <= line : placeOf(statement.file) < placeOf(failed)),
  );
  return missing === undefined
    ? null
    : `it fails without the statement at ${missing.file}:${missing.line} (${message})`;
}

/** Warns of files that failed in tenants: without rows they may succeed. */
function warnOfFailed(
  { scripts, settings }: Migrator,
  group: readonly LeftOutSchema[],
  { durations }: ScratchResult,
) {
  const ran = group.filter(({ target, files: [first] }) => {
    if (first === undefined || !durations.has(scratchKey(target.scope, first))) return false;
    return scripts.all.get(first)?.nonTransactional === null;
  });
  for (const { file, schemas, why } of firstOf(ran)) {
    const message = `${file} and what follows it are rehearsed only in a temporary database, for ${tenantCount(schemas)}: ${why}`;
    settings.emit({ type: 'warning', message });
  }
}

/** The outcome of a schema, with the reason why its other files were not rehearsed either. */
function withReason({ outcome, files, why }: LeftOutSchema, reason: string): SchemaOutcome {
  return { ...outcome, unrehearsed: unrehearsedFrom(files, `${why}, and ${reason}`) };
}

/** The outcome of a schema, completed with its rehearsal in a scratch database. */
function withScratch(
  { target, outcome, files, why }: LeftOutSchema,
  { durations, error, otherCause }: ScratchResult & { readonly otherCause: string | null },
): SchemaOutcome {
  const ran = files.flatMap(({ version, name, file }) => {
    const durationMs = durations.get(scratchKey(target.scope, { version, name }));
    return durationMs === undefined ? [] : [{ version, name, file, durationMs }];
  });
  const { schema, database, unrehearsed: _, ...before } = outcome;
  const failed =
    error !== null && otherCause === null && files.some(({ file }) => file === error.file) ? error : null;
  const ranFiles = new Set(ran.map(({ file }) => file));
  const left = failed === null ? files.filter(({ file }) => !ranFiles.has(file)) : [];
  const isApplied = outcome.state === 'applied' || ran.length > 0;
  const ranState = isApplied ? 'applied' : 'skipped';
  return {
    ...before,
    schema,
    database,
    state: failed === null ? ranState : 'failed',
    version: newestVersion([{ version: outcome.version }, ...ran]),
    migrations: [...outcome.migrations, ...ran.map(({ file: _, ...migration }) => migration)],
    costs: [...(outcome.costs ?? []), ...ran.map(costInScratch)],
    ...(left.length > 0 && { unrehearsed: unrehearsedFrom(left, whyLeft(left, error, otherCause) ?? why) }),
    ...(failed && { error: { ...failed, schema, database, ...scratchDetails } }),
  };
}

/** Why a temporary database did not get to the first of these files; `undefined` if nothing stopped it. */
function whyLeft(
  [first]: readonly Migration[],
  error: ErrorDetails | null,
  otherCause: string | null,
): string | undefined {
  if (error?.file === undefined) return;
  const message = otherCause ?? error.message;
  return error.file === first?.file ? message : `${error.file}: ${message}`;
}

function isRefused(error: ErrorDetails): boolean {
  return error.sqlstate === unitStates.beyondDatabase;
}

const scratchDetails = {
  state: 'rolled back; it ran in a temporary database with the structure that the files build',
  hint: 'correct the file and rehearse again',
};

function costInScratch(file: Pick<FileCost, 'version' | 'name' | 'file' | 'durationMs'>): FileCost {
  return { ...file, locks: [], rewritten: [], indexes: [], rows: null, outside: [], scratch: true };
}

function warn({ settings }: Migrator, group: readonly LeftOutSchema[], reason: string): void {
  const schemas = group.map((schema) => ({ ...schema, outcome: withReason(schema, reason) }));
  for (const first of firstOf(schemas))
    settings.emit({ type: 'warning', message: unrehearsedWarning(first) });
}

/** The first file left out of each schema, with the number of schemas. */
function firstOf(group: readonly LeftOutSchema[]): UnrehearsedInScope[] {
  return unrehearsedIn(
    group.map(({ outcome: { scope, unrehearsed = [] } }) => ({
      scope,
      unrehearsed: unrehearsed.slice(0, 1),
    })),
  );
}
