import type { HeldLock } from '../cost-results.ts';
import { blockingModes } from '../protocol/measuring.ts';
import type { Unit } from '../protocol/unit-context.ts';
import type { QualifiedName, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import type { FileFigures, LockMark, LockOn } from './file-figures.ts';
import type { RelationBefore } from './relations-before.ts';

/** A part of a file between two marks. Times are in microseconds. */
interface Part {
  /** Its statements, from 0; `to` is excluded. */
  readonly from: number;
  readonly to: number;
  /** Since the start of the file, without the time for measuring. */
  readonly start: number;
  readonly locks: readonly LockOn[];
}

/** A lock with the time, in microseconds of the file, from which it is held. */
interface LockInFile {
  readonly lock: Omit<HeldLock, 'heldMs'>;
  readonly from: number;
}

/** The locks of a file, and how long it took in microseconds. */
export interface FileLocks {
  readonly micros: number;
  readonly locks: readonly LockInFile[];
}

/** The relations that existed, and the locks that the rehearsal held where the transaction of the file would start. */
interface EarlierLocks {
  readonly before: ReadonlyMap<string, RelationBefore>;
  /** In `up`, other transactions take these locks, so the file has to take them again. */
  readonly earlier: readonly LockOn[];
}

/** The strongest lock of a file on each relation. */
export function locksOfFile(
  unit: Unit,
  { marks }: FileFigures,
  { before, earlier }: EarlierLocks,
): FileLocks {
  const { parts, micros } = partsOf(unit, marks);
  const held = new Set((marks[0]?.locks ?? []).map(keyOf));
  const atEnd = new Set((marks.at(-1)?.locks ?? []).map(keyOf));
  const strongest = new Map<string, LockInFile>();
  const keepStrongest = (oid: string, taken: LockInFile) => {
    const kept = strongest.get(oid);
    if (kept === undefined || strength(taken.lock.mode) > strength(kept.lock.mode)) strongest.set(oid, taken);
  };
  const seen = new Set(held);
  const seenIn = new Map<Part, Set<string>>();
  for (const part of parts) {
    const takenHere = new Set<string>();
    const present = new Set(part.locks.map(keyOf));
    // ROLLBACK TO has released these locks, so they count again if they are taken again.
    for (const key of [...seen].filter((lock) => !present.has(lock) && !held.has(lock))) {
      seen.delete(key);
      const [oid = ''] = key.split(' ');
      if (key === keyOf([oid, strongest.get(oid)?.lock.mode ?? ''])) strongest.delete(oid);
    }
    seenIn.set(part, takenHere);
    for (const lock of part.locks) {
      const [oid, mode] = lock;
      const relation = before.get(oid);
      if (seen.has(keyOf(lock)) || relation === undefined) continue;
      seen.add(keyOf(lock));
      takenHere.add(oid);
      // A later ROLLBACK TO releases all other locks.
      if (atEnd.has(keyOf(lock)))
        keepStrongest(oid, { lock: lockOf(relation, mode, lineIn(unit, part)), from: part.start });
    }
  }
  inferTaken({ unit, seenIn, before, held: earlier }, keepStrongest);
  return { micros, locks: [...strongest.values()] };
}

const keyOf = ([oid, mode]: LockOn) => `${oid} ${mode}`;
/** The strength of a lock mode among `blockingModes`. */
export const strength = (mode: string) => blockingModes.indexOf(mode);

function lockOf({ schema, relation }: RelationBefore, mode: string, line: number | null): LockInFile['lock'] {
  return { schema, relation, mode, ...(line !== null && { line }) };
}

/** The parts between the marks of a file, and the time of all of them. */
function partsOf({ script }: Unit, marks: readonly LockMark[]): { parts: Part[]; micros: number } {
  const parts: Part[] = [];
  let micros = 0;
  for (const [i, { at, locks, statement }] of marks.entries()) {
    const previous = marks[i - 1];
    if (previous === undefined) continue;
    const to = Math.min(statement + 1, script.statements.length);
    parts.push({ from: previous.statement + 1, to, start: micros, locks });
    micros += Math.max(0, at - previous.until);
  }
  return { parts, micros };
}

/** The line of the only statement of a part, or `null`. */
function lineIn(unit: Unit, { from, to }: Part): number | null {
  return to - from === 1 ? lineOfStatement(unit, from) : null;
}

function lineOfStatement({ script: { migration, statements } }: Unit, n: number): number | null {
  const statement = statements[n];
  return statement === undefined ? null : locate(migration.file, migration.text, statement.start).line;
}

interface Inference {
  readonly unit: Unit;
  /** The relations on which each part took a lock that was seen. */
  readonly seenIn: ReadonlyMap<Part, ReadonlySet<string>>;
  readonly before: ReadonlyMap<string, RelationBefore>;
  readonly held: readonly LockOn[];
}

/** Adds locks that were held before the file and that its statements would take, by their text. */
function inferTaken(
  { unit, seenIn, before, held }: Inference,
  keepStrongest: (oid: string, taken: LockInFile) => void,
): void {
  for (const [n, statement] of unit.script.statements.entries()) {
    const [part, seen] = [...seenIn].find(([{ from, to }]) => n >= from && n < to) ?? [];
    for (const { name, weakest } of lockedBy(statement)) {
      const oid = oidOf(name, held, { unit, before });
      const relation = oid === null ? undefined : before.get(oid);
      if (oid === null || relation === undefined || seen?.has(oid) === true) continue;
      const modes = held.filter(([of]) => of === oid).map(([, mode]) => mode);
      const mode = weakest ?? modes.reduce((a, b) => (strength(b) > strength(a) ? b : a));
      if (!modes.includes(mode)) continue;
      const lock = lockOf(relation, mode, lineOfStatement(unit, n));
      keepStrongest(oid, { lock: { ...lock, inferred: true }, from: part?.start ?? 0 });
    }
  }
}

/** The relations that a statement locks, and in which mode if its kind says so. */
function lockedBy({
  kind,
  reach,
}: Statement): { readonly name: QualifiedName; readonly weakest: string | null }[] {
  const referenced = [...reach.references].map((name) => ({
    name: { schema: null, name },
    weakest: 'ShareRowExclusiveLock',
  }));
  if (rowsOnly.has(kind)) return referenced;
  const weakest = modesOf[kind] ?? null;
  return [...reach.targets.map((name) => ({ name, weakest })), ...referenced];
}

const rowsOnly: ReadonlySet<string> = new Set(['UpdateStmt', 'DeleteStmt', 'MergeStmt']);
const modesOf: Readonly<Record<string, string>> = {
  IndexStmt: 'ShareLock',
  ReindexStmt: 'ShareLock',
  CreateTrigStmt: 'ShareRowExclusiveLock',
};

/** The OID of a locked relation by its name, own schema first; `null` if it is not locked. */
function oidOf(
  { schema, name }: QualifiedName,
  held: readonly LockOn[],
  { unit, before }: Pick<Inference, 'unit' | 'before'>,
): string | null {
  const named = held.flatMap(([oid]) => (before.get(oid)?.relation === name ? [oid] : []));
  const inSchema = (of: string) => named.find((oid) => before.get(oid)?.schema === of);
  const found =
    schema === null
      ? (inSchema(unit.schema.schema) ?? inSchema(unit.context.publicSchema))
      : inSchema(schema);
  return found ?? null;
}
