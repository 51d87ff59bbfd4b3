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
import { cannotWrite, SqlmigError } from '../errors.ts';

/** Files for one folder. */
export interface NewFiles {
  readonly dir: string;
  /** The folder as messages name it. */
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

/**
 * Refuses to write into a folder that has other migrations, or other texts under the same names.
 * @throws SqlmigError `file-exists` naming each of them.
 */
export function refuseOthers({ dir, folder, files }: NewFiles): void {
  const texts = new Map(files.map(({ name, text }) => [name, text]));
  const there = existsSync(dir) ? readdirSync(dir) : [];
  const others = there.filter((name) => {
    const text = texts.get(name);
    return text === undefined ? name.endsWith('.sql') : !isSame(join(dir, name), text);
  });
  if (others.length === 0) return;
  const few = others.slice(0, 3).join(', ') + (others.length > 3 ? ', …' : '');
  throw new SqlmigError('file-exists', `${folder} has other files than those to write: ${few}`, {
    state: 'nothing was written',
    hint: 'name an empty folder with --public-dir or --tenant-dir, or move these files away',
  });
}

function isSame(path: string, text: string): boolean {
  return readFileSync(path).equals(Buffer.from(text));
}

/**
 * Writes files that are not there yet, each in one step: whoever looks sees the whole file or none. Returns how many.
 * @throws SqlmigError `file-exists` if one cannot be written.
 */
export function writeNewFiles({ dir, folder, files }: NewFiles): number {
  let written = 0;
  for (const { name, text } of files) {
    const path = join(dir, name);
    if (existsSync(path)) continue;
    try {
      mkdirSync(dir, { recursive: true });
      writeWhole(path, join(dir, `.${process.pid}.sqlmig.tmp`), text);
    } catch (error) {
      throw cannotWrite(`${folder}/${name}`, error);
    }
    written++;
  }
  return written;
}

function writeWhole(path: string, unfinished: string, text: string): void {
  try {
    writeFileSync(unfinished, text, { flush: true });
    try {
      linkSync(unfinished, path);
    } catch (error) {
      // A file that came meanwhile stays; not every file system has links.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
      renameSync(unfinished, path);
    }
  } finally {
    rmSync(unfinished, { force: true });
  }
}
