import type { HistoryReader } from './history-reader.ts';
import { readsVersions } from './recorded-rows.ts';

/** Ecto, and Triplex and Ash, which use it: `schema_migrations` in public or in each prefix. */
export const ectoReader: HistoryReader = {
  ...readsVersions,
  tool: 'Ecto',
  form: { columns: ['version'], time: 'inserted_at', writesUtc: true, order: ['inserted_at', 'version'] },
};
