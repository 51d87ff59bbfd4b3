import { nameKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { recordedName } from './recorded-rows.ts';

/** ley: `migrations`, file names with extension. */
export const leyReader: HistoryReader = {
  tool: 'ley',
  form: { columns: ['name'], time: 'created_at', order: ['id'] },
  checksum: null,
  keysOf: ({ path }) => nameKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.name ?? '')),
};
