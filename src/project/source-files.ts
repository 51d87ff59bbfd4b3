import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from './decode.ts';

const migrationFile =
  /\.(?:sql|[cm]?[jt]s|py|rb|exs|go|fizz)$|(?:^|\/)(?:meta\/_journal\.json|sqitch\.plan)$/;

/** A file below a folder; `text` is `null` if it is not UTF-8. */
export interface FoundFile {
  readonly path: string;
  readonly text: string | null;
}

/**
 * The migration files below a folder in any tool's layout, by path; none if there is no such folder. A file that is not
 * UTF-8 is left out.
 */
export function readSourceFiles(dir: string): readonly { readonly path: string; readonly text: string }[] {
  return findSourceFiles(dir).flatMap(({ path, text }) => (text === null ? [] : [{ path, text }]));
}

/** Like `readSourceFiles`, with those that are not UTF-8. */
export function findSourceFiles(dir: string): readonly FoundFile[] {
  return entriesOf(dir)
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => migrationFile.test(path) && !/(?:^|\/)(?:\.|node_modules\/)/.test(path))
    .sort()
    .map((path) => {
      const decoded = decode(readFileSync(join(dir, path)));
      return { path, text: 'text' in decoded ? decoded.text : null };
    });
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
