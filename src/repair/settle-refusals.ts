import { SqlmigError } from '../errors.ts';
import type { HistoryRow } from '../history/row.ts';
import type { Migration } from '../sql/migration.ts';
import { repairCommandLine } from '../text/command-line.ts';

/** The error for a file that is not what was begun: which of its statements are done is not known. */
export function changedSince(migration: Migration, schema: string): SqlmigError {
  const { file } = migration;
  const settle = repairCommandLine(schema, migration, '--mark-applied');
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
    state: `it is still marked as incomplete`,
    hint: 'rebuild it with REINDEX INDEX CONCURRENTLY, or drop it, before you call this applied; or use --resume',
  });
}

/** The error for a migration that was begun and of which there is no file, or none when the repair began. */
export function begunWithoutFile({ version, name }: HistoryRow, schema: string): SqlmigError {
  const message = `${version ?? 'R_'}_${name} was begun and not finished, and its file is not there`;
  return new SqlmigError('incomplete', message, {
    schema,
    state: 'nothing was run',
    hint: 'put its file back, then run this repair again',
  });
}

/** The error for a statement to go on with where schemas stopped in several files. */
export function severalFiles(files: readonly Migration[]): SqlmigError {
  const message = `--from-statement counts in one file, and the selected schemas stopped in ${files.length}: ${files.map(({ file }) => file).join(', ')}`;
  return new SqlmigError('bad-usage', message, {
    state: 'nothing was run',
    hint: 'select the schemas of one file with --tenants, or give a schema and its migration',
  });
}
