import type { HistoryReader } from './history-reader.ts';
import { readsNames, recordedName } from './recorded-rows.ts';

/** sql-migrate: `gorp_migrations`, file names. */
export const sqlMigrateReader: HistoryReader = {
  ...readsNames,
  tool: 'sql-migrate',
  form: { columns: ['id'], time: 'applied_at', order: ['applied_at', 'id'] },
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.id ?? '')),
};
