import { unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { canonicalVersion } from '../project/version.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { inMilliseconds, keyColumn, returning } from './durations.ts';
import { type Check, holds } from './refusal.ts';
import type { Unit } from './unit-context.ts';
import { insertedColumns, insertedValues, keptValues } from './unit-row.ts';

/** A migration to record as applied, and the number of its statements. */
export interface CreatedRow {
  readonly migration: Migration;
  readonly statements: number;
}

/** The row of a script that was applied. */
export function createdRow({ migration, statements }: Script): CreatedRow {
  return { migration, statements: statements.length };
}

/** Inserts history rows into an empty history, and fails if it does not keep them all. */
export function insertCreatedRows(
  rows: readonly CreatedRow[],
  { schema, context }: Omit<Unit, 'script'>,
): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ migration, statements }) => {
    const values = insertedValues(
      { migration, statements, schema, context },
      { state: 'applied', by: context.appliedBy },
    );
    const { down = 'null', down_checksum: checksum = 'null' } = keptValues(migration.undoneBy, context);
    return `(${values}, ${down}, ${checksum})`;
  });
  const own = historyTable(schema.schema, context.table);
  return `insert into ${own} (${insertedColumns}, down, down_checksum) values\n${lines.join(',\n')};\n${allKept(own, rows.length)}`;
}

/**
 * Inserts history rows after those of the schema's history, with the time at which each file began, as a timestamp in text.
 * It ended when the next one began, and the last one when the statement runs. Returns a row with the duration of each.
 * Arrays cost less than rows of VALUES, each of which has expressions to plan.
 */
export function insertTimedRows(
  rows: readonly CreatedRow[],
  begunAt: readonly string[],
  { schema, context }: Omit<Unit, 'script'>,
): string {
  if (rows.length === 0) return '';
  if (rows.length !== begunAt.length)
    throw new RangeError(`${begunAt.length} of ${rows.length} files reported when they began`);
  const own = historyTable(schema.schema, context.table);
  const kept = rows.map(({ migration }) => keptValues(migration.undoneBy, context));
  const arrays: Readonly<Record<string, string>> = {
    version: arrayOf(
      'bigint',
      rows.map(({ migration: { version } }) => (version === null ? 'null' : canonicalVersion(version))),
    ),
    name: arrayOf(
      'text',
      rows.map(({ migration }) => quoteLiteral(migration.name)),
    ),
    checksum: arrayOf(
      'text',
      rows.map(({ migration }) => quoteLiteral(migration.checksum)),
    ),
    statements: arrayOf(
      'integer',
      rows.map(({ statements }) => String(statements)),
    ),
    begun_at: arrayOf('timestamptz', begunAt.map(quoteLiteral)),
    down: arrayOf(
      'text',
      kept.map(({ down = 'null' }) => down),
    ),
    down_checksum: arrayOf(
      'text',
      kept.map(({ down_checksum: checksum = 'null' }) => checksum),
    ),
  };
  const same = [context.appliedBy, context.runId, 'applied', schema.scope].map(quoteLiteral).join(', ');
  const took = inMilliseconds('coalesce(lead(begun_at) over (order by n), clock_timestamp()) - begun_at');
  return `insert into ${own} (${insertedColumns}, applied_at, duration_ms, down, down_checksum)
select version, name, checksum, ${same}, statements, statements, begun_at, ${took}, down, down_checksum
from unnest(${Object.values(arrays).join(',\n')})
  with ordinality as created (${Object.keys(arrays).join(', ')}, n) order by n ${returning(schema, keyColumn)}${allKept(own, schema.history.length + rows.length)}`;
}

function arrayOf(type: string, values: readonly string[]): string {
  return `array[${values.join(', ')}]::${type}[]`;
}

function allKept(own: string, rows: number): string {
  const lost: Check = [`(select count(*) from ${own}) < ${rows}`, unitStates.rowRefused];
  return `select ${holds([lost])} as kept;\n`;
}
