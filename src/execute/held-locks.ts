import type { HeldLock } from '../cost-results.ts';
import { feltModes } from '../protocol/measuring.ts';
import type { Unit } from '../protocol/unit-context.ts';
import type { QualifiedName, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import type { FileFigures, LockMark, LockOn } from './file-figures.ts';
import type { RelationBefore } from './relations-before.ts';

/** A part of a file between two marks. Times are in microseconds. */
interface Part {
  /** Its statements, from 0; `to` is behind the last one. */
  readonly from: number;
  readonly to: number;
  /** Since the start of the file, without what measuring took. */
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

/** The relations that existed, and the locks that the rehearsal held when the transaction of the file would begin. */
interface EarlierLocks {
  readonly before: ReadonlyMap<string, RelationBefore>;
  /** Those of other transactions in `up`, so that the file has to take them again. */
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
  const note = (oid: string, found: LockInFile) => {
    const known = strongest.get(oid);
    if (known === undefined || strength(found.lock.mode) > strength(known.lock.mode))
      strongest.set(oid, found);
  };
  const seen = new Set(held);
  const seenIn = new Map<Part, Set<string>>();
  for (const part of parts) {
    const newOnes = new Set<string>();
    const present = new Set(part.locks.map(keyOf));
    // ROLLBACK TO has released them: what takes them again counts.
    for (const key of [...seen].filter((one) => !present.has(one) && !held.has(one))) {
      seen.delete(key);
      const [oid = ''] = key.split(' ');
      if (key === keyOf([oid, strongest.get(oid)?.lock.mode ?? ''])) strongest.delete(oid);
    }
    seenIn.set(part, newOnes);
    for (const lock of part.locks) {
      const [oid, mode] = lock;
      const relation = before.get(oid);
      if (seen.has(keyOf(lock)) || relation === undefined) continue;
      seen.add(keyOf(lock));
      newOnes.add(oid);
      // The others are released by a later ROLLBACK TO.
      if (atEnd.has(keyOf(lock)))
        note(oid, { lock: lockOf(relation, mode, lineIn(unit, part)), from: part.start });
    }
  }
  inferTaken({ unit, seenIn, before, held: earlier }, note);
  return { micros, locks: [...strongest.values()] };
}

const keyOf = ([oid, mode]: LockOn) => `${oid} ${mode}`;
/** How strong a lock mode is, compared with others that sessions notice. */
export const strength = (mode: string) => feltModes.indexOf(mode);

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

/** Adds locks that were held before the file, and that its statements take again by their text. */
function inferTaken(
  { unit, seenIn, before, held }: Inference,
  note: (oid: string, found: LockInFile) => void,
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
      note(oid, { lock: { ...lock, inferred: true }, from: part?.start ?? 0 });
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

/** The OID of a relation among those that are held, its own schema first; `null` if it is none of them. */
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
