import { repairCommand } from '../core/command-line.ts';
import { begunState } from '../db/history.ts';
import { SqlmigError } from '../errors.ts';
import type { Migration } from '../model.ts';

/** The error for a file that is not what was begun: which of its statements are done is not known. */
export function changedSince(migration: Migration, schema: string): SqlmigError {
  const { file } = migration;
  const settle = repairCommand(schema, migration, '--mark-applied');
  return new SqlmigError('checksum-changed', `${file} was changed since it was begun in "${schema}"`, {
    schema,
    file,
    state: 'nothing was run',
    hint: `put it back as it was, since its statements are counted; or do by hand what is missing, then: ${settle}`,
  });
}

/** The error for an index that must not stay as it is where a migration is called applied. */
export function stillInvalid(schema: string, index: string): SqlmigError {
  return new SqlmigError('invalid-index', `the index ${schema}.${index} is invalid`, {
    schema,
    state: `it is still marked as ${begunState}`,
    hint: 'rebuild it with REINDEX INDEX CONCURRENTLY, or drop it, before you call this applied; or use --resume',
  });
}
