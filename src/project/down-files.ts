import type { Migration } from '../sql/migration.ts';
import { historyKey } from './order.ts';

/** Links each migration of a folder with the file that undoes it. */
export function linkDownFiles(migrations: readonly Migration[], down: readonly Migration[]): Migration[] {
  const byKey = new Map(down.map((file) => [historyKey(file), file]));
  return migrations.map((migration) => {
    const undoneBy = migration.version === null ? undefined : byKey.get(historyKey(migration));
    return undoneBy === undefined ? migration : { ...migration, undoneBy };
  });
}
