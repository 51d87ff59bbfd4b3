import { canonicalVersion } from '../../project/version.ts';
import { migrationName } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { readsVersions } from './recorded-rows.ts';

/** Diesel: `__diesel_schema_migrations`. A version is the folder's name up to the first `_`, without hyphens. */
export const dieselReader: HistoryReader = {
  ...readsVersions,
  tool: 'Diesel',
  form: { columns: ['version'], time: 'run_on', order: ['run_on', 'version'] },
  keysOf: ({ path }) => [canonicalVersion((migrationName(path).split('_')[0] ?? '').replaceAll('-', ''))],
};
