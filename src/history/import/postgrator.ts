import { digestOfFile } from './checksums.ts';
import { versionKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';

/** postgrator: `schemaversion`. Row 0 is its own. */
export const postgratorReader: HistoryReader = {
  tool: 'postgrator',
  form: { columns: ['version', 'name', 'md5'], time: 'run_at', writesUtc: true, order: ['version'] },
  checksum: digestOfFile('md5', 'MD5'),
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) =>
    rows
      .filter(({ version }) => version !== '0')
      .map((row) => ({ ...recordedVersion(row, row.md5 ?? null), name: `${row.version} ${row.name}` })),
};
