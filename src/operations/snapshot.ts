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
  /** The newest version that it includes; `null` if there are no files. */
  readonly upTo: string | null;
  /** The number of files that it includes. */
  readonly files: number;
  /** False if the file was already up to date, or if no tenant has these files. */
  readonly changed: boolean;
}

/** A snapshot of the files of a kind. */
export interface WrittenKind extends WrittenFile {
  readonly scope: string;
  /** Why it was not written, although the files of other scopes were. */
  readonly error?: ErrorDetails;
}

/** The written snapshots: of the files of all tenants, and of each kind. */
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
  /** The newest version that it includes. */
  readonly upTo: string | null;
  /** The versioned tenant files that it does not include. */
  readonly newer: readonly string[];
}

/** Whether the snapshot of the files of a kind can be used. */
export interface CheckedKind extends CheckedFile {
  readonly scope: string;
  /** False if there is none. That is not a problem, because not every kind can have one. */
  readonly exists: boolean;
}

/** Whether snapshots can be used. `ok` is about all snapshots, the rest about the one for the files of all tenants. */
export interface CheckedSnapshot extends CheckedFile {
  /** In the order of the config; absent if it has no kinds. */
  readonly kinds?: readonly CheckedKind[];
}

const kinds: Kinds<WriteSnapshotOptions> = { signal: abortSignal, onEvent: callback };

/**
 * Writes what the versioned tenant files build to the file beside their folder, such as `sql/tenant.snapshot.sql`.
 * `createTenant` and `up` create tenants from it. For each kind of the config, writes what its files add. The files are
 * replayed in temporary databases, and the snapshots tested there. The database itself is not changed. A kind whose files
 * build something that a snapshot cannot contain gets an `error`.
 * @throws SqlmigError `snapshot-refused` if the files of all tenants build something that it cannot contain, and if it cannot
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
  const base = isUnused(all) ? notWritten(config) : await write(all, work);
  if (ofKinds.length === 0) return base;
  const written: WrittenKind[] = [];
  for (const kind of ofKinds) written.push(await writeOfKind(kind, work));
  return { ...base, kinds: written };
}

type Work = Pick<SnapshotRequest, 'all' | 'settings'>;

async function writeOfKind(kind: ScopeFiles, work: Work): Promise<WrittenKind> {
  const scope = tenantScope(kind.config);
  try {
    return { scope, ...(await write(kind, work)) };
  } catch (error) {
    if (!(error instanceof SqlmigError) || error.code !== 'snapshot-refused') throw error;
    return { scope, ...notWritten(kind.config), error: error.details };
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

function notWritten(config: Config): WrittenFile {
  return { file: shownSnapshot(config), upTo: null, files: 0, changed: false };
}

/** True if every tenant is of some kind and there are no files of all tenants. */
function isUnused({ config: { scopes, database }, migrations: { tenant } }: ScopeFiles): boolean {
  return scopes.length > 0 && database.tenants.kind === 'history' && tenant.length === 0;
}

/**
 * Checks, without a database, that each snapshot still matches the first tenant files of its scope. Newer files are not a
 * problem: they are applied after it. Nor is a kind without a snapshot.
 * @throws SqlmigError `bad-usage`, `config-invalid`, mistakes in the names of files.
 */
export async function checkSnapshot(config: Config): Promise<CheckedSnapshot> {
  requireFleetConfig(config);
  const [all, ...ofKinds] = await readScopes(config);
  const { exists, ...found } = check(all);
  const isMissing = !exists && !isUnused(all);
  const base = isMissing ? { ...found, ok: false, problem: 'it does not exist' } : found;
  if (ofKinds.length === 0) return base;
  const checked = ofKinds.map((kind) => ({ scope: tenantScope(kind.config), ...check(kind) }));
  return { ...base, ok: base.ok && checked.every(({ ok }) => ok), kinds: checked };
}

function check({ config, migrations }: ScopeFiles): Omit<CheckedKind, 'scope'> {
  const snapshot = readSnapshot(config);
  const file = shownSnapshot(config);
  if (snapshot === null) return { ok: true, exists: false, file, upTo: null, newer: [] };
  const before = filesBefore(migrations, config);
  const problem = snapshotObstacle(snapshot, { files: migrations, before, config });
  const newer = migrations.tenant.slice(snapshot.covers.length).filter(({ version }) => version !== null);
  return {
    ok: problem === null,
    exists: true,
    file,
    ...(problem !== null && { problem }),
    upTo: snapshot.covers.at(-1)?.version ?? null,
    newer: problem === null ? newer.map((migration) => migration.file) : [],
  };
}
