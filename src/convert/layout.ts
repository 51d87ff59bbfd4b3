import { SqlmigError } from '../errors.ts';
import { isFileList, isInOwnFolder } from '../history/import/file-layout.ts';
import { isCommitted } from '../history/import/graphile-migrate.ts';
import type { SourceFile } from '../history/import/history-reader.ts';
import { changeIn } from '../history/import/sqitch.ts';
import { compareVersionParts } from '../project/version.ts';
import { isPostgres, otherDatabases } from './database-names.ts';
import { type ForeignFile, readFileName } from './file-names.ts';
import { numbered } from './numbering.ts';
import { inToolOrder, knownTool, toolOfFiles } from './tool-order.ts';

/** A migration of another tool under the version that it gets. */
export interface NumberedFile {
  readonly file: ForeignFile;
  /** `null` for a repeatable. */
  readonly version: string | null;
  /** The file that undoes it, if the tool has a separate one. */
  readonly down: SourceFile | null;
}

/** A file that does not become a migration. */
export interface LeftOut {
  readonly file: string;
  readonly why: string;
}

/** The migrations of a folder. */
export interface Layout {
  /** `null` if several possible tools. */
  readonly tool: string | null;
  /** In the order in which the tool runs them; repeatables last. */
  readonly migrations: readonly NumberedFile[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Finds the migrations among the files of a folder, puts them into the order in which the tool runs them, and numbers
 * them so that sqlmig runs them in that order too.
 * @throws SqlmigError if their order cannot be known, or they are of several folders.
 */
export function layOut(found: readonly SourceFile[], toolName: string | null): Layout {
  const forOthers = otherDatabases(found.map(({ path }) => path));
  const sources = found.filter(({ path }) => !forOthers.has(path));
  const named = sources
    .filter(({ path }) => !isFileList(path) && !/\.d\.[cm]?ts$/.test(path))
    .map(readFileName);
  const tool = toolName === null ? toolOfFiles(named, sources) : knownTool(toolName);
  const leftOut = [...forOthers].map(([file, database]): LeftOut => ({ file, why: `it is for ${database}` }));
  const leaveOut = (files: readonly ForeignFile[], why: string) =>
    leftOut.push(...files.map(({ source }) => ({ file: source.path, why })));
  const read = named.map((file) => asReadBy(tool, file));
  const ofTool = partition(read, (file) => whyNot(file, tool) === null);
  for (const file of ofTool.no) leaveOut([file], whyNot(file, tool) ?? '');
  const own = partition(ofTool.yes, isOwnVariant(ofTool.yes));
  leaveOut(own.no, 'a file for postgres replaces it');
  requireOneFolder(own.yes, tool);
  const ups = partition(own.yes, ({ kind }) => kind === 'up' || kind === 'baseline');
  const sql = partition(ups.yes, (file) => isSource(file, ups.yes));
  leaveOut(sql.no, 'it only runs the SQL file of the same name');
  const baselines = partition(sql.yes, (file) => file.kind !== 'baseline' || isNeeded(file, sql.yes));
  leaveOut(baselines.no, 'the files that it replaces exist');
  const { files, unlisted, missing } = inToolOrder(baselines.yes, tool, sources);
  leaveOut(unlisted, `${tool} does not list it, and never ran it`);
  leftOut.push(...missing.map((file) => ({ file, why: `${tool} lists it, but the file does not exist` })));
  const downs = partition(ups.no, ({ kind }) => kind === 'down');
  // If several have the same stem, the first one counts.
  const undone = new Map(files.toReversed().map((file) => [file.stem, file]));
  const undoing = new Map(downs.yes.toReversed().map(({ stem, source }) => [stem, source]));
  leaveOut(
    downs.yes.filter(({ stem }) => !undone.has(stem)),
    'there is no migration that it would undo',
  );
  const versions = numbered(files);
  const repeatables = downs.no.map((file) => ({ file, version: null, down: null }));
  const migrations = files.map((file, i) => ({
    file,
    version: versions[i] ?? null,
    down: (undone.get(file.stem) === file && undoing.get(file.stem)) || null,
  }));
  return { tool, migrations: [...migrations, ...repeatables], leftOut };
}

function partition<T>(items: readonly T[], isIn: (item: T) => boolean): { yes: T[]; no: T[] } {
  return { yes: items.filter(isIn), no: items.filter((item) => !isIn(item)) };
}

/** Why a file is no migration of the tool; `null` if it is one. */
function whyNot(file: ForeignFile, tool: string | null): string | null {
  const { path } = file.source;
  if (tool === 'graphile-migrate' && !isCommitted(path)) return 'not committed';
  if (tool === 'Sqitch' && changeIn(path)?.does === 'verify') return 'it only verifies a change';
  if (file.database !== undefined && !isPostgres(file.database)) return `it is for ${file.database}`;
  return hasVersion(file, tool) ? null : 'its name has no version';
}

/** Whether no file for PostgreSQL alone replaces a file that is for all databases. */
function isOwnVariant(files: readonly ForeignFile[]): (file: ForeignFile) => boolean {
  // pop runs one file of each version, whatever its name.
  const variantKey = ({ kind, folder, stem }: ForeignFile) =>
    JSON.stringify([kind, folder, /^\d+/.exec(stem)?.[0] ?? stem]);
  const replaced = new Set(files.filter(({ database }) => database !== undefined).map(variantKey));
  return (file) => file.database !== undefined || !replaced.has(variantKey(file));
}

function asReadBy(tool: string | null, file: ForeignFile): ForeignFile {
  if (tool === 'Alembic') return withoutRevision(file);
  if (tool === 'Sqitch') return ofChange(file);
  // Where Flyway has the files that undo, refinery has those that may run out of order.
  return tool === 'refinery' && file.kind === 'down' ? { ...file, kind: 'up' } : file;
}

function ofChange(file: ForeignFile): ForeignFile {
  const change = changeIn(file.source.path);
  if (change === null) return { ...file, parts: null };
  const kind = change.does === 'revert' ? 'down' : 'up';
  const isInFolder = change.name.includes('/');
  const { parts, title } = isInFolder ? { parts: null, title: change.name } : file;
  return { ...file, kind, parts, title, stem: change.name, folder: '' };
}

// A revision is a hash, and may begin with digits.
function withoutRevision(file: ForeignFile): ForeignFile {
  return { ...file, parts: null, title: file.stem.replace(/^[^_]+_+/, '') };
}

// Tools that order by name need no version; other files next to them have no place in the order.
function hasVersion({ kind, language, parts, source, stem }: ForeignFile, tool: string | null): boolean {
  if (kind === 'repeatable' || parts !== null) return true;
  if (tool === 'Sqitch') return changeIn(source.path) !== null;
  if (language === 'SQL' && isInOwnFolder(source.path)) return true;
  return tool === 'Alembic' && /^revision\b/m.test(source.text) && stem !== 'env';
}

function requireOneFolder(files: readonly ForeignFile[], tool: string | null): void {
  if (tool === 'Flyway' || tool === 'Alembic') return;
  const folders = [...new Set(files.map(({ folder }) => folder))];
  if (folders.length < 2) return;
  const few = folders.slice(0, 3).map((folder) => folder || '.');
  throw new SqlmigError('sub-folder', `migrations are in ${folders.length} folders: ${few.join(', ')}`, {
    hint: 'convert one folder at a time, because the order between them is unknown',
  });
}

function isSource(file: ForeignFile, all: readonly ForeignFile[]): boolean {
  if (file.language === 'SQL') return true;
  return !all.some(
    ({ language, stem, folder }) => language === 'SQL' && stem === file.stem && folder === file.folder,
  );
}

function isNeeded(baseline: ForeignFile, all: readonly ForeignFile[]): boolean {
  return all.every((file) => {
    if (file === baseline) return true;
    const order = compareVersionParts(file.parts ?? [], baseline.parts ?? []);
    return file.kind === 'baseline' ? order < 0 : order > 0;
  });
}
