import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { closest } from '../text/closest.ts';
import { parseFileName } from './file-name.ts';

/** What is in a folder of migrations. Paths are relative to it, and what begins with a dot is left out. */
export interface SqlFolder {
  /** Files that end in `.sql`; in sub-folders too, if those are read. */
  readonly files: readonly string[];
  /** Files that end in `.SQL` and its like. */
  readonly inCapitals: readonly string[];
  /** Folders that are named like a file. */
  readonly foldersLikeFiles: readonly string[];
  /** Sub-folders that are not read, and how many files below them look like migrations; never none. */
  readonly unread: readonly { readonly path: string; readonly files: number }[];
}

/** Lists a folder of migrations; `recursive` reads its sub-folders, but never `except`, the other folders of the config. */
export function listSqlFolder(dir: string, recursive: boolean, except: readonly string[]): SqlFolder {
  return list(dir, '', { recursive, seen: new Set([realpathSync(dir), ...except.map(realPath)]) });
}

interface Walk {
  readonly recursive: boolean;
  /** Real paths that are not read (again), so that links in a circle come to an end. */
  readonly seen: Set<string>;
}

function list(root: string, at: string, walk: Walk): SqlFolder {
  const files: string[] = [];
  const inCapitals: string[] = [];
  const foldersLikeFiles: string[] = [];
  const unread: { path: string; files: number }[] = [];
  for (const entry of readdirSync(join(root, at), { withFileTypes: true })) {
    const path = join(at, entry.name);
    const full = join(root, path);
    if (!isFolder(entry, full)) {
      if (entry.name.startsWith('.')) continue;
      if (entry.name.endsWith('.sql')) files.push(path);
      else if (/\.sql$/i.test(entry.name)) inCapitals.push(path);
    } else if (/\.sql$/i.test(entry.name)) foldersLikeFiles.push(path);
    else if (!entry.name.startsWith('.') && isNew(full, walk.seen)) {
      const below = list(root, path, walk);
      if (walk.recursive) {
        files.push(...below.files);
        inCapitals.push(...below.inCapitals);
        foldersLikeFiles.push(...below.foldersLikeFiles);
      } else {
        const inside = below.unread.reduce((sum, folder) => sum + folder.files, 0);
        const count = below.files.length + below.inCapitals.length + inside;
        if (count > 0) unread.push({ path, files: count });
      }
    }
  }
  return { files, inCapitals, foldersLikeFiles, unread };
}

/** A folder that is not read, and its number of likely migrations, at least one. */
interface StrayFolder {
  readonly path: string;
  readonly files: number;
}

/** The folders whose names are like a configured one's, as if mistyped, and that hold files named as migrations are. */
export function findStrayFolders(dir: string, configured: readonly string[]): StrayFolder[] {
  const parent = dirname(dir);
  return entriesOf(parent)
    .filter((entry) => !entry.name.startsWith('.') && closest(entry.name, [basename(dir)]) !== null)
    .map((entry) => ({ entry, path: join(parent, entry.name) }))
    .filter(({ entry, path }) => isFolder(entry, path) && !configured.includes(path))
    .map(({ path }) => ({ path, files: looseMigrations(path) }))
    .filter(({ files }) => files > 0);
}

/** How many files of a folder itself are named as migrations are. */
export function looseMigrations(dir: string): number {
  return entriesOf(dir).filter(({ name }) => parseFileName(name) !== null).length;
}

/** The folders below `root` that hold files named as migrations are, at most `depth` levels down, and how many. */
export function migrationFolders(root: string, depth: number, at = '.'): { folder: string; files: number }[] {
  const entries = entriesOf(join(root, at));
  const files = looseMigrations(join(root, at));
  const below = entries
    .filter(({ name }) => depth > 0 && name !== 'node_modules' && !name.startsWith('.'))
    .map((entry) => ({ entry, path: join(at, entry.name) }))
    .filter(({ entry, path }) => isFolder(entry, join(root, path)))
    .flatMap(({ path }) => migrationFolders(root, depth - 1, path));
  return files === 0 ? below : [{ folder: at.split(sep).join('/'), files }, ...below];
}

function entriesOf(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    // A missing or unreadable folder has no migrations for sqlmig.
    return [];
  }
}

function isFolder(entry: Dirent, path: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return statSync(path).isDirectory();
  } catch {
    // A dangling link is reported when it is read.
    return false;
  }
}

function isNew(dir: string, seen: Set<string>): boolean {
  const real = realpathSync(dir);
  const isNew = !seen.has(real);
  seen.add(real);
  return isNew;
}

/** True if two paths are one folder, through links or not. */
export function isSameFolder(a: string, b: string): boolean {
  return realPath(a) === realPath(b);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // What does not exist is reported when it is read.
    return path;
  }
}
