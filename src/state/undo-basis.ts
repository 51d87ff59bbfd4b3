import type { DownSources, UndoExtent } from '../decide/undo.ts';
import type { UndoRow } from '../history/undo-rows.ts';
import { historyKey } from '../project/order.ts';
import type { AppliedMigration } from '../results.ts';
import type { Migration } from '../sql/migration.ts';

/** The input for the plans of `down` in a scope, and what the run has collected so far. */
export interface UndoBasis extends DownSources {
  readonly extent: UndoExtent;
  /** The values of placeholders, which a history does not keep. */
  readonly filled: Pick<Migration, 'vars'>;
  readonly kept: Map<string, Migration>;
  /** By schema, the rows that the first read chose. A later read must not choose others. */
  readonly chosen: Map<string, ReadonlySet<string>>;
  /** By schema, migrations that this run may have undone in an attempt whose outcome is unknown. */
  readonly attempted: Map<string, readonly AppliedMigration[]>;
}

/** The basis of a run that has not read anything yet. */
export function createUndoBasis({
  down,
  ...rest
}: Pick<UndoBasis, 'extent' | 'usesKept' | 'filled'> & { readonly down: readonly Migration[] }): UndoBasis {
  const files = new Map(down.map((file) => [historyKey(file), file]));
  return { ...rest, files, kept: new Map(), chosen: new Map(), attempted: new Map() };
}

/**
 * Records the migrations that an attempt may undo in a schema. If their rows are gone at the next read, this run has undone
 * them. `up` does not need this, because each row names its run.
 */
export function noteAttempted(
  { attempted }: UndoBasis,
  schema: string,
  migrations: readonly AppliedMigration[],
): void {
  const all = [...(attempted.get(schema) ?? []), ...migrations];
  attempted.set(schema, [...new Map(all.map((migration) => [historyKey(migration), migration])).values()]);
}

/** Identifies a row by its migration and run: a later run may apply the same migration again. */
export function chosenKey(row: UndoRow): string {
  return `${historyKey(row)} ${row.runId}`;
}
