import { SqlmigError } from '../errors.ts';
import type { Resumption } from '../execute/non-transactional.ts';
import { changedFileHint } from '../fleet/schema-errors.ts';
import type { HistoryRow } from '../history/row.ts';
import { migrationLabel } from '../project/order.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { repairCommandLine } from '../text/command-line.ts';

/** The error for a file that changed after it was started, so that its progress is unknown. */
export function changedSince(migration: Migration, schema: string): SqlmigError {
  const { file } = migration;
  return new SqlmigError('checksum-changed', `${file} has changed since it was started in "${schema}"`, {
    schema,
    file,
    state: 'nothing was run',
    hint: changedFileHint(schema, migration),
  });
}

/** The error for an invalid index that a statement left that would count as done. */
export function stillInvalid(schema: string, index: string): SqlmigError {
  return new SqlmigError('invalid-index', `the index ${schema}.${index} is invalid`, {
    schema,
    state: 'the migration is still incomplete',
    hint: 'rebuild it with REINDEX INDEX CONCURRENTLY or drop it, then run this repair again; or use --resume',
  });
}

/** The error for an incomplete migration whose file was missing when the repair read the files. */
export function startedWithoutFile(row: HistoryRow, schema: string): SqlmigError {
  const message = `${migrationLabel(row)} is incomplete, and its file is missing`;
  return new SqlmigError('incomplete', message, {
    schema,
    state: 'nothing was run',
    hint: 'restore the file, then run this repair again',
  });
}

/** The error for a statement number that would apply to several files. */
export function severalFiles(files: readonly Migration[]): SqlmigError {
  const message = `--from-statement is the number of a statement in one file, but the selected schemas are incomplete in ${files.length} files: ${files.map(({ file }) => file).join(', ')}`;
  return new SqlmigError('bad-usage', message, {
    state: 'nothing was run',
    hint: 'use --tenants to select schemas that are incomplete in the same file, or name one schema and version',
  });
}

/** The error for a statement number that the file does not have. */
export function noSuchStatement(
  { migration: { file }, statements: { length } }: Script,
  statement: number,
): SqlmigError {
  const message = `--from-statement ${statement} is out of range: ${file} has ${length} ${length === 1 ? 'statement' : 'statements'}`;
  return new SqlmigError('bad-usage', message, {
    file,
    state: 'nothing was run',
    hint: `give a number from 1 to ${length}, or ${length + 1} if all statements took effect`,
  });
}

/** The error for a statement number that would skip statements that were never started in this schema. */
export function skipsUnstarted(
  { migration, statements: { length } }: Script,
  schema: string,
  { from, begun }: Resumption,
): SqlmigError {
  const { file } = migration;
  const statement = begun + 1;
  const message = `--from-statement ${from + 1} would skip statement ${statement} of ${file}, which was never started in "${schema}"`;
  return new SqlmigError('bad-usage', message, {
    schema,
    file,
    statement,
    statements: length,
    state: 'nothing was run',
    hint: `settle this schema on its own: ${repairCommandLine(schema, migration, '--resume')}`,
  });
}
