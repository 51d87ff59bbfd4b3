import type { BuiltIndex, ChangedRows, FileCost, HeldLock, RewrittenTable } from '../cost-results.ts';
import { transactionsOf } from '../protocol/transactions.ts';
import type { Unit, UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import type { Script } from '../sql/migration.ts';
import { differences } from '../structure/structure.ts';
import type { Counters, FigureCollector, FileFigures, RelationNow } from './file-figures.ts';
import { type FileLocks, locksOfFile, strength } from './held-locks.ts';
import type { Before } from './relations-before.ts';

/** The rehearsed files of a schema, their figures, and the state before them. */
interface Measured {
  readonly schema: UnitSchema;
  readonly context: UnitContext;
  readonly scripts: readonly Script[];
  readonly figures: FigureCollector;
  readonly before: Before;
}

/** The cost of each file that was rehearsed. */
export function costsOf({ schema, context, scripts, figures, before }: Measured): FileCost[] {
  const transactions = transactionsOf(scripts, { schema, context });
  const state = createState(before);
  const joinedWith = (script: Script) => transactions.find((joined) => joined.includes(script)) ?? [script];
  const locks = figures.files.map((file, i) => {
    const script = scripts[i] as Script;
    const first = figures.files[scripts.indexOf(joinedWith(script)[0] ?? script)];
    const earlier = first?.marks[0]?.locks ?? [];
    return locksOfFile({ schema, context, script }, file, { before: before.relations, earlier });
  });
  return figures.files.map((file, i) => {
    const script = scripts[i] as Script;
    const { version, name, file: path } = script.migration;
    const last = scripts.indexOf(joinedWith(script).at(-1) ?? script);
    const changed = state.changesOf({ schema, context, script }, file);
    const held = withImplied(
      heldLocks(locks.slice(i, last + 1)),
      changed,
      inMs(microsOf(locks.slice(i, last + 1))),
    );
    return {
      version,
      name,
      file: path,
      durationMs: inMs(locks[i]?.micros ?? 0),
      locks: held,
      ...changed,
      outside: outsideOf(file, schema, { locks: held, ...changed }),
    };
  });
}

const inMs = (micros: number) => Math.round(micros / 1000);

const microsOf = (files: readonly FileLocks[]) => files.reduce((sum, { micros }) => sum + micros, 0);

/** The locks of the first file, held to the end of the last one. */
function heldLocks([first, ...rest]: readonly FileLocks[]): FileCost['locks'] {
  const after = microsOf(rest);
  return (first?.locks ?? [])
    .map(({ lock: { schema, relation, mode, ...more }, from }) => {
      const heldMs = inMs((first?.micros ?? 0) - from + after);
      return { schema, relation, mode, heldMs, ...more };
    })
    .sort(byName);
}

const byName = (a: HeldLock, b: HeldLock) => (qualified(a) < qualified(b) ? -1 : 1);

/** Adds the locks that the changes require and that could not be seen because an earlier file held them. */
function withImplied(
  locks: readonly HeldLock[],
  { rewritten, indexes }: Pick<Changes, 'rewritten' | 'indexes'>,
  heldMs: number,
): HeldLock[] {
  const all = new Map(locks.map((lock) => [qualified(lock), lock]));
  const implied = [
    ...rewritten.map((table) => ({ ...table, mode: 'AccessExclusiveLock' })),
    ...indexes.map((index) => ({ ...index, mode: 'ShareLock' })),
  ];
  for (const { schema, relation, mode } of implied) {
    const held = all.get(qualified({ schema, relation }));
    if (held !== undefined && strength(held.mode) >= strength(mode)) continue;
    all.set(qualified({ schema, relation }), { schema, relation, mode, heldMs, inferred: true });
  }
  return [...all.values()].sort(byName);
}

const qualified = ({ schema, relation }: { readonly schema: string; readonly relation: string }) =>
  `${schema}.${relation}`;

// An ALTER TABLE that rewrites a table without rows leaves the same storage as TRUNCATE.
const truncating: ReadonlySet<string> = new Set([
  ...['TruncateStmt', 'DoStmt', 'CallStmt', 'SelectStmt', 'ExecuteStmt'],
]);

function mayTruncate({ statements }: Script): boolean {
  return statements.some(({ kind }) => truncating.has(kind));
}

// What a file has set is reset before the setting is read.
function countsRows({ counts }: FileFigures, { statements }: Script): boolean {
  return counts && !statements.some(({ reach }) => reach.words.has('track_counts'));
}

type Changes = Pick<FileCost, 'rewritten' | 'indexes' | 'rows'>;

/** Compares the figures of each file with the figures before it. */
function createState(before: Before) {
  const storage = new Map<string, string>();
  const spaces = new Map<string, string>();
  const heaps = new Map<string, number>();
  const counters = new Map<string, Counters>();
  for (const [oid, relation] of before.relations) {
    storage.set(oid, relation.storage);
    spaces.set(oid, relation.tablespace);
  }
  const knownStorage = new Set<string>();
  const knownNames = new Set<string>();
  for (const [table, indexes] of before.indexes) {
    for (const { storage, index } of indexes.values()) {
      knownStorage.add(storage);
      knownNames.add(`${table} ${index}`);
    }
  }

  const rewrittenBy = (script: Script, now: RelationNow): RewrittenTable[] => {
    const was = before.relations.get(now.oid);
    if (was === undefined || now.storage === null) return [];
    const isEmptied = now.kind === 'r' && now.heapBytes === 0 && mayTruncate(script);
    const isNew = storage.get(now.oid) !== now.storage;
    // TRUNCATE empties a table in place if the same transaction has rewritten it.
    const isChanged = isNew || (isEmptied && (heaps.get(now.oid) ?? 0) > 0);
    const isMoved = spaces.get(now.oid) !== now.tablespace;
    storage.set(now.oid, now.storage);
    spaces.set(now.oid, now.tablespace);
    heaps.set(now.oid, now.heapBytes ?? 0);
    if (!isChanged) return [];
    const rewrittenHow = isMoved ? 'moved' : 'rewritten';
    const how = isEmptied ? 'truncated' : rewrittenHow;
    return [{ schema: was.schema, relation: was.relation, how, bytes: now.bytes ?? 0 }];
  };

  const builtBy = ({ indexes }: FileFigures, truncated: ReadonlySet<string>): BuiltIndex[] =>
    indexes.flatMap(({ index, table, storage: file, bytes }) => {
      const of = before.relations.get(table);
      if (knownStorage.has(file) || of === undefined) return [];
      const rebuilt = knownNames.has(`${table} ${index}`);
      knownStorage.add(file);
      knownNames.add(`${table} ${index}`);
      if (truncated.has(qualified(of))) return [];
      return [{ schema: of.schema, relation: of.relation, index, bytes, rebuilt }];
    });

  const rowsOf = (now: RelationNow): ChangedRows[] => {
    const was = counters.get(now.oid) ?? [0, 0, 0];
    counters.set(now.oid, now.counters);
    // TRUNCATE sets the counters of its transaction to zero.
    const delta = now.counters.map((n, i) => (n < (was[i] ?? 0) ? n : n - (was[i] ?? 0)));
    const [inserted = 0, updated = 0, deleted = 0] = delta;
    const { schema, relation } = before.relations.get(now.oid) ?? now;
    return delta.some((n) => n > 0) ? [{ schema, relation, inserted, updated, deleted }] : [];
  };

  return {
    changesOf({ schema, context, script }: Unit, figures: FileFigures): Changes {
      const rewritten = figures.relations.flatMap((now) => rewrittenBy(script, now));
      const truncated = new Set(rewritten.filter(({ how }) => how === 'truncated').map(qualified));
      const isHistory = (of: { readonly schema: string; readonly relation: string }) =>
        context.historyTables.includes(of.relation) &&
        [schema.schema, context.publicSchema].includes(of.schema);
      for (const [oid, was] of figures.counted) counters.set(oid, was);
      const rows = figures.relations.flatMap(rowsOf).filter((changed) => !isHistory(changed));
      const indexes = builtBy(figures, truncated);
      return { rewritten, indexes, rows: countsRows(figures, script) ? rows : null };
    },
  };
}

/** What a file does outside its schema, in words. */
function outsideOf(
  { outside: [was, now] }: FileFigures,
  { schema }: UnitSchema,
  { locks, rewritten, indexes, rows }: Pick<FileCost, 'locks'> & Changes,
): string[] {
  const changes =
    was === undefined || now === undefined ? [] : differences(was, now, { grants: false, rows: true });
  const elsewhere = <T extends { readonly schema: string }>(items: readonly T[]) =>
    items.filter((item) => item.schema !== schema);
  const isNamed = (of: { readonly schema: string; readonly relation: string }) =>
    changes.some((change) => change.endsWith(` ${qualified(of)}`));
  const seen = [
    ...elsewhere(rewritten).map((table) => ({
      ...table,
      does: table.how === 'truncated' ? 'truncates' : 'rewrites',
    })),
    ...elsewhere(indexes).map((index) => ({ ...index, does: 'builds an index on' })),
    ...elsewhere(rows ?? []).map((changed) => ({ ...changed, does: 'changes rows of' })),
    ...elsewhere(locks).map((lock) => ({ ...lock, does: 'locks' })),
  ].filter((effect) => !isNamed(effect));
  const first = new Map<string, string>();
  for (const effect of seen)
    if (!first.has(qualified(effect))) first.set(qualified(effect), `${effect.does} ${qualified(effect)}`);
  return [...changes, ...first.values()];
}
