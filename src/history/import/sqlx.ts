import { crc32, digestOfFile } from './checksums.ts';
import { versionKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';

/** sqlx: `_sqlx_migrations`. */
export const sqlxReader: HistoryReader = {
  tool: 'sqlx',
  form: {
    columns: ['version', 'checksum', 'success'],
    time: 'installed_on',
    order: ['installed_on', 'version'],
  },
  checksum: digestOfFile('sha384', 'SHA-384'),
  keysOf: ({ path }) => versionKeys(path),
  recorded({ rows }) {
    const failed = rows.find(({ success }) => success !== 'true');
    if (failed !== undefined) {
      return {
        refused: `migration ${failed.version} is partially applied`,
        hint: 'finish or undo it by hand, then correct or delete its row in _sqlx_migrations',
      };
    }
    return rows.map((row) => recordedVersion(row, row.checksum ?? null));
  },
  lockKeys: ({ database }) => oneKey(0x3d32ad9en * BigInt(crc32(database))),
};
