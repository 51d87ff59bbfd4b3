import { versionKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { upToVersion } from './recorded-rows.ts';

/** tern: `schema_version` with one row, the newest version. */
export const ternReader: HistoryReader = {
  tool: 'tern',
  form: { columns: ['version'], time: null, order: ['version'] },
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  recorded({ rows }, files) {
    const [row] = rows;
    if (rows.length > 1) {
      return {
        refused: `its table has ${rows.length} rows, and tern keeps one`,
        hint: 'find out which tool wrote them, and leave the row of the newest version',
      };
    }
    const newest = BigInt(row?.version ?? 0);
    return upToVersion(
      files,
      ({ path }) => versionKeys(path)[0],
      (version) => BigInt(version) <= newest,
    );
  },
  lockKeys: () => oneKey(9628173550095224n),
  caveat: 'it records the newest version alone: a file below it that was added later may never have run',
};
