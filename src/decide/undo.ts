import type { HistoryRow } from '../history/row.ts';
import type { UndoRow } from '../history/undo-rows.ts';
import { historyKey, migrationLabel } from '../project/order.ts';
import type { Migration } from '../sql/migration.ts';
import type { LackingDown, SchemaPlan } from './plan.ts';

/** Which applied migrations to undo in a schema. */
export type UndoExtent =
  /** All with a higher version. */
  | { readonly kind: 'above'; readonly version: string }
  /** The ones that were applied last. */
  | { readonly kind: 'last'; readonly steps: number };

/** The sources of the down files. */
export interface DownSources {
  /** The down files of the project, by history key. */
  readonly files: ReadonlyMap<string, Migration>;
  /** Use the down files that the history keeps for migrations that have no file. */
  readonly usesKept: boolean;
  /** The down files that histories keep (see `keptKey`). */
  readonly kept: ReadonlyMap<string, Migration>;
}

/** Identifies the down file that histories keep of a migration: texts with the same checksum are equal. */
export function keptKey(row: Pick<HistoryRow, 'version' | 'name'>, checksum: string): string {
  return `${historyKey(row)} ${row.name} ${checksum}`;
}

/** Whether the down file that the history keeps of a migration may be needed. */
export function needsKept(row: UndoRow, { files, usesKept }: Omit<DownSources, 'kept'>): boolean {
  if (row.keptChecksum === null || !row.isIntact) return false;
  const file = files.get(historyKey(row));
  if (row.undoneBy === undefined) return usesKept && file === undefined;
  return row.undoneBy === row.keptChecksum && file?.checksum !== row.undoneBy;
}

/**
 * The plan of `down` in a schema: the files that undo `rows`, in their order. An unfinished migration must be settled
 * first, unless it is the first of them and the next statement of its down file is certain.
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

/** The down file of a migration, or why there is none. */
function sourceOf(row: UndoRow, { files, usesKept, kept }: DownSources): Migration | LackingDown['why'] {
  const { undoneBy, keptChecksum } = row;
  const file = files.get(historyKey(row));
  const ofHistory = keptChecksum === null ? undefined : kept.get(keptKey(row, keptChecksum));
  // Progress is recorded by statement number, so the text that was started continues, even if the file has changed.
  if (undoneBy !== undefined)
    return [file, ofHistory].find((down) => down?.checksum === undoneBy) ?? 'kept-changed';
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
