import { figureColumns } from '../protocol/measuring.ts';
import type { Row } from '../server/answer.ts';
import { parseStructure, type Structure } from '../structure/structure.ts';

/** A lock on a relation, by its OID. */
export type LockOn = readonly [oid: string, mode: string];

/** The locks at a moment. Times are in microseconds of the server's clock. */
export interface LockMark {
  /** The statement before it, from 0; -1 at the start of the file. */
  readonly statement: number;
  readonly at: number;
  /** When reading them ended. */
  readonly until: number;
  readonly locks: readonly LockOn[];
}

/** Rows inserted, updated and deleted. */
export type Counters = readonly [inserted: number, updated: number, deleted: number];

/** A relation after a file. Its file and sizes are `null` if the transaction has not written its catalog row. */
export interface RelationNow {
  readonly oid: string;
  readonly schema: string;
  readonly relation: string;
  readonly kind: string;
  readonly storage: string | null;
  readonly tablespace: string;
  /** Without TOAST table and maps. */
  readonly heapBytes: number | null;
  readonly bytes: number | null;
  readonly counters: Counters;
}

/** An index after a file, on a table that existed before. */
export interface IndexNow {
  readonly oid: string;
  readonly index: string;
  readonly table: string;
  readonly storage: string;
  readonly bytes: number;
}

/** The figures of one file. */
export interface FileFigures {
  /** From the start of the file to its end. */
  readonly marks: readonly LockMark[];
  readonly relations: readonly RelationNow[];
  readonly indexes: readonly IndexNow[];
  /** The server counts rows. */
  readonly counts: boolean;
  /** The structure of other schemas before and after the file, if it may change them. */
  readonly outside: readonly Structure[];
  /** The counters before the file, by OID. */
  readonly counted: ReadonlyMap<string, Counters>;
}

/** Collects the figures that a rehearsal reports, file by file. */
export interface FigureCollector {
  take(row: Row): void;
  readonly files: readonly FileFigures[];
}

/** A collector that has no figures yet. */
export function createFigures(): FigureCollector {
  const files: FileFigures[] = [];
  let counted = new Map<string, Counters>();
  let marks: LockMark[] = [];
  let before: Structure[] = [];
  return {
    files,
    take(row) {
      if (figureColumns.counted in row) {
        const list = JSON.parse(String(row[figureColumns.counted])) as [string, ...number[]][];
        counted = new Map(list.map(([oid, ...counters]) => [oid, countersOf(counters)]));
      }
      if (figureColumns.mark in row) marks.push(markOf(row, Number(row[figureColumns.mark])));
      if (figureColumns.outside in row) {
        const structure = parseStructure(String(row[figureColumns.outside]));
        const last = files.at(-1);
        // The second one follows the figures.
        if (marks.length === 0 && last?.outside.length === 1)
          files[files.length - 1] = { ...last, outside: [...last.outside, structure] };
        else before = [structure];
      }
      if (figureColumns.figures in row) {
        const statement = Number.POSITIVE_INFINITY;
        const figures = parseFigures(String(row[figureColumns.figures]));
        files.push({ ...figures, marks: [...marks, markOf(row, statement)], outside: before, counted });
        counted = new Map();
        marks = [];
        before = [];
      }
    },
  };
}

function markOf(row: Row, statement: number): LockMark {
  const at = Number(row.at);
  const locks = JSON.parse(String(row.locks)) as LockOn[];
  return { statement, at, until: row.until === undefined ? at : Number(row.until), locks };
}

type RelationRow = [
  ...[string, string, string, string, string | null, string, number | null, number | null],
  ...number[],
];

function parseFigures(json: string): Pick<FileFigures, 'relations' | 'indexes' | 'counts'> {
  const { relations, indexes, counts } = JSON.parse(json) as {
    relations: RelationRow[];
    indexes: [string, string, string, string, number][];
    counts: string;
  };
  return {
    relations: relations.map(
      ([oid, schema, relation, kind, storage, tablespace, heapBytes, bytes, ...counters]) => ({
        oid,
        schema,
        relation,
        kind,
        storage,
        tablespace,
        heapBytes,
        bytes,
        counters: countersOf(counters),
      }),
    ),
    indexes: indexes.map(([oid, index, table, storage, bytes]) => ({ oid, index, table, storage, bytes })),
    counts: counts === 'on',
  };
}

function countersOf([inserted = 0, updated = 0, deleted = 0]: readonly number[]): Counters {
  return [inserted, updated, deleted];
}
