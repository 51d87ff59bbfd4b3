import type { HistoryReader } from './history-reader.ts';
import { readsNames } from './recorded-rows.ts';

/** umzug with Sequelize: `"SequelizeMeta"`, file names with extension. */
export const umzugReader: HistoryReader = {
  ...readsNames,
  tool: 'Sequelize',
  form: { columns: ['name'], time: null, order: ['name'] },
};
