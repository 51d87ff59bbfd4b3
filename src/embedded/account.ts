import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SqlmigError } from '../errors.ts';

/** The operating system account that runs PostgreSQL; empty for the current one. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Returns the account to run PostgreSQL under. PostgreSQL refuses to run as root, so root uses an existing unprivileged
 * account. No account is created.
 * @throws SqlmigError `embedded-failed` if there is no such account.
 */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((fields) => fields[0] === name) ?? [];
    if (uid !== undefined && uid !== '0') return { uid: Number(uid), gid: Number(gid) };
  }
  throw new SqlmigError(
    'embedded-failed',
    'PostgreSQL does not run as root, and there is neither a "postgres" nor a "nobody" account',
  );
}

/** True if the account can enter a folder. Usually it cannot if the folder is in a home directory of mode 700. */
export function canEnter(account: Account, dir: string): boolean {
  if (account.uid === undefined) return true;
  try {
    execFileSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { ...account, stdio: 'ignore', cwd: '/' });
    return true;
  } catch {
    return false;
  }
}
