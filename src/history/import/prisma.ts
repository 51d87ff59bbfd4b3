import { createHash } from 'node:crypto';
import { anyOf, textsOf } from './checksums.ts';
import { nameKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedName, rowsBy } from './recorded-rows.ts';

/** Prisma Migrate: `_prisma_migrations`, with a row for each attempt. */
export const prismaReader: HistoryReader = {
  tool: 'Prisma',
  form: {
    columns: ['migration_name', 'checksum', 'finished_at', 'rolled_back_at'],
    time: 'finished_at',
    order: ['started_at', 'finished_at'],
  },
  checksum: anyOf('SHA-256 of the file', (file) => textsOf(file).flatMap(checksumForms)),
  keysOf: ({ path }) => nameKeys(path),
  recorded({ rows }) {
    const failed = rows.find((row) => row.finished_at === null && row.rolled_back_at === null);
    if (failed !== undefined) {
      return {
        refused: `migration ${failed.migration_name} failed or is still running (P3009)`,
        hint: `settle it with: prisma migrate resolve --applied or --rolled-back ${failed.migration_name}`,
      };
    }
    return [...rowsBy(rows, 'migration_name')].flatMap(([name, attempts]) => {
      const row = attempts.findLast(
        (attempt) => attempt.finished_at !== null && attempt.rolled_back_at === null,
      );
      return row === undefined ? [] : [recordedName(row, name, row.checksum ?? null)];
    });
  },
  lockKeys: () => oneKey(72707369n),
};

// Old releases wrote each byte without its leading zero.
function checksumForms(text: string): string[] {
  const digest = createHash('sha256').update(text).digest();
  return [digest.toString('hex'), [...digest].map((byte) => byte.toString(16)).join('')];
}
