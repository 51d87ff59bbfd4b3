import { writeFileSync } from 'node:fs';
import { snapshotObstacle } from '../decide/snapshot-obstacle.ts';
import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { type Config, requireConfig, requireFleetConfig } from '../project/config.ts';
import { filesBefore } from '../project/files-before.ts';
import { parseAll, readScopes, type ScopeFiles } from '../project/migrations.ts';
import { abortSignal, callback, checkOptions, type Kinds } from '../project/option.ts';
import { readSnapshot, shownSnapshot, snapshotText } from '../project/snapshot-file.ts';
import { snapshotPath } from '../project/snapshot-path.ts';
import type { ErrorDetails } from '../results.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings } from '../run/run-options.ts';
import { type SnapshotRequest, snapshotOf } from '../snapshot/write.ts';
import { tenantScope } from '../state/scope-names.ts';

/** Options of `writeSnapshot`. */
export interface WriteSnapshotOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** A snapshot of the files of one scope that was written. */
export interface WrittenFile {
  readonly file: string;
  /** The newest version that it stands for; `null` if there are no files. */
  readonly upTo: string | null;
  /** The number of files that it stands for. */
  readonly files: number;
  /** False if the file was as it had to be, or if no tenant has these files. */
  readonly changed: boolean;
}

/** A snapshot of the files of a kind. */
export interface WrittenKind extends WrittenFile {
  readonly scope: string;
  /** Why it was not written, although the files of other scopes were. */
  readonly error?: ErrorDetails;
}

/** The snapshots that were written: that of the files of all tenants, and those of kinds. */
export interface WrittenSnapshot extends WrittenFile {
  /** In the order of the config; absent if it has no kinds. */
  readonly kinds?: readonly WrittenKind[];
}

/** Whether the snapshot of the files of one scope can be used. */
export interface CheckedFile {
  readonly ok: boolean;
  readonly file: string;
  /** Why new tenants are not created with it, in words. */
  readonly problem?: string;
  /** The newest version that it stands for. */
  readonly upTo: string | null;
  /** The versioned tenant files that it does not stand for. */
  readonly newer: readonly string[];
}

/** Whether the snapshot of the files of a kind can be used. */
export interface CheckedKind extends CheckedFile {
  readonly scope: string;
  /** False if there is none, which is no problem: not all kinds can have one. */
  readonly exists: boolean;
}

/** Whether snapshots can be used: `ok` is about all of them, the rest about that of the files of all tenants. */
export interface CheckedSnapshot extends CheckedFile {
  /** In the order of the config; absent if it has no kinds. */
  readonly kinds?: readonly CheckedKind[];
}

const kinds: Kinds<WriteSnapshotOptions> = { signal: abortSignal, onEvent: callback };

/**
 * Writes what the versioned tenant files build to the file beside their folder, such as `sql/tenant.snapshot.sql`, with
 * which `createTenant` and `up` create tenants, and for each kind of the config what its files add to that. The files are
 * replayed in temporary databases, in which the results are tried. The database itself is not changed. A kind whose files
 * build what a snapshot cannot have gets an `error`.
 * @throws SqlmigError `snapshot-refused` if the files of all tenants build what a snapshot cannot have, and if it cannot
 *   start: `bad-usage`, `config-invalid`, mistakes in the files, no connection, `server-refused`.
 */
export async function writeSnapshot(
  config: Config,
  options: WriteSnapshotOptions = {},
): Promise<WrittenSnapshot> {
  requireConfig(config);
  checkOptions(options, kinds);
  const scopes = await readScopes(config);
  // A mistake in any file is found before the first snapshot is written.
  for (const { migrations } of scopes) await parseAll(migrations);
  const [all, ...ofKinds] = scopes;
  const work = { all, settings: migrateSettings(options, config) };
  const own = isUnused(all) ? nothing(config) : await write(all, work);
  if (ofKinds.length === 0) return own;
  const written: WrittenKind[] = [];
  for (const kind of ofKinds) written.push(await writeOfKind(kind, work));
  return { ...own, kinds: written };
}

type Work = Pick<SnapshotRequest, 'all' | 'settings'>;

async function writeOfKind(kind: ScopeFiles, work: Work): Promise<WrittenKind> {
  const scope = tenantScope(kind.config);
  try {
    return { scope, ...(await write(kind, work)) };
  } catch (error) {
    if (!(error instanceof SqlmigError) || error.code !== 'snapshot-refused') throw error;
    return { scope, ...nothing(kind.config), error: error.details };
  }
}

/** Writes the snapshot of one scope. */
async function write(scope: ScopeFiles, work: Work): Promise<WrittenFile> {
  const { emit, signal } = work.settings;
  const { config } = scope;
  const file = shownSnapshot(config);
  const snapshot = await withRun(work.all.config, { emit, signal }, (run) =>
    snapshotOf(run, { ...work, scope, file }),
  );
  const text = snapshotText(snapshot);
  const changed = readSnapshot(config)?.text !== text;
  if (changed) writeFileSync(snapshotPath(config), text);
  const upTo = snapshot.covers.at(-1)?.version ?? null;
  return { file, upTo, files: snapshot.covers.length, changed };
}

function nothing(config: Config): WrittenFile {
  return { file: shownSnapshot(config), upTo: null, files: 0, changed: false };
}

/** All tenants are of some kind, and there are no files for all of them. */
function isUnused({ config: { scopes, database }, migrations: { tenant } }: ScopeFiles): boolean {
  return scopes.length > 0 && database.tenants.kind === 'history' && tenant.length === 0;
}

/**
 * Tells whether the snapshot stands for the first of the tenant files as they are, without a database, and the same of that
 * of each kind. Newer files are no problem: they are applied after it. Neither is a kind without a snapshot.
 * @throws SqlmigError `bad-usage`, `config-invalid`, mistakes in the names of files.
 */
export async function checkSnapshot(config: Config): Promise<CheckedSnapshot> {
  requireFleetConfig(config);
  const [all, ...ofKinds] = await readScopes(config);
  const { exists, ...found } = check(all);
  const isMissing = !exists && !isUnused(all);
  const own = isMissing ? { ...found, ok: false, problem: 'it does not exist' } : found;
  if (ofKinds.length === 0) return own;
  const checked = ofKinds.map((kind) => ({ scope: tenantScope(kind.config), ...check(kind) }));
  return { ...own, ok: own.ok && checked.every(({ ok }) => ok), kinds: checked };
}

function check({ config, migrations }: ScopeFiles): Omit<CheckedKind, 'scope'> {
  const found = readSnapshot(config);
  const file = shownSnapshot(config);
  if (found === null) return { ok: true, exists: false, file, upTo: null, newer: [] };
  const before = filesBefore(migrations, config);
  const problem = snapshotObstacle(found, { files: migrations, before, config });
  const newer = migrations.tenant.slice(found.covers.length).filter(({ version }) => version !== null);
  return {
    ok: problem === null,
    exists: true,
    file,
    ...(problem !== null && { problem }),
    upTo: found.covers.at(-1)?.version ?? null,
    newer: problem === null ? newer.map((migration) => migration.file) : [],
  };
}
