import type { HistoryRow } from '../history/row.ts';
import { covers, replacedIn } from '../project/baseline.ts';
import { type Kinds, nullable, version, wholeNumber, yesOrNo } from '../project/option.ts';
import { historyKey, migrationLabel } from '../project/order.ts';
import { canonicalVersion, compareVersions, newestVersion } from '../project/version.ts';
import type { Finding } from '../results.ts';
import type { Migration } from '../sql/migration.ts';

/** How far `up` goes, and what it accepts. */
export interface PlanOptions {
  /** Stop at this version (digits); `null` for all. */
  readonly to: string | null;
  /** At most this many migrations per schema; `null` for all. */
  readonly steps: number | null;
  readonly outOfOrder: boolean;
  readonly ignoreChanged: boolean;
}

/** What `PlanOptions` take. */
export const planKinds: Kinds<PlanOptions> = {
  to: version,
  steps: nullable(wholeNumber()),
  outOfOrder: yesOrNo,
  ignoreChanged: yesOrNo,
};

/** Fills in what a caller left out: all pending migrations, and only what the config allows. */
export function completePlan(
  { to = null, steps = null, outOfOrder, ignoreChanged = false }: Partial<PlanOptions>,
  config: { readonly outOfOrder: boolean },
): PlanOptions {
  return { to, steps, outOfOrder: outOfOrder ?? config.outOfOrder, ignoreChanged };
}

/** A finding that does not know yet in which schema it is. */
export type FindingInSchema = Omit<Finding, 'database' | 'schema' | 'scope'>;

/**
 * Why `up` cannot continue an incomplete migration: a statement may have taken effect, its file has changed, or `down`
 * is undoing it.
 */
export type ResumeObstacle = 'in-doubt' | 'file-changed' | 'file-missing' | 'undoing';

/** What to do in a schema, and what is wrong with it. */
export interface SchemaPlan {
  /** Pending migrations in the order they run, cut by `to` and `steps`. */
  readonly steps: readonly Migration[];
  /** How many migrations are pending, whatever the options say. */
  readonly pending: number;
  readonly findings: readonly FindingInSchema[];
  /** The finding for which `up` must not touch this schema. */
  readonly refusal: FindingInSchema | null;
  /** Why `up` cannot continue an incomplete migration; `null` if it can, or if there is none. */
  readonly obstacle: ResumeObstacle | null;
  /** The newest applied version, digits as in the file name; `null` if nothing is applied. */
  readonly version: string | null;
  /** Applied versions above the newest file: a newer release was applied here. */
  readonly ahead: readonly string[];
  /** Only in a plan of `down`, whose `steps` are the files that undo: the migrations that cannot be undone. */
  readonly undo?: { readonly lacking: readonly LackingDown[] };
}

/** An applied migration that `down` cannot undo. */
export interface LackingDown {
  readonly version: string;
  readonly name: string;
  /** The project has no down file; the history keeps none either; or the text in the history was changed. */
  readonly why: 'no-file' | 'not-kept' | 'kept-changed';
}

/**
 * Compares the files of a scope with one schema's history. `up`, `plan`, `status` and `verify` all decide by this
 * value. `migrations` are in running order (see `inRunningOrder`).
 */
export function planSchema(
  migrations: readonly Migration[],
  rows: readonly HistoryRow[],
  options: PlanOptions,
): SchemaPlan {
  const files = new Map(migrations.map((migration) => [historyKey(migration), migration]));
  const history = new Map(rows.map((row) => [historyKey(row), row]));
  const applied = rows.filter((row) => row.state === 'applied');
  const baselines = baselinesOf(migrations, applied);
  const newest = newestVersion([...applied, ...baselines.complete]);
  const newestFile = newestVersion(migrations);

  const ahead = applied
    .map((row) => row.version)
    .filter((version) => version !== null)
    .filter((version) => newestFile === null || compareVersions(version, newestFile) > 0);
  const isPending = (migration: Migration) => {
    const row = history.get(historyKey(migration));
    if (row === undefined) return !baselines.judged.has(migration);
    if (row.state !== 'applied') return obstacleTo(row, migration) === null;
    // An older release must not bring back its version of a repeatable that a newer one has changed.
    return migration.version === null && row.checksum !== migration.checksum && ahead.length === 0;
  };
  const isNewer = (version: string | undefined) =>
    newestFile !== null && ahead.length > 0 && (version === undefined || ahead.includes(version));
  const isBegun = (migration: Migration) => {
    const row = history.get(historyKey(migration));
    return row !== undefined && row.state !== 'applied';
  };
  const open = migrations.filter(isPending);
  // An incomplete migration is finished first, even if an older file was added since.
  const pending = [...open.filter(isBegun), ...open.filter((migration) => !isBegun(migration))];
  const findings = [
    ...rows
      .filter((row) => !baselines.explain(row))
      .flatMap((row) => rowFinding(row, files.get(historyKey(row))))
      // A newer release has the files that this one lacks.
      .filter(({ kind, version }) => !(kind === 'file-missing' && isNewer(version))),
    ...baselines.findings,
    ...pending.filter((migration) => isOlder(migration, newest)).map((m) => outOfOrder(m, newest)),
  ];
  const refuses = (finding: FindingInSchema) =>
    finding.kind === 'incomplete' ||
    finding.kind === 'baseline-incomplete' ||
    (finding.kind === 'checksum-changed' && !options.ignoreChanged) ||
    (finding.kind === 'out-of-order' && !options.outOfOrder);

  return {
    steps: cut(pending, options),
    pending: pending.length,
    findings,
    refusal: findings.find(refuses) ?? null,
    obstacle: firstObstacle(rows, files),
    version: newest === null ? null : (files.get(canonicalVersion(newest))?.version ?? newest),
    ahead,
  };
}

