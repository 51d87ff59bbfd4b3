import { chmodSync, existsSync, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';
const enoughBytes = 4 * 1024 ** 3;

/**
 * Makes a folder for the data of a server, which any account may enter. It is in memory where that has room: a database is
 * hundreds of files, and a disk needs ten times as long to create them.
 */
export function dataFolder(prefix: string): string {
  const dir = mkdtempSync(join(hasRoom() ? memory : tmpdir(), prefix));
  chmodSync(dir, 0o755);
  return dir;
}

function hasRoom(): boolean {
  if (!existsSync(memory)) return false;
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize >= enoughBytes;
}
