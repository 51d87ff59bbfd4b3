import { versionKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedVersion, rowsBy } from './recorded-rows.ts';

/** goose: `goose_db_version`. Row 0 is its own; old releases record a down as a row that is not applied. */
export const gooseReader: HistoryReader = {
  tool: 'goose',
  form: { columns: ['version_id', 'is_applied'], time: 'tstamp', order: ['id'] },
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) =>
    [...rowsBy(rows, 'version_id').values()].flatMap((versions) => {
      const row = versions.at(-1);
      if (row === undefined || row.version_id === '0' || row.is_applied !== 'true') return [];
      return [recordedVersion({ ...row, version: row.version_id ?? null })];
    }),
  // Only with the session locker, which the command line does not use.
  lockKeys: () => oneKey(4097083626n),
};
