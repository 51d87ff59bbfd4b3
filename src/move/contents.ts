import type { ForeignHistoryFound } from '../adopt/foreign-histories.ts';
import { takenOverTrigger } from '../history/foreign-tables.ts';
import type { Config } from '../project/config.ts';
import type { Division } from './kept.ts';

/** How many objects of a kind move, and how many stay. */
export interface KindCount {
  readonly kind: string;
  readonly moves: number;
  readonly stays: number;
}

/** Counts a division by kind. */
export function countKinds({ moved, kept }: Division): KindCount[] {
  const counts = new Map<string, { moves: number; stays: number }>();
  const of = (kind: string) => {
    const count = counts.get(kind) ?? { moves: 0, stays: 0 };
    counts.set(kind, count);
    return count;
  };
  for (const { kind } of moved) of(kind).moves += 1;
  for (const { item } of kept) of(item.kind).stays += 1;
  return [...counts].map(([kind, count]) => ({ kind, ...count }));
}

/** The names in public that belong to the histories of migration tools, which stay there. */
export function historyTablesOf(
  histories: readonly ForeignHistoryFound[],
  { publicSchema, historyTable }: Pick<Config, 'publicSchema' | 'historyTable'>,
): ReadonlySet<string> {
  const here = histories.filter(({ found }) => found.schema === publicSchema);
  const tables = here.flatMap(({ found: { table, companions } }) => [
    table,
    ...companions.filter(
      (name) => besides.includes(name) || name === `${table}_lock` || name === `${table}lock`,
    ),
  ]);
  return new Set([historyTable, takenOverTrigger, ...tables]);
}

// Tables that tools keep beside their history.
const besides: readonly string[] = ['ar_internal_metadata', 'hdb_version', 'typeorm_metadata', 'current'];
