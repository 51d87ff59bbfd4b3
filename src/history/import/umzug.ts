import { nameKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { recordedName } from './recorded-rows.ts';

/** umzug with Sequelize: `"SequelizeMeta"`, file names with extension. */
export const umzugReader: HistoryReader = {
  tool: 'Sequelize',
  form: { columns: ['name'], time: null, order: ['name'] },
  checksum: null,
  keysOf: ({ path }) => nameKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedName(row, row.name ?? '')),
};
