import { nameKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedName } from './recorded-rows.ts';

/** Kysely: `kysely_migration`, keys of the migration provider: file names without extension. */
export const kyselyReader: HistoryReader = {
  tool: 'Kysely',
  form: { columns: ['name'], time: 'timestamp', order: ['timestamp', 'name'] },
  checksum: null,
  keysOf: ({ path }) => nameKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.name ?? '')),
  lockKeys: () => oneKey(3853314791062309107n),
};
