import { migrationLabel } from '../project/order.ts';
import {
  type CoveredFile,
  type FoundSnapshot,
  type PublicFile,
  snapshotSettings,
} from '../project/snapshot-file.ts';
import { compareVersions } from '../project/version.ts';
import type { Scope } from '../results.ts';
import type { Migration } from '../sql/migration.ts';

/** What a snapshot is compared with. */
export interface SnapshotBasis {
  /** The files of each scope, in running order. */
  readonly files: Readonly<Record<Scope, readonly Migration[]>>;
  readonly config: Parameters<typeof snapshotSettings>[0];
}

/** Why a snapshot does not stand for the first of the tenant files, in words; `null` if it does. */
export function snapshotObstacle(
  { isIntact, covers, public: shared, settings }: Omit<FoundSnapshot, 'file' | 'text' | 'session' | 'sql'>,
  { files, config }: SnapshotBasis,
): string | null {
  if (!isIntact) return 'it was edited';
  for (const [i, covered] of covers.entries()) {
    const obstacle = fileObstacle(covered, files.tenant[i], files.tenant);
    if (obstacle !== null) return obstacle;
  }
  const used: Migration[] = files.tenant.slice(0, covers.length);
  for (const known of shared) {
    const file = files.public.find((one) => isSameMigration(one, known));
    if (file === undefined) return `the public file ${migrationLabel(known)}.sql no longer exists`;
    if (file.checksum !== known.checksum) return `${file.file} has changed`;
    used.push(file);
  }
  if (settings !== snapshotSettings(config, used))
    return 'publicSchema, searchPath or the value of a placeholder has changed';
  return null;
}

function isSameMigration({ version, name }: Migration, other: PublicFile): boolean {
  return version === null || other.version === null
    ? version === other.version && name === other.name
    : compareVersions(version, other.version) === 0;
}

function fileObstacle(
  covered: CoveredFile,
  file: Migration | undefined,
  files: readonly Migration[],
): string | null {
  const isSame = (one: Migration) => isSameMigration(one, covered);
  if (file === undefined || !isSame(file))
    return files.some(isSame) && file !== undefined
      ? `it does not cover ${file.file}`
      : `${migrationLabel(covered)}.sql, which it covers, no longer exists`;
  return file.checksum === covered.checksum ? null : `${file.file} has changed`;
}
