import { writeFileSync } from 'node:fs';
import { snapshotObstacle } from '../decide/snapshot-obstacle.ts';
import type { OnEvent } from '../events.ts';
import { type Config, requireConfig, requireFleetConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { abortSignal, callback, checkOptions, type Kinds } from '../project/option.ts';
import { readSnapshot, shownSnapshot, snapshotText } from '../project/snapshot-file.ts';
import { snapshotPath } from '../project/snapshot-path.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings } from '../run/run-options.ts';
import { snapshotOf } from '../snapshot/write.ts';

/** Options of `writeSnapshot`. */
export interface WriteSnapshotOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** A snapshot that was written. */
export interface WrittenSnapshot {
  readonly file: string;
  /** The newest version that it stands for; `null` if there are no files. */
  readonly upTo: string | null;
  /** The number of files that it stands for. */
  readonly files: number;
  /** False if the file was as it had to be. */
  readonly changed: boolean;
}

/** Whether a snapshot can be used. */
export interface CheckedSnapshot {
  readonly ok: boolean;
  readonly file: string;
  /** Why new tenants are not created with it, in words. */
  readonly problem?: string;
  /** The newest version that it stands for. */
  readonly upTo: string | null;
  /** The versioned tenant files that it does not stand for. */
  readonly newer: readonly string[];
}

const kinds: Kinds<WriteSnapshotOptions> = { signal: abortSignal, onEvent: callback };

/**
 * Writes what the versioned tenant files build to the file beside their folder, such as `sql/tenant.snapshot.sql`, with
 * which `createTenant` and `up` create tenants. The files are replayed in a temporary database, in which the result is
 * tried. The database itself is not changed.
 * @throws SqlmigError `snapshot-refused` if the files build what a snapshot cannot have, and if it cannot start:
 *   `bad-usage`, `config-invalid`, mistakes in the files, no connection, `server-refused`.
 */
export async function writeSnapshot(
  config: Config,
  options: WriteSnapshotOptions = {},
): Promise<WrittenSnapshot> {
  requireConfig(config);
  checkOptions(options, kinds);
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  const file = shownSnapshot(config);
  const snapshot = await withRun(config, { emit: settings.emit, signal: settings.signal }, (run) =>
    snapshotOf(run, { migrations, settings, file }),
  );
  const text = snapshotText(snapshot);
  const changed = readSnapshot(config)?.text !== text;
  if (changed) writeFileSync(snapshotPath(config), text);
  const upTo = snapshot.covers.at(-1)?.version ?? null;
  return { file, upTo, files: snapshot.covers.length, changed };
}

/**
 * Tells whether the snapshot stands for the first of the tenant files as they are, without a database. Newer files are no
 * problem: they are applied after it.
 * @throws SqlmigError `bad-usage`, `config-invalid`, mistakes in the names of files.
 */
export async function checkSnapshot(config: Config): Promise<CheckedSnapshot> {
  requireFleetConfig(config);
  const files = await readMigrations(config);
  const found = readSnapshot(config);
  const file = shownSnapshot(config);
  const covers = found?.covers ?? [];
  const problem = found === null ? 'it does not exist' : snapshotObstacle(found, { files, config });
  const newer = files.tenant.slice(covers.length).filter(({ version }) => version !== null);
  return {
    ok: problem === null,
    file,
    ...(problem !== null && { problem }),
    upTo: covers.at(-1)?.version ?? null,
    newer: problem === null ? newer.map((migration) => migration.file) : [],
  };
}
