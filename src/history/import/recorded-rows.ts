import { canonicalVersion } from '../../project/version.ts';
import { nameKeys } from './file-layout.ts';
import type { RecordedMigration } from './history-reader.ts';
import type { ForeignRow } from './table-form.ts';

/** Rows of tools that record a version alone. */
export function versionRows(rows: readonly ForeignRow[]): RecordedMigration[] {
  return rows.map((row) => recordedVersion(row));
}

/** A row whose version identifies the file. */
export function recordedVersion(row: ForeignRow, checksum: string | null = null): RecordedMigration {
  const version = row.version ?? '';
  return { name: version, keys: [canonicalVersion(version)], appliedAt: row.applied_at ?? null, checksum };
}

/** A row whose name identifies the file; the version in it does if the file was renamed. */
export function recordedName(
  row: ForeignRow,
  name: string,
  checksum: string | null = null,
): RecordedMigration {
  return { name, keys: nameKeys(name), appliedAt: row.applied_at ?? null, checksum };
}

/** Rows of one group, in order; each group keeps the place of its first row. */
export function rowsBy(
  rows: readonly ForeignRow[],
  column: string,
): ReadonlyMap<string, readonly ForeignRow[]> {
  const groups = new Map<string, ForeignRow[]>();
  for (const row of rows) {
    const key = row[column] ?? '';
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}
