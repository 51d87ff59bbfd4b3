import { historyTable, rowOf } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import type { Row } from '../server/answer.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';

/** SQL expression: an interval in whole milliseconds. */
export const inMilliseconds = (interval: string) =>
  `least(date_part('epoch', ${interval}) * 1000, 2147483647)::int`;
/** SQL expression: the history key of a history row (see `historyKey`). */
export const keyColumn = `coalesce(version::text, 'R__' || name)`;

/** SQL: the columns of a row that reports a duration (see `durationOf`), from expressions. */
export function durationColumns(
  { schema }: UnitSchema,
  { key, ms }: { readonly key: string; readonly ms: string },
): string {
  return `${quoteLiteral(schema)} as sqlmig_schema, ${key} as sqlmig_key, ${ms} as sqlmig_ms`;
}

/** SQL: returns the duration of each row that a statement writes, for `durationOf`. */
export function returning(schema: UnitSchema, key: string): string {
  return `returning ${durationColumns(schema, { key, ms: 'duration_ms' })};\n`;
}

/** Records how long one migration took, which has just run, and returns it in a row that `durationOf` reads. */
export function recordDuration(migration: Migration, schema: UnitSchema, { table }: UnitContext): string {
  const own = historyTable(schema.schema, table);
  const took = inMilliseconds('clock_timestamp() - applied_at');
  const key = quoteLiteral(historyKey(migration));
  return `update ${own} set duration_ms = ${took} where ${rowOf(migration)} ${returning(schema, key)}`;
}

/**
 * Records how long each migration took that this run has applied to a schema: each ended when the next one began, so it
 * belongs right before the last COMMIT. Returns a row for each. `begunAt` are the times at which those began that may
 * have left no row, as timestamps in text.
 */
export function recordDurations(
  schema: UnitSchema,
  { runId, table }: UnitContext,
  begunAt: readonly string[] = [],
): string {
  const own = historyTable(schema.schema, table);
  const others = `array[${begunAt.map(quoteLiteral).join(', ')}]::timestamptz[]`;
  const next = begunAt.length === 0 ? '' : `(select min(t) from unnest(${others}) t where t > applied_at), `;
  const end = `coalesce(lead(applied_at) over (order by applied_at), ${next}clock_timestamp())`;
  return `update ${own} h set duration_ms = d.ms from (select ctid as at, ${inMilliseconds(`${end} - applied_at`)} as ms
  from ${own} where run_id = ${quoteLiteral(runId)} and duration_ms = 0) d where h.ctid = d.at ${returning(schema, keyColumn)}`;
}

/** Reads a row that reports a duration; returns `null` for any other row. */
export function durationOf({
  sqlmig_schema: schema,
  sqlmig_key: key,
  sqlmig_ms: ms,
}: Row): { schema: string; key: string; ms: number } | null {
  return typeof key === 'string' ? { schema: String(schema), key, ms: Number(ms) } : null;
}

/** The column that `recordedByRun` and `stillRecorded` return. */
export const recordedColumn = 'sqlmig_recorded';

/** SQL query: the history keys of all versioned migrations that are recorded in a schema. */
export function stillRecorded({ schema }: UnitSchema, { table }: UnitContext): string {
  return `select ${keyColumn} as ${recordedColumn} from ${historyTable(schema, table)} where version is not null;\n`;
}

/** SQL query: the history keys of everything that this run has recorded in a schema. */
export function recordedByRun({ schema }: UnitSchema, { runId, table }: UnitContext): string {
  return `select ${keyColumn} as ${recordedColumn} from ${historyTable(schema, table)} where run_id = ${quoteLiteral(runId)};\n`;
}
