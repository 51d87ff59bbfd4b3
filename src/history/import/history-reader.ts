import type { ForeignRow, TableForm } from './table-form.ts';

/** A migration file of the project, in the tool's own layout or as sqlmig names it. */
export interface SourceFile {
  /** Path below its folder, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Set if the project has a converted file in its place; path and text are then those of the original. */
  readonly converted?: {
    /** Path of the project's file below its folder. */
    readonly file: string;
    /** False if the original is not available and the project's text differs from it. */
    readonly isComparable: boolean;
  };
}

/** A migration that another tool's history records as applied. */
export interface RecordedMigration {
  /** As the tool names it in its history. */
  readonly name: string;
  /** What a file may be known by, the most certain first; only the first may stand for several files. */
  readonly keys: readonly string[];
  /** ISO 8601; `null` if the tool records no time. */
  readonly appliedAt: string | null;
  /** What the tool recorded of the file's content, in its own form; `null` if nothing. */
  readonly checksum: string | null;
}

/** Why a history cannot be imported, in the tool's own terms, and what to do first. */
export interface Refusal {
  readonly refused: string;
  readonly hint: string;
}

/** Whether a file is the one that was applied, as far as the tool's own checksum says. */
export type ContentCheck = 'equal' | 'changed' | 'unverified';

/** How a tool's checksum is recomputed. */
export interface ChecksumRule {
  /** Such as "SHA-256 of the file". */
  readonly name: string;
  readonly compare: (
    recorded: RecordedMigration & { readonly checksum: string },
    file: SourceFile,
  ) => ContentCheck;
}

/** What was read from a tool's tables. */
export interface ForeignRows {
  readonly rows: readonly ForeignRow[];
  /** Rows of the tables beside it that `HistoryReader.beside` names, as far as they exist. */
  readonly beside: Readonly<Record<string, readonly ForeignRow[]>>;
}

/** Advisory lock keys, from the first to the last. */
interface KeyRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** The place of a history, which some tools make their lock key of. */
export interface HistoryPlace {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
}

/** How the history of one tool is read. */
export interface HistoryReader {
  readonly tool: string;
  readonly form: TableForm;
  /** Further tables in its schema that say whether the history is complete, by name. */
  readonly beside?: (table: string) => Readonly<Record<string, TableForm>>;
  /** `null` if the tool records no checksum, or none that can be recomputed from the file. */
  readonly checksum: ChecksumRule | null;
  /** What the file may be known by, in the same terms as `RecordedMigration.keys`. */
  readonly keysOf: (file: SourceFile, files: readonly SourceFile[]) => readonly string[];
  /** True for this tool's names of down files, besides those of `isUndoFile`. */
  readonly undoFile?: RegExp;
  /** Which migrations count as applied, in the order of applying, or why this history must be refused. */
  readonly recorded: (
    history: ForeignRows,
    files: readonly SourceFile[],
  ) => readonly RecordedMigration[] | Refusal;
  /** Advisory locks that the tool holds while it migrates; without them only locks on its tables show it. */
  readonly lockKeys?: (place: HistoryPlace) => readonly KeyRange[];
  /** What this history cannot say, a sentence for people. */
  readonly caveat?: string;
}

/** A range of one key. */
export function oneKey(key: bigint): readonly KeyRange[] {
  return [{ from: key, to: key }];
}
