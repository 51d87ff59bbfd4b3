import { nameKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { recordedName } from './recorded-rows.ts';

/** db-migrate: `migrations`, names with a slash before them. Its SQL files end in -up.sql and -down.sql. */
export const dbMigrateReader: HistoryReader = {
  tool: 'db-migrate',
  form: { columns: ['name'], time: 'run_on', order: ['run_on', 'id'] },
  checksum: null,
  keysOf: ({ path }) => nameKeys(path.replace(/-up\.sql$/, '.sql')),
  undoFile: /-down\.sql$/,
  recorded: ({ rows }) => rows.map((row) => recordedName(row, (row.name ?? '').replace(/^\//, ''))),
};
