import type { SchemaPlan } from '../decide/plan.ts';
import { keptKey, needsKept, planUndo } from '../decide/undo.ts';
import type { RecordedRow } from '../history/history.ts';
import type { Histories, Reader } from '../history/read-histories.ts';
import { readKeptDown, readUndoRows, type UndoRow } from '../history/undo-rows.ts';
import type { Scope } from '../results.ts';
import { chosenKey, type UndoBasis } from './undo-basis.ts';

/** A schema that was read and planned for `up`. */
interface UndoSubject {
  readonly schema: string;
  readonly scope: Scope;
  readonly isCurrent: boolean;
  readonly rows: readonly RecordedRow[];
  readonly plan: SchemaPlan;
  readonly undo: UndoBasis;
}

/**
 * The plans of `down`, by schema. It reads every history, since schemas with equal digests may have applied migrations in
 * different orders, and may keep different down files.
 */
export async function readUndoPlans(
  reader: Reader,
  subjects: readonly UndoSubject[],
  table: string,
): Promise<Histories<SchemaPlan>> {
  const queries = subjects.map(({ schema, isCurrent, undo: { extent, chosen } }) => ({
    schema,
    isCurrent,
    above: extent.kind === 'above' ? extent.version : null,
    most: extent.kind === 'last' && !chosen.has(schema) ? extent.steps : null,
  }));
  const { read, refused } = await readUndoRows(reader, queries, table);
  const plans = new Map<string, SchemaPlan>();
  for (const subject of subjects) {
    const current = read.get(subject.schema);
    if (current === undefined || refused.has(subject.schema)) continue;
    const rows = stillChosen(subject, current);
    await readKept(reader, { ...subject, table }, rows);
    plans.set(subject.schema, planUndo(subject.plan, { all: subject.rows, rows }, subject.undo));
  }
  return { read: plans, refused };
}

/** With a number of steps, the rows of the first read that still exist. */
function stillChosen(
  { schema, undo: { extent, chosen } }: UndoSubject,
  rows: readonly UndoRow[],
): readonly UndoRow[] {
  if (extent.kind === 'above') return rows;
  const before = chosen.get(schema);
  if (before !== undefined) return rows.filter((row) => before.has(chosenKey(row)));
  chosen.set(schema, new Set(rows.map(chosenKey)));
  return rows;
}

/** Reads the kept down files that are needed and were not read before. */
async function readKept(
  { session }: Reader,
  { schema, scope, table, undo }: UndoSubject & { readonly table: string },
  rows: readonly UndoRow[],
): Promise<void> {
  for (const row of rows) {
    if (row.keptChecksum === null || !needsKept(row, undo)) continue;
    const key = keptKey(row, row.keptChecksum);
    if (undo.kept.has(key)) continue;
    const found = await readKeptDown(session, { schema, table, scope, ...undo.filled }, row);
    if (found?.checksum === row.keptChecksum) undo.kept.set(key, found);
  }
}
