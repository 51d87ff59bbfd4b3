import { isFileList, isUndoFile } from './file-layout.ts';
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
interface ImportedMigration {
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
  /** Those of them that come before a file that was applied. */
  readonly skipped: readonly SourceFile[];
  readonly caveat: string | null;
}

/** The rows of a history, and the columns of its table. */
export type FoundHistory = ForeignRows & Pick<ForeignTable, 'columns'>;

/** A query for the rows of a history, or of a table beside it. */
interface ForeignQuery {
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

/** The project's files as one tool knows them. One index serves all histories of the tool: checksums take time. */
export interface FileIndex {
  readonly reader: HistoryReader;
  readonly files: readonly SourceFile[];
  readonly byKey: ReadonlyMap<string, readonly SourceFile[]>;
  readonly check: (recorded: RecordedMigration, file: SourceFile) => ContentCheck;
}

/** Indexes the files for the histories of one tool. */
export function indexFiles(reader: HistoryReader, allFiles: readonly SourceFile[]): FileIndex {
  const files = allFiles.filter(
    ({ path }) => !isUndoFile(path) && reader.undoFile?.test(path) !== true && !isFileList(path),
  );
  const byKey = new Map<string, SourceFile[]>();
  for (const file of files) {
    for (const key of new Set(reader.keysOf(file, allFiles)))
      byKey.set(key, [...(byKey.get(key) ?? []), file]);
  }
  const checks = new Map<SourceFile, Map<string, ContentCheck>>(files.map((file) => [file, new Map()]));
  const check: FileIndex['check'] = ({ checksum, ...recorded }, file) => {
    if (reader.checksum === null || checksum === null) return 'unverified';
    if (file.converted?.isComparable === false) return 'unverified';
    const results = checks.get(file);
    const key = `${recorded.name} ${checksum}`;
    const result = results?.get(key) ?? reader.checksum.compare({ ...recorded, checksum }, file);
    results?.set(key, result);
    return result;
  };
  return { reader, files, byKey, check };
}

/** An index without the files that the tool does not run, such as Django's `__init__.py` or a callback of Flyway. */
export function onlyMigrations(index: FileIndex): FileIndex {
  const known = new Set([...index.byKey.values()].flat());
  return { ...index, files: index.files.filter((file) => known.has(file)) };
}

/** Matches the rows of a history with the project's files, or says why the history must be refused. */
export function readForeignHistory(index: FileIndex, history: FoundHistory): ForeignReading | Refusal {
  const { reader, files } = index;
  const recorded = reader.recorded(history, files);
  if ('refused' in recorded) return recorded;
  const owners = match(recorded, index.byKey);
  const applied = recorded.flatMap((migration) =>
    (owners.get(migration) ?? []).map((file) => ({
      file,
      recorded: migration,
      check: index.check(migration, file),
    })),
  );
  const taken = new Set(applied.map(({ file }) => file));
  const newest = files.filter((file) => taken.has(file)).reduce(later, undefined);
  return {
    tool: reader.tool,
    time: timeMeaning(history, reader.form),
    checkedBy: reader.checksum?.name ?? null,
    applied,
    withoutFile: recorded.filter((migration) => !owners.has(migration)),
    withoutRow: files.filter((file) => !taken.has(file)),
    skipped: files.filter(
      (file) => !taken.has(file) && newest !== undefined && later(newest, file) === newest,
    ),
    caveat: reader.caveat ?? null,
  };
}

// 10 comes after 9, with or without leading zeros.
const byNumber = new Intl.Collator('en', { numeric: true });

function later(a: SourceFile | undefined, b: SourceFile): SourceFile {
  return a !== undefined && byNumber.compare(a.path, b.path) > 0 ? a : b;
}

// Certain keys first, whatever the order of the rows: a file renamed since must not be taken by a row that has only its
// version in common while another row has its name.
function match(
  recorded: readonly RecordedMigration[],
  byKey: FileIndex['byKey'],
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
