import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The login that a password is looked up for. */
interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** A password from the password file, or why the file was ignored; both `null` if it has no matching line. */
interface StoredPassword {
  readonly password: string | null;
  readonly ignored: string | null;
}

// Where PostgreSQL and the packages of most distributions put their socket: there `localhost` matches too.
const defaultSocketFolders: ReadonlySet<string> = new Set(['/tmp', '/run/postgresql', '/var/run/postgresql']);

/**
 * Looks up a password as libpq does (PostgreSQL documentation, The Password File); `path` is the file that `passfile` or
 * PGPASSFILE names. A missing or unreadable file counts as empty, and one that others may read is ignored.
 */
export function readPasswordFile(path: string | null, login: Login): StoredPassword {
  const file = path ?? defaultPath();
  try {
    const stat = statSync(file);
    if (process.platform !== 'win32') {
      if (!stat.isFile()) return { password: null, ignored: `the password file ${file} is not a plain file` };
      if ((stat.mode & 0o077) !== 0) {
        const why = 'has group or world access; run chmod 600 on it';
        return { password: null, ignored: `the password file ${file} ${why}` };
      }
    }
    return { password: passwordFor(login, readFileSync(file, 'utf8')), ignored: null };
  } catch {
    return { password: null, ignored: null };
  }
}

/** The password of the first line of a password file that matches a login; `null` if none does. */
export function passwordFor({ host, port, database, user }: Login, text: string): string | null {
  const hosts = defaultSocketFolders.has(host) ? [host, 'localhost'] : [host];
  const wanted = [hosts, [String(port)], [database], [user]];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const [, ...fields] = entry.exec(line) ?? [];
    const password = fields.pop();
    const matches = wanted.every(
      (values, i) => fields[i] === '*' || values.includes(unescaped(fields[i] ?? '')),
    );
    if (matches && password !== undefined) return unescaped(password);
  }
  return null;
}

// A colon ends a field unless a backslash precedes it.
const field = String.raw`((?:\\.|[^\\:]|\\$)*)`;
const entry = new RegExp(`^${Array(5).fill(field).join(':')}`, 'su');

function unescaped(text: string): string {
  return text.replace(/\\(.)/gsu, '$1');
}

function defaultPath(): string {
  const { APPDATA } = process.env;
  return process.platform === 'win32' && APPDATA !== undefined
    ? join(APPDATA, 'postgresql', 'pgpass.conf')
    : join(homedir(), '.pgpass');
}
