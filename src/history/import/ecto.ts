import { versionKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { versionRows } from './recorded-rows.ts';

/** Ecto, and Triplex and Ash, which use it: `schema_migrations` in public or in each prefix. */
export const ectoReader: HistoryReader = {
  tool: 'Ecto',
  form: { columns: ['version'], time: 'inserted_at', writesUtc: true, order: ['inserted_at', 'version'] },
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) => versionRows(rows),
};
