import { anyOf, hexDigest, textsOf } from './checksums.ts';
import { versionKeys } from './file-layout.ts';
import { type HistoryReader, oneKey } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';

/** postgres-migrations: `migrations` with ids without a gap. Row 0 is its own. */
export const postgresMigrationsReader: HistoryReader = {
  tool: 'postgres-migrations',
  form: { columns: ['id', 'name', 'hash'], time: 'executed_at', order: ['id'] },
  checksum: anyOf('SHA-1 of file name and file', (file, { name }) => {
    const own = file.path.split('/').at(-1) ?? '';
    const digits = /^\d+/.exec(own)?.[0] ?? '';
    const called = name.slice(name.indexOf(' ') + 1);
    const names = new Set([own, `${digits}_${called}.sql`, `${digits}-${called}.sql`]);
    return [...names].flatMap((path) => textsOf(file).map((text) => hexDigest('sha1', path + text)));
  }),
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) =>
    rows
      .filter(({ id }) => id !== '0')
      .map((row) => ({
        ...recordedVersion({ ...row, version: row.id ?? null }, row.hash ?? null),
        name: `${row.id} ${row.name}`,
      })),
  lockKeys: () => oneKey(-8525285245963000605n),
};
