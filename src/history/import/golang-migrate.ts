import { crc32 } from './checksums.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { readsNewest, upToVersion } from './newest-version.ts';

/** golang-migrate: one row with the newest version. */
export const golangMigrateReader: HistoryReader = {
  ...readsNewest,
  tool: 'golang-migrate',
  form: { columns: ['version', 'dirty'], time: null, order: ['version'] },
  recorded({ rows }, files) {
    const dirty = rows.find((row) => row.dirty === 'true');
    if (rows.length === 1 && dirty !== undefined) {
      return {
        refused: `dirty database version ${dirty.version}`,
        hint: `complete or undo version ${dirty.version} manually, then: migrate force <version>`,
      };
    }
    return upToVersion('golang-migrate', rows, files);
  },
  lockKeys({ schema, table, database }) {
    const sum = BigInt(crc32([schema, table, database].join('\0')));
    return oneKey(BigInt.asUintN(32, sum * 1486364155n));
  },
};
