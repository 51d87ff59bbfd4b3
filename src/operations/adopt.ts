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
  readForeignHistory,
} from '../history/import/foreign-reading.ts';
import type { HistoryReader, SourceFile } from '../history/import/history-reader.ts';
import type { TimeMeaning } from '../history/import/table-form.ts';
import { type PublicContents, readPublicContents } from '../move/contents.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { folderOf } from '../project/migrations.ts';
import { abortSignal, callback, checkOptions, type Kinds, text } from '../project/option.ts';
import { readSourceFiles } from '../project/source-files.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import type { Session } from '../server/session.ts';

/** What `adopt` can be told. */
export interface AdoptOptions {
  /** Folder of the other tool's files, in its own layout; the folders of the config by default. */
  readonly files?: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

const adoptKinds: Kinds<AdoptOptions> = { files: text, signal: abortSignal, onEvent: callback };

/** How a history of another tool matches the files. */
export interface HistoryMatch {
  /** The folder it was compared with: the one that more of its rows match. */
  readonly folder: string;
  /** How many files it records as applied. */
  readonly applied: number;
  /** What the files were compared by, such as "SHA-256 of the file"; `null` if nothing can be compared. */
  readonly checkedBy: string | null;
  readonly equal: number;
  readonly unverified: number;
  /** Files that are not what was applied. */
  readonly changed: readonly string[];
  /** Rows that match no file, as the tool names them. */
  readonly withoutFile: readonly string[];
  /** Files that no row records. */
  readonly withoutRow: readonly string[];
  /** Those of them that come before a file that was applied. */
  readonly skipped: readonly string[];
  /** What the recorded times mean. */
  readonly time: TimeMeaning;
  /** What this tool's history cannot say. */
  readonly caveat: string | null;
}

/** A history of another tool. */
export interface ForeignHistory {
  readonly schema: string;
  readonly table: string;
  readonly tool: string;
  readonly columns: readonly string[];
  /** sqlmig has imported it; it is not compared any more. */
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
  /** Sessions that hold a lock which a tool takes while it migrates. */
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
      report(session, folders, { config, originals: options.files }),
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

function foldersOf(config: Config, own: string | undefined): readonly Folder[] {
  if (own !== undefined) return [{ folder: own, files: readSourceFiles(resolve(config.cwd, own)) }];
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

async function report(
  session: Session,
  folders: readonly Folder[],
  { config, originals }: { readonly config: Config; readonly originals: string | undefined },
) {
  const indexes = new Map<HistoryReader, readonly IndexedFolder[]>();
  const indexed = (reader: HistoryReader) => {
    const made =
      indexes.get(reader) ??
      folders.map(({ folder, files }) => ({ folder, index: indexFiles(reader, files) }));
    indexes.set(reader, made);
    return made;
  };
  const read = await readForeignHistories(session, config.historyTable);
  const inUse = read.filter(({ found }) => found.takenOver === null);
  const tools = new Map<string, number>();
  for (const { found } of inUse) tools.set(found.schema, (tools.get(found.schema) ?? 0) + 1);
  const histories = read.map((one): ForeignHistory => {
    const { schema, table, tool, columns } = one.found;
    const takenOver = one.found.takenOver !== null;
    const judged = takenOver
      ? { match: null, refused: null }
      : (tools.get(schema) ?? 0) > 1
        ? refuse(twoHistories(schema, 'choose the one in use with --history --from-tool'))
        : judge(one, one.reader === null ? [] : indexed(one.reader));
    return { schema, table, tool, columns, takenOver, ...judged };
  });
  const files = { public: readSourceFiles(config.publicDir), tenant: readSourceFiles(config.tenantDir) };
  const contents =
    config.scopes.length > 0
      ? null
      : await readPublicContents(session, { config, histories: read, files, originals });
  return { histories, sessions: await readToolSessions(session, read), contents };
}

type Judged = Pick<ForeignHistory, 'match' | 'refused'>;

function refuse(refused: Obstacle): Judged {
  return { match: null, refused };
}

function judge({ found, history }: ForeignHistoryFound, folders: readonly IndexedFolder[]): Judged {
  if (history === null || history instanceof Error) return refuse(unreadable(found, history));
  const [first, ...others] = folders;
  if (first === undefined) throw new RangeError('a history with rows is compared with a folder');
  // A history in public may record the tenants' files, so the folder that fits best decides.
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
