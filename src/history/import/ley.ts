import type { HistoryReader } from './history-reader.ts';
import { readsNames } from './recorded-rows.ts';

/** ley: `migrations`, file names with extension. */
export const leyReader: HistoryReader = {
  ...readsNames,
  tool: 'ley',
  form: { columns: ['name'], time: 'created_at', order: ['id'] },
};
