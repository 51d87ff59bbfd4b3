import { type HistoryReader, oneKey } from './history-reader.ts';
import { readsNames } from './recorded-rows.ts';

/** Kysely: `kysely_migration`, keys of the migration provider: file names without extension. */
export const kyselyReader: HistoryReader = {
  ...readsNames,
  tool: 'Kysely',
  form: { columns: ['name'], time: 'timestamp', order: ['timestamp', 'name'] },
  lockKeys: () => oneKey(3853314791062309107n),
};
