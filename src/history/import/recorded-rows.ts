import { canonicalVersion } from '../../project/version.ts';
import { nameKeys, versionKeys } from './file-layout.ts';
import type { HistoryReader, RecordedMigration } from './history-reader.ts';
import type { ForeignRow } from './table-form.ts';

/** The common parts of readers for tools that record only versions. */
export const readsVersions: Pick<HistoryReader, 'checksum' | 'keysOf' | 'recorded'> = {
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedVersion(row)),
};

/** The common parts of readers for tools that record file names. */
export const readsNames: Pick<HistoryReader, 'checksum' | 'keysOf' | 'recorded'> = {
  checksum: null,
  keysOf: ({ path }) => nameKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.name ?? '')),
};

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
