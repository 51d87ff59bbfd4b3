import { canonicalVersion } from '../../project/version.ts';
import { migrationName } from './file-layout.ts';
import { type HistoryReader, oneKey, type RecordedMigration, type SourceFile } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';
import type { ForeignRow } from './table-form.ts';

/** Atlas: `atlas_schema_revisions`. A version is the file's name up to the first `_`. */
export const atlasReader: HistoryReader = {
  tool: 'Atlas',
  form: {
    columns: ['version', 'description', 'type', 'applied', 'total', 'error'],
    time: 'executed_at',
    order: ['version'],
  },
  // Its hash runs over all files before as well, names included.
  checksum: null,
  keysOf: (file) => [canonicalVersion(versionOf(file))],
  recorded({ rows }, files) {
    const revisions = rows.filter(({ version }) => version !== '.atlas_cloud_identifier');
    // "atlas migrate set" keeps the error and the numbers, and marks the revision as resolved.
    const partial = revisions.find(
      ({ type, applied, total, error }) =>
        type === executed && ((error ?? '') !== '' || Number(applied) < Number(total)),
    );
    if (partial !== undefined) {
      const { version, applied, total } = partial;
      return {
        refused: `version ${version} is partially applied (${applied} of ${total} statements)`,
        hint: `finish or undo it by hand, then: atlas migrate set <version>`,
      };
    }
    const recorded = revisions.map((row) => recordedVersion(row));
    return [...belowBaseline(revisions, recorded, files), ...recorded];
  },
  lockKeys: () => oneKey(2686470616n),
};

// Values of the column type.
const [baseline, executed] = ['1', '2'];

// Everything up to a baseline was there before Atlas was, so it has no rows.
function belowBaseline(
  rows: readonly ForeignRow[],
  recorded: readonly RecordedMigration[],
  files: readonly SourceFile[],
): RecordedMigration[] {
  const until = rows.find(({ type }) => type === baseline)?.version;
  if (until === null || until === undefined) return [];
  const recordedNames = new Set(recorded.map(({ name }) => name));
  const versions = new Set(
    files.map(versionOf).filter((version) => version <= until && !recordedNames.has(version)),
  );
  return [...versions].map((version) => recordedVersion({ version }));
}

function versionOf({ path }: SourceFile): string {
  return migrationName(path).split('_')[0] ?? '';
}
