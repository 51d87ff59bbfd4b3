import { nameKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedName } from './recorded-rows.ts';

/** node-pg-migrate: `pgmigrations`, file names without extension. */
export const nodePgMigrateReader: HistoryReader = {
  tool: 'node-pg-migrate',
  form: { columns: ['name'], time: 'run_on', order: ['run_on', 'id'] },
  checksum: null,
  keysOf: ({ path }) => nameKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.name ?? '')),
  lockKeys: () => oneKey(7241865325823964n),
};
