import { compareVersions } from '../../project/version.ts';
import { versionKeys } from './file-layout.ts';
import type { HistoryReader, RecordedMigration, Refusal, SourceFile } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';
import type { ForeignRow } from './table-form.ts';

/** The common parts of readers for tools that record only the newest version. */
export const readsNewest: Pick<HistoryReader, 'checksum' | 'keysOf' | 'caveat'> = {
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  caveat: 'it records only the newest version, so an older file that was added later may never have run',
};

/** The migrations of such a tool: the version in its only row, and that of every file below it. */
export function upToVersion(
  tool: string,
  rows: readonly ForeignRow[],
  files: readonly SourceFile[],
): RecordedMigration[] | Refusal {
  if (rows.length > 1) {
    return {
      refused: `its table has ${rows.length} rows, but ${tool} keeps only one`,
      hint: 'find out which tool wrote them, and delete all rows except that of the newest version',
    };
  }
  const newest = rows[0]?.version ?? nil;
  if (newest === nil) return [];
  const below = files
    .flatMap(({ path }) => versionKeys(path))
    .filter((version) => compareVersions(version, newest) < 0);
  return [...new Set(below), newest].map((version) => recordedVersion({ version }));
}

// golang-migrate's NilVersion.
const nil = '-1';
