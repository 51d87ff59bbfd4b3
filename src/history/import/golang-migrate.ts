import { crc32 } from './checksums.ts';
import { versionKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { upToVersion } from './recorded-rows.ts';

/** golang-migrate: one row with the newest version. */
export const golangMigrateReader: HistoryReader = {
  tool: 'golang-migrate',
  form: { columns: ['version', 'dirty'], time: null, order: ['version'] },
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  recorded({ rows }, files) {
    const [row] = rows;
    if (rows.length > 1) {
      return {
        refused: `its table has ${rows.length} rows, and golang-migrate keeps one`,
        hint: 'find out which tool wrote them, and leave the row of the newest version',
      };
    }
    if (row?.dirty === 'true') {
      return {
        refused: `dirty database version ${row.version}`,
        hint: `finish or undo by hand what version ${row.version} left, then: migrate force <version>`,
      };
    }
    const newest = row === undefined ? -1n : BigInt(row.version ?? -1);
    return upToVersion(
      files,
      ({ path }) => versionKeys(path)[0],
      (version) => BigInt(version) <= newest,
    );
  },
  lockKeys({ schema, table, database }) {
    const sum = BigInt(crc32([schema, table, database].join('\0')));
    return oneKey(BigInt.asUintN(32, sum * 1486364155n));
  },
  caveat: 'it records the newest version alone: a file below it that was added later may never have run',
};
