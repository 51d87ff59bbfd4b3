import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { SqlmigError } from '../errors.ts';
import { decode } from '../project/decode.ts';

/**
 * Loads files of variables into the environment of this process, and so of a program that takes its place, as
 * `node --env-file` does: variables that are set stay, and a later file beats an earlier one. Unlike Node, it ignores a
 * byte order mark.
 * @throws SqlmigError `bad-usage` for a file that cannot be read.
 */
export function loadEnvFiles(files: readonly string[]): void {
  for (const file of [...files].reverse()) {
    for (const [name, value] of Object.entries(parseEnv(readText(file)))) process.env[name] ??= value;
  }
}

function readText(file: string): string {
  const decoded = decode(readBytes(file));
  if ('text' in decoded) return decoded.text;
  throw unreadable(file, 'is not UTF-8', 'save it as UTF-8');
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw unreadable(
      file,
      `cannot be read (${code})`,
      'correct the path; it is relative to the working directory',
    );
  }
}

function unreadable(file: string, why: string, hint: string): SqlmigError {
  return new SqlmigError('bad-usage', `--env-file ${file} ${why}`, { state: 'nothing was run', hint });
}