/** The baselines among the files, applied to one history. */
interface Baselines {
  /** Those that count as applied because all that they replace is. */
  readonly complete: readonly Migration[];
  /** Those that are not pending, for whatever reason. */
  readonly judged: ReadonlySet<Migration>;
  readonly findings: readonly FindingInSchema[];
  /** True for a row of what a baseline replaces: it has no file, or only that of the baseline. */
  readonly explain: (row: HistoryRow) => boolean;
}

function baselinesOf(migrations: readonly Migration[], applied: readonly HistoryRow[]): Baselines {
  const versions = applied.flatMap(({ version }) => version ?? []);
  const found = migrations
    .filter(({ replaces = [] }) => replaces.length > 0)
    .map((file) => ({ file, has: replacedIn(file.replaces ?? [], versions) }))
    // With its own row and none of those it replaces, it ran here itself.
    .filter(({ file, has }) => has.kind !== 'none' && !ranItself(file, versions));
  return {
    complete: found.filter(({ has }) => has.kind === 'all').map(({ file }) => file),
    judged: new Set(found.map(({ file }) => file)),
    findings: found.flatMap(({ file, has }) =>
      has.kind === 'some' ? [baselineIncomplete(file, has.missing)] : [],
    ),
    explain: ({ version, state }) =>
      state === 'applied' &&
      version !== null &&
      found.some(({ file }) => covers(file.replaces ?? [], version)),
  };
}

function ranItself({ version, replaces = [] }: Migration, versions: readonly string[]): boolean {
  const own = versions.filter((candidate) => compareVersions(candidate, version ?? '') === 0);
  return own.length > 0 && !versions.some((other) => !own.includes(other) && covers(replaces, other));
}

function baselineIncomplete(file: Migration, missing: readonly string[]): FindingInSchema {
  const what = missing.join(', ');
  const message = `${file.file} replaces versions that are only partly applied: ${what} ${missing.length === 1 ? 'is' : 'are'} missing`;
  return { kind: 'baseline-incomplete', ...identity(file), file: file.file, message };
}

function cut(pending: readonly Migration[], { to, steps }: PlanOptions): readonly Migration[] {
  const within = (m: Migration) => to === null || (m.version !== null && compareVersions(m.version, to) <= 0);
  const versioned = pending.filter((migration) => migration.version !== null);
  // Repeatables build on the newest structure, so they wait until all versioned migrations are applied.
  const reached = versioned.every(within) ? pending : pending.filter(within);
  return steps === null ? reached : reached.slice(0, steps);
}

function isOlder(migration: Migration, newest: string | null): boolean {
  return migration.version !== null && newest !== null && compareVersions(migration.version, newest) < 0;
}

function outOfOrder(migration: Migration, newest: string | null): FindingInSchema {
  return {
    kind: 'out-of-order',
    ...identity(migration),
    file: migration.file,
    message: `${migration.file} is pending, but ${newest} is already applied`,
  };
}

function rowFinding(row: HistoryRow, file: Migration | undefined): FindingInSchema[] {
  if (row.state !== 'applied') {
    const obstacle = obstacleTo(row, file);
    if (obstacle === null) return [];
    const why = {
      'in-doubt': 'was started but not finished',
      'file-changed': 'was started but not finished, and its file has changed since',
      'file-missing': 'was started but not finished, and its file no longer exists',
      undoing: 'is being undone: its down file was started but not finished',
    }[obstacle];
    const message = `${migrationLabel(row)} ${why}`;
    return [{ kind: 'incomplete', ...identity(file ?? row), ...(file && { file: file.file }), message }];
  }
  if (file === undefined) {
    return [
      {
        kind: 'file-missing',
        ...identity(row),
        message: `${migrationLabel(row)} is applied, but its file no longer exists`,
      },
    ];
  }
  if (row.version === null) return [];
  const found = { ...identity(file), file: file.file };
  const renamed = row.name !== file.name;
  if (row.checksum !== file.checksum) {
    const as = renamed ? ` as ${migrationLabel(row)}` : '';
    const message = `${file.file} differs from what was applied${as} (checksum ${short(file.checksum)}, applied ${short(row.checksum)})`;
    return [{ kind: 'checksum-changed', ...found, message }];
  }
  return renamed
    ? [{ kind: 'renamed', ...found, message: `${file.file} was applied as ${migrationLabel(row)}` }]
    : [];
}

function firstObstacle(
  rows: readonly HistoryRow[],
  files: ReadonlyMap<string, Migration>,
): ResumeObstacle | null {
  const incomplete = rows.filter(({ state }) => state !== 'applied');
  return incomplete.map((row) => obstacleTo(row, files.get(historyKey(row)))).find((o) => o !== null) ?? null;
}

/** What keeps `up` from continuing an incomplete migration; `null` if each of its statements is done, or did nothing. */
function obstacleTo(
  { inDoubt = false, checksum, undoneBy }: HistoryRow,
  file: Migration | undefined,
): ResumeObstacle | null {
  if (undoneBy !== undefined) return 'undoing';
  if (file === undefined) return 'file-missing';
  // Even with a statement in doubt, `repair` continues only the file that was started.
  if (file.checksum !== checksum) return 'file-changed';
  return inDoubt ? 'in-doubt' : null;
}

function identity({ version, name }: { version: string | null; name: string }): {
  version?: string;
  name: string;
} {
  return version === null ? { name } : { version, name };
}

function short(checksum: string): string {
  return checksum.slice(0, 12);
}
