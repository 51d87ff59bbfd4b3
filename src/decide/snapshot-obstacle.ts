import { migrationLabel } from '../project/order.ts';
import {
  type CoveredFile,
  type EarlierFile,
  type FoundSnapshot,
  snapshotSettings,
} from '../project/snapshot-file.ts';
import { compareVersions } from '../project/version.ts';
import type { Scope } from '../results.ts';
import type { Migration } from '../sql/migration.ts';

/** What a snapshot is compared with. */
export interface SnapshotBasis {
  /** The files of each scope, in running order; those of a kind are the tenant files. */
  readonly files: Readonly<Record<Scope, readonly Migration[]>>;
  /** The files of all tenants that run before those of a kind. */
  readonly before: readonly Migration[];
  readonly config: Parameters<typeof snapshotSettings>[0];
}

type KnownSnapshot = Omit<FoundSnapshot, 'file' | 'text' | 'session' | 'sql'>;

/** Why a snapshot does not stand for the first of the tenant files, in words; `null` if it does. */
export function snapshotObstacle(snapshot: KnownSnapshot, basis: SnapshotBasis): string | null {
  const { isIntact, covers, public: shared, tenant, settings } = snapshot;
  const { files, before, config } = basis;
  if (!isIntact) return 'it was edited';
  for (const [i, covered] of covers.entries()) {
    const obstacle = fileObstacle(covered, files.tenant[i], files.tenant);
    if (obstacle !== null) return obstacle;
  }
  // A newer one runs before all files of the kind, which can read what it builds.
  const newer = before.find((file) => !tenant.some((known) => isSameMigration(file, known)));
  if (newer !== undefined) return `it was written without ${newer.file}`;
  const used: Migration[] = files.tenant.slice(0, covers.length);
  const earlier = [
    ...shared.map((known) => ({ scope: 'public', known, among: files.public })),
    ...tenant.map((known) => ({ scope: 'tenant', known, among: before })),
  ];
  for (const { scope, known, among } of earlier) {
    const file = among.find((candidate) => isSameMigration(candidate, known));
    if (file === undefined) return `the ${scope} file ${migrationLabel(known)}.sql no longer exists`;
    if (file.checksum !== known.checksum) return `${file.file} has changed`;
    used.push(file);
  }
  if (settings !== snapshotSettings(config, used))
    return 'publicSchema, searchPath or the value of a placeholder has changed';
  return null;
}

function isSameMigration({ version, name }: Migration, other: EarlierFile): boolean {
  return version === null || other.version === null
    ? version === other.version && name === other.name
    : compareVersions(version, other.version) === 0;
}

function fileObstacle(
  covered: CoveredFile,
  file: Migration | undefined,
  files: readonly Migration[],
): string | null {
  const isSame = (candidate: Migration) => isSameMigration(candidate, covered);
  if (file === undefined || !isSame(file))
    return files.some(isSame) && file !== undefined
      ? `it does not cover ${file.file}`
      : `${migrationLabel(covered)}.sql, which it covers, no longer exists`;
  return file.checksum === covered.checksum ? null : `${file.file} has changed`;
}
