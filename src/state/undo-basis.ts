import type { UndoExtent } from '../decide/undo.ts';
import type { UndoRow } from '../history/undo-rows.ts';
import { historyKey } from '../project/order.ts';
import type { AppliedMigration } from '../results.ts';
import type { Migration } from '../sql/migration.ts';

/** By what a run of `down` plans the schemas of a scope, and what it has learned so far. */
export interface UndoBasis {
  readonly extent: UndoExtent;
  /** The down files of the scope, by history key. */
  readonly files: ReadonlyMap<string, Migration>;
  /** Use what the history keeps of migrations that have no file. */
  readonly usesKept: boolean;
  /** The values of placeholders, which a history does not keep. */
  readonly filled: Pick<Migration, 'vars'>;
  /** The texts of histories, by `keptKey`. */
  readonly kept: Map<string, Migration>;
  /** By schema, the rows that were chosen when it was first read: another reading must not choose more. */
  readonly chosen: Map<string, ReadonlySet<string>>;
  /** By schema, migrations that this run may have undone in an attempt that it knows no end of. */
  readonly attempted: Map<string, readonly AppliedMigration[]>;
}

/** The basis of a run that has read nothing yet. */
export function createUndoBasis({
  down,
  ...rest
}: Pick<UndoBasis, 'extent' | 'usesKept' | 'filled'> & { readonly down: readonly Migration[] }): UndoBasis {
  const files = new Map(down.map((file) => [historyKey(file), file]));
  return { ...rest, files, kept: new Map(), chosen: new Map(), attempted: new Map() };
}

/**
 * Notes migrations of a schema that an attempt may undo: if their rows are gone when it is read again, this run has undone
 * them. Of what `up` applies, the rows themselves name the run.
 */
export function noteAttempted(
  { attempted }: UndoBasis,
  schema: string,
  migrations: readonly AppliedMigration[],
): void {
  const all = [...(attempted.get(schema) ?? []), ...migrations];
  attempted.set(schema, [...new Map(all.map((migration) => [historyKey(migration), migration])).values()]);
}

/** Identifies a row, and not that of a later run for the same migration. */
export function chosenKey(row: UndoRow): string {
  return `${historyKey(row)} ${row.runId}`;
}
