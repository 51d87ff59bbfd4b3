import { migrationName, nameKeys, versionKeys, withoutExtension } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';

/** MikroORM: `mikro_orm_migrations` with class names, `Migration20240105090000`. */
export const mikroOrmReader: HistoryReader = {
  tool: 'MikroORM',
  form: { columns: ['name'], time: 'executed_at', order: ['id'] },
  checksum: null,
  keysOf: ({ path }) => [...nameKeys(path), ...versionKeys(plain(migrationName(path)))],
  recorded: ({ rows }) =>
    rows.map(({ name, applied_at = null }) => ({
      name: name ?? '',
      // Old releases recorded the extension too.
      keys: [withoutExtension(name ?? ''), ...versionKeys(plain(name ?? ''))],
      appliedAt: applied_at,
      checksum: null,
    })),
};

function plain(name: string): string {
  return name.replace(/^Migration(?=\d)/, '');
}
