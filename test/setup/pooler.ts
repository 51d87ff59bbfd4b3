import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { serverAccount } from '../../src/embedded/account.ts';
import { freePort } from '../../src/embedded/free-port.ts';

/** Why the tests with a pooler cannot run here; `null` where they can. */
export function poolerMissing(): string | null {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'pgbouncer is not installed';
  }
}

/** Starts PgBouncer in front of a database until the test ends, and gives its URL. */
export async function startPooler(
  databaseUrl: string,
  mode: 'transaction' | 'session',
  poolSize: number,
): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-pooler-'));
  const listen = await freePort();
  const file = join(dir, 'pgbouncer.ini');
  const secret = password === '' ? '' : ` password=${decodeURIComponent(password)}`;
  writeFileSync(
    file,
    `[databases]\n* = host=${hostname} port=${port || 5432} user=${username}${secret}
[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${listen}\nunix_socket_dir =\nauth_type = any\npool_mode = ${mode}
default_pool_size = ${poolSize}\nmax_client_conn = 500\n`,
    { mode: 0o600 },
  );
  // It refuses to run as root, as the server does.
  const account = serverAccount();
  if (account.uid !== undefined && account.gid !== undefined) {
    for (const path of [dir, file]) chownSync(path, account.uid, account.gid);
  }
  const pooler = spawn('pgbouncer', ['-q', file], { ...account, stdio: 'ignore' });
  onTestFinished(async () => {
    const gone = new Promise((resolve) => pooler.once('exit', resolve));
    pooler.kill('SIGKILL');
    await gone;
    rmSync(dir, { recursive: true, force: true });
  });
  for (let i = 0; i < 600 && !(await listens(listen)); i++) await delay(50);
  return `postgres://${username}@127.0.0.1:${listen}${pathname}`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
