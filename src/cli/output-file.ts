import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { usage } from './options.ts';

/** A file that a flag names, to be written whole or not at all: others may read it at any moment. */
export interface OutputFile {
  /** Writes the file. @throws whatever the file system does; then the file is as it was before. */
  write(text: string): void;
}

/**
 * Checks that a file can be written, so that a command need not find out after its work; changes nothing.
 * @throws SqlmigError `bad-usage` if it cannot.
 */
export function openOutput(flag: string, file: string, cwd: string): OutputFile {
  const path = resolve(cwd, file);
  const making = `${path}.${process.pid}`;
  try {
    if (file === '') throw new Error('it has no name');
    // A device would be replaced by the file.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new Error('it is not a regular file');
    writeFileSync(making, '');
    rmSync(making);
  } catch (error) {
    const hint = 'specify a file in an existing folder that is writable';
    throw usage(`${flag} cannot write "${file}": ${(error as Error).message}`, hint);
  }
  return {
    write(text) {
      try {
        writeFileSync(making, text);
        renameSync(making, path);
      } catch (error) {
        rmSync(making, { force: true });
        throw error;
      }
    },
  };
}
