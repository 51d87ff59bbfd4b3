import { SqlmigError } from '../errors.ts';
import type { Script } from '../sql/migration.ts';

/** The error for a non-transactional file behind a pooler whose sessions are shared. */
export function directUrlNeeded({ migration, nonTransactional }: Script): SqlmigError {
  // A file that was started as non-transactional may have changed since.
  const reason = nonTransactional === null ? '' : ` (${nonTransactional})`;
  const message = `${migration.file} cannot run in a transaction${reason}, and the database URL leads to a pooler`;
  return new SqlmigError('direct-url-needed', message, {
    file: migration.file,
    state: 'nothing was touched',
    hint: 'set --direct-url to a URL that bypasses the pooler, or use --pool-mode session if the pooler is in session mode',
  });
}
