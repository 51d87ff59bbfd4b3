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
import { leftMessage } from './rehearsable.ts';
import { interrupted } from './schema-errors.ts';
import type { Summary } from './summary.ts';
import { leftFrom, unrehearsedIn } from './unrehearsed.ts';

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

/** A schema with files that were not rehearsed, and why the first was not. */
interface Left {
  readonly target: Target;
  readonly outcome: SchemaOutcome;
  readonly files: readonly Migration[];
  readonly why: string;
}

// Each is a database that is built from all files. A fleet rarely has more than one.
const mostDatabases = 3;

/**
 * Runs what a rehearsal has left out of the schemas so far in scratch databases, one for each newest version of tenants,
 * and adds that to the outcomes. Warns of what cannot be rehearsed there either. Returns the error that interrupted it.
 */
export async function rehearseLeft(
  migrator: Migrator,
  {
    found,
    summary,
    scratch,
  }: { readonly found: FleetState; readonly summary: Summary; readonly scratch: ScratchRehearsal },
): Promise<SqlmigError | undefined> {
  const left = leftIn(found, summary);
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
      summary.add(group.map((one) => withReason(one, error.message)));
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

function leftIn(found: FleetState, { outcomes }: Summary): Left[] {
  const known = new Map(outcomes.map((outcome) => [outcomeKey(outcome), outcome]));
  return allTargets(found).flatMap((target) => {
    const { scope, schema, trouble, plan } = target;
    const outcome = known.get(outcomeKey({ scope, schema, error: trouble }));
    if (outcome === undefined || outcome.error !== undefined) return [];
    const [first, ...rest] = outcome.unrehearsed ?? [];
    if (first === undefined) return [];
    const paths = new Set([first, ...rest].map(({ file }) => file));
    return [{ target, outcome, files: plan.steps.filter(({ file }) => paths.has(file)), why: first.why }];
  });
}

/** Public belongs to the first group of tenants, since each database has its files. */
function groupsOf(left: readonly Left[]): Left[][] {
  const groups = new Map<string, Left[]>();
  for (const one of left.filter(({ target }) => target.scope === 'tenant')) {
    const key = newestOf(one.target);
    groups.set(key, [...(groups.get(key) ?? []), one]);
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

/** Runs the files of a group; why that was not possible, or `null`. */
async function rehearseGroup(
  group: readonly Left[],
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
  const excuse = excuseOf(result, pending);
  const files = new Set(group.flatMap((one) => one.files.map(({ file }) => file)));
  if (error !== null && !files.has(error.file ?? ''))
    return { ...error, message: excuse === null ? error.message : `${error.file}: ${excuse}` };
  if (error !== null && excuse !== null) {
    const message = `${error.file} and what follows it are not rehearsed: ${excuse}`;
    migrator.settings.emit({ type: 'warning', message });
  }
  for (const { file, line, what } of leftOut.filter((one) => files.has(one.file))) {
    const message = `${file}:${line} is not rehearsed, because it is ${what} and would change more than its database`;
    migrator.settings.emit({ type: 'warning', message });
  }
  warnOfFailed(migrator, group, result);
  summary.add(group.map((one) => withScratch(one, { ...result, excuse })));
  return null;
}

/**
 * Why the file that failed is not to blame: it would change more than its database, or a pending file has a statement before
 * that which was left out because it would. `null` if there is no such reason.
 */
function excuseOf({ error, leftOut }: ScratchResult, pending: readonly Migration[]): string | null {
  if (error === null) return null;
  const { file: failed, line = Number.POSITIVE_INFINITY, message } = error;
  if (isRefused(error)) return message;
  const placeOf = (file?: string) => pending.findIndex((one) => one.file === file);
  const missing = leftOut.find(
    (one) =>
      placeOf(one.file) !== -1 &&
      (one.file === failed ? one.line <= line : placeOf(one.file) < placeOf(failed)),
  );
  return missing === undefined
    ? null
    : `it fails without the statement at ${missing.file}:${missing.line} (${message})`;
}

/** Warns of files that failed in tenants: what ran instead had no rows, which may be why it did not fail. */
function warnOfFailed({ scripts, settings }: Migrator, group: readonly Left[], { durations }: ScratchResult) {
  const ran = group.filter(({ target, files: [first] }) => {
    if (first === undefined || !durations.has(scratchKey(target.scope, first))) return false;
    return scripts.all.get(first)?.nonTransactional === null;
  });
  for (const { file, schemas, why } of firstOf(ran)) {
    const message = `${file} and what follows it are rehearsed only in a temporary database, for ${tenantCount(schemas)}: ${why}`;
    settings.emit({ type: 'warning', message });
  }
}

/** The outcome of a schema with why the files that are left were not rehearsed. */
function withReason({ outcome, files, why }: Left, reason: string): SchemaOutcome {
  return { ...outcome, unrehearsed: leftFrom(files, `${why}, and ${reason}`) };
}

/** The outcome of a schema with what was rehearsed for it in a scratch database. */
function withScratch(
  { target, outcome, files, why }: Left,
  { durations, error, excuse }: ScratchResult & { readonly excuse: string | null },
): SchemaOutcome {
  const ran = files.flatMap(({ version, name, file }) => {
    const durationMs = durations.get(scratchKey(target.scope, { version, name }));
    return durationMs === undefined ? [] : [{ version, name, file, durationMs }];
  });
  const { schema, database, unrehearsed: _, ...before } = outcome;
  const failed =
    error !== null && excuse === null && files.some(({ file }) => file === error.file) ? error : null;
  const left = failed === null ? files.filter(({ file }) => !ran.some((one) => one.file === file)) : [];
  const isApplied = outcome.state === 'applied' || ran.length > 0;
  return {
    ...before,
    ...{ schema, database },
    state: failed !== null ? 'failed' : isApplied ? 'applied' : 'skipped',
    version: newestVersion([{ version: outcome.version }, ...ran]),
    migrations: [...outcome.migrations, ...ran.map(({ file: _, ...migration }) => migration)],
    costs: [...(outcome.costs ?? []), ...ran.map(costInScratch)],
    ...(left.length > 0 && { unrehearsed: leftFrom(left, whyLeft(left, error, excuse) ?? why) }),
    ...(failed && { error: { ...failed, schema, database, ...inScratch } }),
  };
}

/** Why a temporary database did not get to the first of these files; `undefined` if nothing stopped it. */
function whyLeft(
  [first]: readonly Migration[],
  error: ErrorDetails | null,
  excuse: string | null,
): string | undefined {
  if (error?.file === undefined) return;
  const message = excuse ?? error.message;
  return error.file === first?.file ? message : `${error.file}: ${message}`;
}

function isRefused(error: ErrorDetails): boolean {
  return error.sqlstate === unitStates.beyondDatabase;
}

const inScratch = {
  state: 'rolled back; it ran in a temporary database with the structure that the files build',
  hint: 'correct the file and rehearse again',
};

function costInScratch(file: Pick<FileCost, 'version' | 'name' | 'file' | 'durationMs'>): FileCost {
  return { ...file, locks: [], rewritten: [], indexes: [], rows: null, outside: [], scratch: true };
}

function warn({ settings }: Migrator, group: readonly Left[], reason: string): void {
  for (const one of firstOf(group.map((left) => ({ ...left, outcome: withReason(left, reason) }))))
    settings.emit({ type: 'warning', message: leftMessage(one) });
}

/** The first file that is left in each schema, with the number of schemas. */
function firstOf(group: readonly Left[]): UnrehearsedInScope[] {
  return unrehearsedIn(
    group.map(({ outcome: { scope, unrehearsed = [] } }) => ({
      scope,
      unrehearsed: unrehearsed.slice(0, 1),
    })),
  );
}
