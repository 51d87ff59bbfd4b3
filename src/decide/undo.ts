import type { HistoryRow } from '../history/row.ts';
import type { UndoRow } from '../history/undo-rows.ts';
import { historyKey, migrationLabel } from '../project/order.ts';
import type { Migration } from '../sql/migration.ts';
import type { LackingDown, SchemaPlan } from './plan.ts';

/** Which applied migrations are undone in a schema. */
export type UndoExtent =
  /** All with a higher version. */
  | { readonly kind: 'above'; readonly version: string }
  /** The ones that were applied last. */
  | { readonly kind: 'last'; readonly steps: number };

/** Where the texts that undo come from. */
export interface DownSources {
  /** The down files of the project, by history key. */
  readonly files: ReadonlyMap<string, Migration>;
  /** Use what the history keeps of migrations that have no file. */
  readonly usesKept: boolean;
  /** What histories keep (see `keptKey`). */
  readonly kept: ReadonlyMap<string, Migration>;
}

/** Identifies the text that histories keep of a migration: those with the same checksum are equal. */
export function keptKey(row: Pick<HistoryRow, 'version' | 'name'>, checksum: string): string {
  return `${historyKey(row)} ${row.name} ${checksum}`;
}

/** Whether what the history keeps of a migration may be needed. */
export function needsKept(row: UndoRow, { files, usesKept }: Omit<DownSources, 'kept'>): boolean {
  if (row.keptChecksum === null || !row.isIntact) return false;
  const file = files.get(historyKey(row));
  if (row.undoneBy === undefined) return usesKept && file === undefined;
  return row.undoneBy === row.keptChecksum && file?.checksum !== row.undoneBy;
}

/**
 * The plan of `down` in a schema: the files that undo `rows`, in their order. A migration that is not finished is settled
 * first, unless it is the first of them, and the next statement of its down file is certain.
 */
export function planUndo(
  found: SchemaPlan,
  { all, rows }: { readonly all: readonly HistoryRow[]; readonly rows: readonly UndoRow[] },
  sources: DownSources,
): SchemaPlan {
  const begun = all.find(({ state }) => state !== 'applied');
  const [first] = rows;
  const continues =
    begun?.undoneBy !== undefined &&
    begun.inDoubt !== true &&
    first?.undoneBy === begun.undoneBy &&
    typeof sourceOf(first, sources) !== 'string';
  const isOpen = begun !== undefined && !continues;
  const chosen = isOpen ? [] : rows.map((row) => ({ row, source: sourceOf(row, sources) }));
  const steps = chosen.flatMap(({ source }) => (typeof source === 'string' ? [] : [source]));
  return {
    ...found,
    steps,
    pending: steps.length,
    refusal: isOpen ? unfinished(begun) : null,
    obstacle: isOpen && begun.undoneBy !== undefined ? 'undoing' : null,
    undo: {
      lacking: chosen.flatMap(({ row: { version, name }, source }) =>
        typeof source === 'string' ? [{ version, name, why: source }] : [],
      ),
    },
  };
}

/** The text that undoes a migration, or why there is none. */
function sourceOf(row: UndoRow, { files, usesKept, kept }: DownSources): Migration | LackingDown['why'] {
  const { undoneBy, keptChecksum } = row;
  const file = files.get(historyKey(row));
  const ofHistory = keptChecksum === null ? undefined : kept.get(keptKey(row, keptChecksum));
  // Progress is recorded by statement number, so what was started goes on, whatever the file is now.
  if (undoneBy !== undefined)
    return [file, ofHistory].find((one) => one?.checksum === undoneBy) ?? 'kept-changed';
  if (file !== undefined) return file;
  if (!usesKept) return 'no-file';
  return ofHistory ?? (keptChecksum === null ? 'not-kept' : 'kept-changed');
}

function unfinished(row: HistoryRow): SchemaPlan['refusal'] {
  const { version, name, undoneBy } = row;
  const what = undoneBy === undefined ? 'was' : 'is being undone: its down file was';
  return {
    kind: 'incomplete',
    ...(version !== null && { version }),
    name,
    message: `${migrationLabel(row)} ${what} started but not finished`,
  };
}
