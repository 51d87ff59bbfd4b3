import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SqlmigError } from '../errors.ts';
import type { Env } from './connection-parameters.ts';
import type { ServiceFile } from './service-file.ts';

/**
 * The service files of libpq, in search order: PGSERVICEFILE or else ~/.pg_service.conf, then
 * pg_service.conf in the folder PGSYSCONFDIR.
 * @throws SqlmigError `config-invalid` for one that cannot be read, and for a PGSERVICEFILE that is not there.
 */
export function readServiceFiles(env: Env): ServiceFile[] {
  const own = env.PGSERVICEFILE
    ? read(env.PGSERVICEFILE, true)
    : read(join(env.HOME || homedir(), '.pg_service.conf'), false);
  return env.PGSYSCONFDIR ? [own, read(join(env.PGSYSCONFDIR, 'pg_service.conf'), false)] : [own];
}

function read(path: string, required: boolean): ServiceFile {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!required && (code === 'ENOENT' || code === 'ENOTDIR')) return { path, text: null };
    throw new SqlmigError('config-invalid', `cannot read the service file ${path} (${code})`, {
      hint: 'PGSERVICEFILE names the service file; without it, it is ~/.pg_service.conf',
      cause: error,
    });
  }
}
