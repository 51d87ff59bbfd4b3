import { isUndoFile } from './file-layout.ts';
import type {
  ContentCheck,
  ForeignRows,
  HistoryReader,
  RecordedMigration,
  Refusal,
  SourceFile,
} from './history-reader.ts';
import { type ForeignTable, selectRows, type TimeMeaning, timeMeaning } from './table-form.ts';

/** A file that another tool has applied. */
export interface ImportedMigration {
  readonly file: SourceFile;
  readonly recorded: RecordedMigration;
  readonly check: ContentCheck;
}

/** What another tool's history says of the project's files. */
export interface ForeignReading {
  readonly tool: string;
  /** What `appliedAt` means. */
  readonly time: TimeMeaning;
  /** What the files were compared by, such as "SHA-256 of the file"; `null` if nothing can be compared. */
  readonly checkedBy: string | null;
  /** In the order of applying. */
  readonly applied: readonly ImportedMigration[];
  /** Rows that match no file. */
  readonly withoutFile: readonly RecordedMigration[];
  /** Files that no row records. */
  readonly withoutRow: readonly SourceFile[];
  readonly caveat: string | null;
}

/** The rows of a history, and the columns of its table. */
export type FoundHistory = ForeignRows & Pick<ForeignTable, 'columns'>;

/** A query for the rows of a history, or of a table beside it. */
export interface ForeignQuery {
  /** The table beside the history; `null` for the history itself. */
  readonly beside: string | null;
  /** The query, with these expressions before its own columns. */
  readonly sql: (tags: readonly string[]) => string;
}

/** SQL queries that read a history: its own table, and the tables beside it that exist. */
export function foreignQueries(reader: HistoryReader, table: ForeignTable): readonly ForeignQuery[] {
  const beside = Object.entries(reader.beside?.(table.table) ?? {}).filter(([name]) =>
    table.companions.includes(name),
  );
  return [
    { beside: null, sql: (tags) => selectRows(table, reader.form, tags) },
    ...beside.map(([name, form]) => {
      const columns = form.columns.map((column) => `${column} text`);
      return {
        beside: name,
        sql: (tags: readonly string[]) => selectRows({ ...table, table: name, columns }, form, tags),
      };
    }),
  ];
}

/** Matches the rows of a history with the project's files, or says why the history must be refused. */
export function readForeignHistory(
  reader: HistoryReader,
  history: FoundHistory,
  allFiles: readonly SourceFile[],
): ForeignReading | Refusal {
  const files = allFiles.filter(({ path }) => !isUndoFile(path));
  const recorded = reader.recorded(history, files);
  if ('refused' in recorded) return recorded;
  const owners = match(recorded, keyed(reader, files));
  const applied = recorded.flatMap((migration) =>
    (owners.get(migration) ?? []).map((file) => ({
      file,
      recorded: migration,
      check: checkContent(reader, migration, file),
    })),
  );
  const taken = new Set(applied.map(({ file }) => file));
  return {
    tool: reader.tool,
    time: timeMeaning(history, reader.form),
    checkedBy: reader.checksum?.name ?? null,
    applied,
    withoutFile: recorded.filter((migration) => !owners.has(migration)),
    withoutRow: files.filter((file) => !taken.has(file)),
    caveat: reader.caveat ?? null,
  };
}

function checkContent(
  { checksum }: HistoryReader,
  recorded: RecordedMigration,
  file: SourceFile,
): ContentCheck {
  if (checksum === null || recorded.checksum === null) return 'unverified';
  return checksum.compare({ ...recorded, checksum: recorded.checksum }, file);
}

type FilesByKey = ReadonlyMap<string, readonly SourceFile[]>;

function keyed(reader: HistoryReader, files: readonly SourceFile[]): FilesByKey {
  const byKey = new Map<string, SourceFile[]>();
  for (const file of files) {
    for (const key of new Set(reader.keysOf(file, files))) byKey.set(key, [...(byKey.get(key) ?? []), file]);
  }
  return byKey;
}

// Certain keys first, whatever the order of the rows: a file renamed since must not be taken by a row that has only its
// version in common while another row has its name.
function match(
  recorded: readonly RecordedMigration[],
  byKey: FilesByKey,
): Map<RecordedMigration, readonly SourceFile[]> {
  const owners = new Map<RecordedMigration, readonly SourceFile[]>();
  const taken = new Set<SourceFile>();
  const ranks = Math.max(0, ...recorded.map(({ keys }) => keys.length));
  for (let rank = 0; rank < ranks; rank++) {
    for (const migration of recorded) {
      const key = migration.keys[rank];
      if (key === undefined || owners.has(migration)) continue;
      const free = (byKey.get(key) ?? []).filter((file) => !taken.has(file));
      if (free.length === 0 || (rank > 0 && free.length > 1)) continue;
      owners.set(migration, free);
      for (const file of free) taken.add(file);
    }
  }
  return owners;
}
