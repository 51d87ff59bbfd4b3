import { SqlmigError } from '../errors.ts';

/**
 * Loads files of variables into the environment of this process, and so of a program that takes its place, as
 * `node --env-file` does: variables that are set stay, and a later file beats an earlier one.
 * @throws SqlmigError `bad-usage` for a file that cannot be read.
 */
export function loadEnvFiles(files: readonly string[]): void {
  for (const file of [...files].reverse()) {
    try {
      process.loadEnvFile(file);
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      throw new SqlmigError('bad-usage', `--env-file ${file} cannot be read (${code})`, {
        state: 'nothing was run',
        hint: 'correct the path; it is relative to the working directory',
        cause: error,
      });
    }
  }
}
