import { withoutExtension } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { readsNames, recordedName } from './recorded-rows.ts';

/** knex: `knex_migrations`, file names with extension. */
export const knexReader: HistoryReader = {
  ...readsNames,
  tool: 'knex',
  form: { columns: ['name'], time: 'migration_time', order: ['id'] },
  beside: (table) => ({ [`${table}_lock`]: { columns: ['is_locked'], time: null, order: [] } }),
  recorded({ rows, beside }) {
    if (Object.values(beside).some((lock) => lock.some(({ is_locked }) => is_locked === '1'))) {
      return {
        refused: 'the migration lock is held, by a running knex or one that was killed',
        hint: 'if knex is not running, check what its last migration changed, then: knex migrate:unlock',
      };
    }
    // A project that moved from .js to .ts has both names of one migration.
    const first = new Map<string, (typeof rows)[number]>();
    for (const row of rows) {
      const name = withoutExtension(row.name ?? '');
      if (!first.has(name)) first.set(name, row);
    }
    return [...first].map(([name, row]) => ({ ...recordedName(row, name), name: row.name ?? name }));
  },
};
