import { SqlmigError } from '../errors.ts';
import type { Script } from '../sql/migration.ts';

/** The error for a non-transactional file behind a pooler that shares sessions. */
export function directUrlNeeded({ migration, nonTransactional }: Script): SqlmigError {
  const message = `${migration.file} cannot run in a transaction (${nonTransactional}), and the database URL leads to a pooler`;
  return new SqlmigError('direct-url-needed', message, {
    file: migration.file,
    state: 'nothing was touched',
    hint: 'give --direct-url, a URL that bypasses the pooler; or --pool-mode session where it pools whole sessions',
  });
}
