import { type HistoryReader, oneKey } from './history-reader.ts';
import { readsNames } from './recorded-rows.ts';

/** node-pg-migrate: `pgmigrations`, file names without extension. */
export const nodePgMigrateReader: HistoryReader = {
  ...readsNames,
  tool: 'node-pg-migrate',
  form: { columns: ['name'], time: 'run_on', order: ['run_on', 'id'] },
  lockKeys: () => oneKey(7241865325823964n),
};
