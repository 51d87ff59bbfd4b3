import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { SqlmigError } from '../errors.ts';
import { few } from '../text/few.ts';
import { cannotWrite } from './cannot-write.ts';

/** Files for one folder. */
export interface NewFiles {
  readonly dir: string;
  /** The folder as messages name it. */
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Files that are kept as they are, if they are there. */
  readonly kept: ReadonlySet<string>;
  /** A file that is replaced if it is there with another text. */
  readonly replaced: string | null;
}

/** The files to write: missing ones, and those to replace. */
export function filesToWrite({ dir, files, replaced }: NewFiles): NewFiles['files'] {
  return files.filter(({ name, text }) => {
    const path = join(dir, name);
    return !existsSync(path) || (name === replaced && !isSame(path, text));
  });
}

/**
 * Refuses to write into a folder that has other migrations, or other texts under the same names.
 * @throws SqlmigError `file-exists` naming each of them.
 */
export function refuseOthers({ dir, folder, files, kept, replaced }: NewFiles): void {
  const texts = new Map(files.map(({ name, text }) => [name, text]));
  const existing = existsSync(dir) ? readdirSync(dir) : [];
  const others = existing.filter((name) => {
    const text = texts.get(name);
    if (kept.has(name) || name === replaced) return false;
    return text === undefined ? name.endsWith('.sql') : !isSame(join(dir, name), text);
  });
  if (others.length === 0) return;
  throw new SqlmigError('file-exists', `${folder} already contains other files: ${few(others, 3)}`, {
    state: 'nothing was written',
    hint: 'name an empty folder with --public-dir or --tenant-dir, or move these files elsewhere',
  });
}

function isSame(path: string, text: string): boolean {
  return readFileSync(path).equals(Buffer.from(text));
}

/**
 * Creates the folder, and writes the missing files, each atomically: other processes see the whole file or
 * none. Returns how many.
 * @throws SqlmigError `file-exists` if one cannot be written.
 */
export function writeNewFiles(target: NewFiles): number {
  const { dir, folder, replaced } = target;
  const missing = filesToWrite(target);
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw cannotWrite(folder, error);
  }
  for (const { name, text } of missing) {
    try {
      const unfinished = join(dir, `.${process.pid}.sqlmig.tmp`);
      writeWhole({ path: join(dir, name), unfinished, mayReplace: name === replaced }, text);
    } catch (error) {
      throw cannotWrite(`${folder}/${name}`, error);
    }
  }
  return missing.length;
}

interface WholeFile {
  readonly path: string;
  readonly unfinished: string;
  readonly mayReplace: boolean;
}

function writeWhole({ path, unfinished, mayReplace }: WholeFile, text: string): void {
  try {
    writeFileSync(unfinished, text, { flush: true });
    if (mayReplace) {
      renameSync(unfinished, path);
      return;
    }
    try {
      linkSync(unfinished, path);
    } catch (error) {
      // A file that appeared in the meantime stays; not every file system has links.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
      renameSync(unfinished, path);
    }
  } finally {
    rmSync(unfinished, { force: true });
  }
}
