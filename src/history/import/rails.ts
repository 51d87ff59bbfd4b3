import { crc32 } from './checksums.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { readsVersions } from './recorded-rows.ts';

/** Rails (Active Record) and apartment: `schema_migrations` beside `ar_internal_metadata`, in each tenant. */
export const railsReader: HistoryReader = {
  ...readsVersions,
  tool: 'Rails',
  form: { columns: ['version'], time: null, order: ['version'] },
  // Apartment switches it off.
  lockKeys: ({ database }) => oneKey(2053462845n * BigInt(crc32(database))),
};
