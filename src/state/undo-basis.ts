import type { DownSources, UndoExtent } from '../decide/undo.ts';
import type { UndoRow } from '../history/undo-rows.ts';
import { historyKey } from '../project/order.ts';
import type { AppliedMigration } from '../results.ts';
import type { Migration } from '../sql/migration.ts';

/** The values from which a run of `down` plans the schemas of a scope, and the facts that it has collected so far. */
export interface UndoBasis extends DownSources {
  readonly extent: UndoExtent;
  /** The values of placeholders, which a history does not keep. */
  readonly filled: Pick<Migration, 'vars'>;
  readonly kept: Map<string, Migration>;
  /** By schema, the rows that were chosen when it was first read: another reading must not choose more. */
  readonly chosen: Map<string, ReadonlySet<string>>;
  /** By schema, migrations that this run may have undone in an attempt whose outcome is unknown. */
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
 * Records the migrations of a schema that an attempt may undo: if their rows are gone when it is read again, this run
 * has undone them. For `up` this is not needed, because the rows themselves name the run.
 */
export function noteAttempted(
  { attempted }: UndoBasis,
  schema: string,
  migrations: readonly AppliedMigration[],
): void {
  const all = [...(attempted.get(schema) ?? []), ...migrations];
  attempted.set(schema, [...new Map(all.map((migration) => [historyKey(migration), migration])).values()]);
}

/** Identifies a row, as distinct from that of a later run for the same migration. */
export function chosenKey(row: UndoRow): string {
  return `${historyKey(row)} ${row.runId}`;
}
