import { migrationLabel } from '../project/order.ts';
import type { CoveredFile, FoundSnapshot } from '../project/snapshot-file.ts';
import { compareVersions } from '../project/version.ts';
import type { Migration } from '../sql/migration.ts';

/** What a snapshot is compared with. */
export interface SnapshotBasis {
  /** The tenant files in running order. */
  readonly files: readonly Migration[];
  /** See `snapshotSettings`. */
  readonly settings: string;
}

/** Why a snapshot does not stand for the first of the tenant files, in words; `null` if it does. */
export function snapshotObstacle(
  { isIntact, covers, settings }: Pick<FoundSnapshot, 'isIntact' | 'covers' | 'settings'>,
  basis: SnapshotBasis,
): string | null {
  if (!isIntact) return 'it was edited';
  for (const [i, covered] of covers.entries()) {
    const obstacle = fileObstacle(covered, basis.files[i], basis.files);
    if (obstacle !== null) return obstacle;
  }
  if (settings !== basis.settings)
    return 'publicSchema, searchPath or the value of a placeholder has changed';
  return null;
}

function fileObstacle(
  covered: CoveredFile,
  file: Migration | undefined,
  files: readonly Migration[],
): string | null {
  const isSame = ({ version }: Migration) =>
    version !== null && compareVersions(version, covered.version) === 0;
  if (file === undefined || !isSame(file))
    return files.some(isSame) && file !== undefined
      ? `${file.file} is not in it`
      : `${migrationLabel(covered)}.sql, which is in it, does not exist`;
  return file.checksum === covered.checksum ? null : `${file.file} has changed`;
}
