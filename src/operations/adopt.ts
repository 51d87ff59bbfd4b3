import { resolve } from 'node:path';
import {
  type ForeignHistoryFound,
  type Obstacle,
  readForeignHistories,
  readToolSessions,
  type ToolSession,
  twoHistories,
  unreadable,
} from '../adopt/foreign-histories.ts';
import { readProjectSources } from '../adopt/project-sources.ts';
import type { OnEvent } from '../events.ts';
import {
  type FileIndex,
  type ForeignReading,
  indexFiles,
  onlyMigrations,
  readForeignHistory,
} from '../history/import/foreign-reading.ts';
import type { HistoryReader, SourceFile } from '../history/import/history-reader.ts';
import type { TimeMeaning } from '../history/import/table-form.ts';
import { schemasWithHistory } from '../history/presence.ts';
import { type PublicContents, readPublicContents } from '../move/contents.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { folderOf } from '../project/migrations.ts';
import { abortSignal, callback, checkOptions, type Kinds, text } from '../project/option.ts';
import { readSourceFiles } from '../project/source-files.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import type { Session } from '../server/session.ts';

/** Options of `adopt`. */
export interface AdoptOptions {
  /** Folder of the other tool's files, in its own layout; the folders of the config by default. */
  readonly files?: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

const adoptKinds: Kinds<AdoptOptions> = { files: text, signal: abortSignal, onEvent: callback };

/** How a history of another tool matches the files. */
export interface HistoryMatch {
  /** The folder that it was compared with: the one that matches more of its rows. */
  readonly folder: string;
  /** The number of files that it records as applied. */
  readonly applied: number;
  /** The checksum by which files were compared, such as "SHA-256 of the file"; `null` if they cannot be compared. */
  readonly checkedBy: string | null;
  readonly equal: number;
  readonly unverified: number;
  /** Files that differ from what was applied. */
  readonly changed: readonly string[];
  /** Rows that match no file, as the tool names them. */
  readonly withoutFile: readonly string[];
  /** Files that no row records. */
  readonly withoutRow: readonly string[];
  /** Files in `withoutRow` that come before an applied file. */
  readonly skipped: readonly string[];
  /** What the recorded times mean. */
  readonly time: TimeMeaning;
  /** What the history of this tool does not record. */
  readonly caveat: string | null;
}

/** A history of another tool. */
export interface ForeignHistory {
  readonly schema: string;
  readonly table: string;
  readonly tool: string;
  readonly columns: readonly string[];
  /** sqlmig no longer compares it: it is imported, or it cannot be read, and its schema has a sqlmig history. */
  readonly takenOver: boolean;
  /** `null` if it cannot be imported, or has been. */
  readonly match: HistoryMatch | null;
  /** Why it cannot be imported, and what to do about it. */
  readonly refused: Obstacle | null;
}

/** The histories of other tools in a database, compared with the project's files. */
export interface AdoptReport {
  /** True if each history can be imported, no file was changed, and no tool is running. */
  readonly ok: boolean;
  /** The folder of the other tool's files, if it was given. */
  readonly files: string | null;
  readonly host: string;
  readonly database: string;
  readonly histories: readonly ForeignHistory[];
  /** Sessions with a lock that a tool holds while it migrates. */
  readonly sessions: readonly ToolSession[];
  /**
   * The objects in public that its files do not create; `null` if there are no such tables, or if the config has `scopes`,
   * with which public cannot become a tenant.
   */
  readonly public: PublicContents | null;
}

/**
 * Reports which other tools' histories a database has and how they match the files. Writes nothing, and reads in
 * read-only transactions.
 * @throws SqlmigError if the database cannot be reached or read.
 */
export async function adopt(config: Config, options: AdoptOptions = {}): Promise<AdoptReport> {
  requireConfig(config);
  checkOptions(options, adoptKinds);
  const folders = foldersOf(config, options.files);
  return withRun(config, callerOf(options), async ({ read, server, database }) => {
    const { histories, sessions, contents } = await read((session) =>
      readReport(session, folders, { config, originals: options.files }),
    );
    const ok =
      sessions.length === 0 &&
      histories.every(({ takenOver, match }) => takenOver || (match !== null && match.changed.length === 0));
    return {
      ok,
      files: options.files ?? null,
      host: server.host,
      database,
      histories,
      sessions,
      public: contents,
    };
  });
}

interface Folder {
  readonly folder: string;
  readonly files: readonly SourceFile[];
}

function foldersOf(config: Config, originals: string | undefined): readonly Folder[] {
  if (originals !== undefined)
    return [{ folder: originals, files: readSourceFiles(resolve(config.cwd, originals)) }];
  const { tenant, public: shared } = readProjectSources(config, null);
  return [
    { folder: folderOf(config, 'tenant'), files: tenant },
    { folder: folderOf(config, 'public'), files: shared },
  ];
}

interface IndexedFolder {
  readonly folder: string;
  readonly index: FileIndex;
}

async function readReport(
  session: Session,
  folders: readonly Folder[],
  { config, originals }: { readonly config: Config; readonly originals: string | undefined },
) {
  const indexes = new Map<HistoryReader, readonly IndexedFolder[]>();
  const indexed = (reader: HistoryReader) => {
    const indexOf = (files: readonly SourceFile[]) =>
      originals === undefined ? indexFiles(reader, files) : onlyMigrations(indexFiles(reader, files));
    const made =
      indexes.get(reader) ?? folders.map(({ folder, files }) => ({ folder, index: indexOf(files) }));
    indexes.set(reader, made);
    return made;
  };
  const read = await readForeignHistories(session, config.historyTable);
  const managed = new Set(await schemasWithHistory(session, config.historyTable));
  const isTakenOver = ({ found, reader }: ForeignHistoryFound) =>
    found.takenOver !== null || (reader === null && managed.has(found.schema));
  const inUse = read.filter((history) => !isTakenOver(history));
  const tools = new Map<string, number>();
  for (const { found } of inUse) tools.set(found.schema, (tools.get(found.schema) ?? 0) + 1);
  const compare = (history: ForeignHistoryFound): ComparedHistory => {
    const { found, reader } = history;
    if (isTakenOver(history)) return { match: null, refused: null };
    if ((tools.get(found.schema) ?? 0) > 1)
      return refuse(twoHistories(found.schema, 'choose the one in use with --history --from-tool'));
    return matchFolders(history, reader === null ? [] : indexed(reader));
  };
  const histories = read.map((history): ForeignHistory => {
    const { schema, table, tool, columns } = history.found;
    return { schema, table, tool, columns, takenOver: isTakenOver(history), ...compare(history) };
  });
  const files = { public: readSourceFiles(config.publicDir), tenant: readSourceFiles(config.tenantDir) };
  const contents =
    config.scopes.length > 0
      ? null
      : await readPublicContents(session, { config, histories: read, files, originals });
  return { histories, sessions: await readToolSessions(session, read), contents };
}

type ComparedHistory = Pick<ForeignHistory, 'match' | 'refused'>;

function refuse(refused: Obstacle): ComparedHistory {
  return { match: null, refused };
}

function matchFolders(
  { found, history }: ForeignHistoryFound,
  folders: readonly IndexedFolder[],
): ComparedHistory {
  if (history === null || history instanceof Error) return refuse(unreadable(found, history));
  const [first, ...others] = folders;
  if (first === undefined) throw new RangeError('a history with rows is compared with a folder');
  // A history in public may record the files of tenants, so it belongs to the folder that matches best.
  let best = { folder: first.folder, reading: readForeignHistory(first.index, history) };
  for (const { folder, index } of others) {
    const reading = readForeignHistory(index, history);
    if (appliedIn(reading) > appliedIn(best.reading)) best = { folder, reading };
  }
  const { reading, folder } = best;
  return 'refused' in reading
    ? refuse({ message: reading.refused, hint: reading.hint })
    : { match: toMatch(reading, folder), refused: null };
}

function appliedIn(reading: ReturnType<typeof readForeignHistory>): number {
  return 'refused' in reading ? -1 : reading.applied.length;
}

function toMatch(reading: ForeignReading, folder: string): HistoryMatch {
  const { applied, withoutFile, withoutRow, skipped, checkedBy, time, caveat } = reading;
  const checked = (wanted: string) => applied.filter(({ check }) => check === wanted);
  return {
    folder,
    applied: applied.length,
    checkedBy,
    equal: checked('equal').length,
    unverified: checked('unverified').length,
    changed: checked('changed').map(({ file }) => fileName(file)),
    withoutFile: withoutFile.map(({ name }) => name),
    withoutRow: withoutRow.map(fileName),
    skipped: skipped.map(fileName),
    time,
    caveat,
  };
}

function fileName({ path, converted }: SourceFile): string {
  return converted?.file ?? path;
}
