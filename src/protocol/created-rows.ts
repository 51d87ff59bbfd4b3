import { unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import type { Migration } from '../sql/migration.ts';
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

/**
 * Inserts the history rows of a schema that is created, and refuses to go on if the history does not keep them all.
 * `begunAt`: the time at which each file began, as a timestamp in text. It ended when the next one began, and the last one
 * when the statement runs. Then the statement returns a row with the duration of each.
 */
export function insertCreatedRows(
  rows: readonly CreatedRow[],
  { schema, context }: Omit<Unit, 'script'>,
  begunAt?: readonly string[],
): string {
  if (rows.length === 0) return '';
  const lines = rows.map(({ migration, statements }, i) => {
    const values = insertedValues(
      { migration, statements, schema, context },
      { state: 'applied', by: context.appliedBy },
    );
    const { down = 'null', down_checksum: checksum = 'null' } = keptValues(migration.undoneBy, context);
    return `(${[values, down, checksum, ...(begunAt === undefined ? [] : timesOf(begunAt, i))].join(', ')})`;
  });
  const times = begunAt === undefined ? '' : ', applied_at, duration_ms';
  const end = begunAt === undefined ? ';\n' : ` ${returning(schema, keyColumn)}`;
  const own = historyTable(schema.schema, context.table);
  const insert = `insert into ${own} (${insertedColumns}, down, down_checksum${times}) values\n${lines.join(',\n')}${end}`;
  const lost: Check = [`(select count(*) from ${own}) < ${rows.length}`, unitStates.rowRefused];
  return `${insert}select ${holds([lost])} as kept;\n`;
}

/** SQL expressions: when a file began, and how long it took. */
function timesOf(begunAt: readonly string[], file: number): readonly string[] {
  const [began, ended = 'clock_timestamp()'] = begunAt
    .slice(file, file + 2)
    .map((at) => `${quoteLiteral(at)}::timestamptz`);
  if (began === undefined) throw new RangeError(`file ${file} of a creation did not report its beginning`);
  return [began, inMilliseconds(`${ended} - ${began}`)];
}
