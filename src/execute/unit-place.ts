import type { HistoryRow } from '../history/row.ts';
import { historyKey } from '../project/order.ts';
import { canonicalVersion } from '../project/version.ts';
import type { Unit, UnitSchema } from '../protocol/unit-context.ts';
import type { Script } from '../sql/migration.ts';

/** Where units run: a schema as the plan found it, in the context of a run. */
export type UnitPlace = Omit<Unit, 'script'>;

/** The schema after scripts are applied to it; a script that undoes its migration removes the row. */
export function withApplied(schema: UnitSchema, scripts: readonly Script[]): UnitSchema {
  if (scripts.length === 0) return schema;
  const rows = new Map(schema.history.map((row) => [historyKey(row), row]));
  for (const { migration } of scripts) {
    if (migration.undoes) rows.delete(historyKey(migration));
    else rows.set(historyKey(migration), rowOfApplied(migration));
  }
  return { ...schema, history: [...rows.values()], digest: null, isCurrent: true };
}

function rowOfApplied({ version, name, checksum }: Script['migration']): HistoryRow {
  return { version: version === null ? null : canonicalVersion(version), name, checksum, state: 'applied' };
}
