import { versionKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';

/** TypeORM: `migrations`. Its timestamp is the one in the class's name, not that of applying. */
export const typeormReader: HistoryReader = {
  tool: 'TypeORM',
  form: { columns: ['timestamp', 'name'], time: null, order: ['id'] },
  checksum: null,
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) =>
    rows.map(({ timestamp, name }) => ({
      name: name ?? '',
      keys: [timestamp ?? ''],
      appliedAt: null,
      checksum: null,
    })),
};
