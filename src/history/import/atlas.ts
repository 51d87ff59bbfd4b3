import { canonicalVersion } from '../../project/version.ts';
import { migrationName } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';

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
  keysOf: ({ path }) => [canonicalVersion(migrationName(path).split('_')[0] ?? '')],
  recorded({ rows }) {
    const revisions = rows.filter(({ version }) => version !== '.atlas_cloud_identifier');
    const partial = revisions.find(
      ({ type, applied, total, error }) =>
        error !== null || (type === '2' && Number(applied) < Number(total)),
    );
    if (partial !== undefined) {
      const { version, applied, total } = partial;
      return {
        refused: `version ${version} is partially applied (${applied} of ${total} statements)`,
        hint: `finish or undo it by hand, then: atlas migrate set <version>`,
      };
    }
    return revisions.map((row) => recordedVersion(row));
  },
  lockKeys: () => oneKey(2686470616n),
};
