import { type HistoryReader, oneKey } from './history-reader.ts';
import { readsNewest, upToVersion } from './newest-version.ts';

/** tern: `schema_version` with one row, the newest version. */
export const ternReader: HistoryReader = {
  ...readsNewest,
  tool: 'tern',
  form: { columns: ['version'], time: null, order: ['version'] },
  // Its files begin with 1.
  recorded: ({ rows }, files) =>
    rows.every(({ version }) => version === '0') ? [] : upToVersion('tern', rows, files),
  lockKeys: () => oneKey(9628173550095224n),
};
