import { nameKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { recordedName } from './recorded-rows.ts';

/** sql-migrate: `gorp_migrations`, file names. */
export const sqlMigrateReader: HistoryReader = {
  tool: 'sql-migrate',
  form: { columns: ['id'], time: 'applied_at', order: ['applied_at', 'id'] },
  checksum: null,
  keysOf: ({ path }) => nameKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.id ?? '')),
};
