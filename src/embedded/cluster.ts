import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Account } from './account.ts';
import { freePort } from './free-port.ts';

/** A database cluster on disk, with the program, account and settings of its server. */
export interface Cluster {
  /** The parent of the data directory. */
  readonly dir: string;
  readonly native: string;
  readonly account: Account;
  readonly settings: Readonly<Record<string, string>>;
}

/** A running server. */
export interface RunningServer {
  readonly url: string;
  readonly process: ChildProcess;
  /** Stops the server in fast mode, which ends all sessions and keeps the data. */
  stop(): Promise<void>;
}

/** Another server is running on the data directory. */
export class ClusterInUse extends Error {
  override readonly name = 'ClusterInUse';
  /** The process ID in the lock file. */
  readonly pid: number | null;

  constructor(pid: number | null) {
    super('another server is running on this data directory');
    this.pid = pid;
  }
}

// Without these, LANG decides the encoding of a new cluster: SQL_ASCII if it is unset.
const locale = ['--encoding=UTF8', '--locale=C'];
const environment = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };

/** Creates the cluster if it does not exist. Several processes may do so at the same time. */
export function ensureCluster({ dir, native, account }: Cluster): void {
  const data = join(dir, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return;
  mkdirSync(dir, { recursive: true });
  const staging = join(dir, `staging-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { mode: 0o755 });
  const password = randomBytes(16).toString('hex');
  writeFileSync(join(staging, 'password'), password, { mode: 0o600 });
  for (const path of [staging, join(staging, 'password')]) giveTo(path, account);
  const options = [
    `--pwfile=${join(staging, 'password')}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    '--no-sync',
  ];
  try {
    execFileSync(join(native, 'bin', 'initdb'), ['-D', join(staging, 'data'), ...options, ...locale], {
      ...account,
      cwd: '/',
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // The password is stored in the data directory, so that one rename publishes both.
    renameSync(join(staging, 'password'), join(staging, 'data', 'sqlmig-password'));
    renameSync(join(staging, 'data'), data);
  } catch (error) {
    if (!existsSync(join(data, 'PG_VERSION'))) throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/**
 * Starts the server on the loopback interface, on a free port unless the settings include one.
 * @throws ClusterInUse if another server is running on the data directory, otherwise an Error with the server's log.
 */
export async function startCluster(cluster: Cluster): Promise<RunningServer> {
  const { dir, native, account, settings } = cluster;
  const data = join(dir, 'data');
  const password = readFileSync(join(data, 'sqlmig-password'), 'utf8');
  for (let attempt = 1; ; attempt++) {
    const port = settings.port ?? String(await freePort());
    const options = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      ...settings,
    };
    const args = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = spawn(join(native, 'bin', 'postgres'), ['-D', data, ...args], {
      ...account,
      cwd: '/',
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log = await readiness(server);
    if (log === null) {
      return {
        url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
        process: server,
        stop: () => stop(server),
      };
    }
    if (/lock file .* already exists/.test(log)) throw new ClusterInUse(pidOf(data));
    // Another process may have taken the port since it was found free.
    if (attempt === 5 || !/could not bind|could not create any TCP/i.test(log)) {
      throw new Error(`PostgreSQL did not start:\n${log.trim()}`);
    }
  }
}

/** Resolves to `null` when the server is ready, or to its log if it ended first. */
function readiness(server: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let log = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk).slice(-8_000);
      if (/ready to accept (read-only )?connections/.test(log)) resolve(null);
    });
    server.once('error', (error) => resolve(`${log}${error.message}`));
    server.once('close', () => resolve(log));
  });
}

function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timeout = setTimeout(() => server.kill('SIGQUIT'), 15_000);
    server.once('exit', () => {
      clearTimeout(timeout);
      resolve();
    });
    server.kill('SIGINT');
  });
}

function pidOf(data: string): number | null {
  try {
    return Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10);
  } catch {
    return null;
  }
}

function giveTo(path: string, { uid, gid }: Account): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  else chmodSync(path, 0o700);
}
