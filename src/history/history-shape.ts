import { recogniseTool } from './foreign-history.ts';

/** The columns that a history table of ours has. */
export const historyColumns: readonly string[] = [
  'version',
  'name',
  'checksum',
  'applied_at',
  'duration_ms',
  'applied_by',
  'run_id',
  'state',
  'scope',
  'statements',
  'at_statement',
  'done_statements',
];

/** A table with this many of our columns is ours, though some are missing. */
export const enoughColumns = 8;

/** Whose a history table is: ours, perhaps with columns missing, or another tool's. */
export type HistoryShape =
  | { readonly kind: 'ours'; readonly missing: readonly string[] }
  | { readonly kind: 'foreign'; readonly tool: string };

/** Judges a history table by its columns (`name type` each). */
export function shapeOf(columns: readonly string[]): HistoryShape {
  const present = new Set(columns.map((column) => column.slice(0, column.indexOf(' '))));
  const missing = historyColumns.filter((column) => !present.has(column));
  return historyColumns.length - missing.length >= enoughColumns
    ? { kind: 'ours', missing }
    : { kind: 'foreign', tool: recogniseTool(columns) };
}
