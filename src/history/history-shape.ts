import { recognizeTool } from './foreign-history.ts';
import { historyColumns } from './history.ts';

/** A table with at least this many of these columns is sqlmig's, even if some are missing. */
export const enoughColumns = 8;

/** Which tool a history table belongs to: sqlmig, perhaps with columns missing, or another one. */
type HistoryShape =
  | { readonly kind: 'ours'; readonly missing: readonly string[] }
  | { readonly kind: 'foreign'; readonly tool: string };

/** Recognizes a history table by its columns (`name type` each). */
export function shapeOf(columns: readonly string[]): HistoryShape {
  const present = new Set(columns.map((column) => column.slice(0, column.indexOf(' '))));
  const missing = historyColumns.filter((column) => !present.has(column));
  return historyColumns.length - missing.length >= enoughColumns
    ? { kind: 'ours', missing }
    : { kind: 'foreign', tool: recognizeTool(columns) };
}
