import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from './decode.ts';

const migrationFile = /\.(?:sql|[cm]?[jt]s|py|rb|exs|go)$|(?:^|\/)meta\/_journal\.json$/;

/**
 * The migration files below a folder in any tool's layout, by path; none if there is no such folder. A file that is not
 * UTF-8 is left out.
 */
export function readSourceFiles(dir: string): readonly { readonly path: string; readonly text: string }[] {
  return entriesOf(dir)
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => migrationFile.test(path) && !/(?:^|\/)(?:\.|node_modules\/)/.test(path))
    .sort()
    .flatMap((path) => {
      const decoded = decode(readFileSync(join(dir, path)));
      return 'text' in decoded ? [{ path, text: decoded.text }] : [];
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
