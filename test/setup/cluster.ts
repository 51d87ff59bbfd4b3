import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { inject, onTestFinished } from 'vitest';
import { serverAccount } from '../../src/embedded/account.ts';
import { serverBinaries } from '../../src/embedded/binaries.ts';
import { ensureCluster, type RunningServer, startCluster } from '../../src/embedded/cluster.ts';
import { dataFolder } from './data-folder.ts';
import type { Rows } from './database.ts';
import { otherServerBinaries } from './other-servers.ts';

/** A server of one test's own, which may be crashed; gone after the test. */
export interface OwnServer {
  readonly url: string;
  query(text: string): Promise<Rows>;
  /** Ends all processes at once, as after a loss of power but for the disk, and starts again on the same port. */
  crash(): Promise<void>;
  /** The same without the start; all of it is gone when this returns. */
  kill(): void;
  start(): Promise<void>;
  /** Starts it again as a standby that has no primary. */
  becomeStandby(): Promise<void>;
}

/** Starts a server that flushes to disk as a real one does; `from` asks for another version, or for that in a folder. */
export async function ownServer(
  settings: Readonly<Record<string, string>> = {},
  from?: number | string,
): Promise<OwnServer> {
  const account = serverAccount();
  const native =
    from === undefined
      ? serverBinaries(fileURLToPath(new URL('../..', import.meta.url)), account)
      : typeof from === 'string'
        ? from
        : otherServerBinaries(from, account);
  const cluster = { dir: dataFolder('sqlmig-own-server-'), native, account, settings };
  onTestFinished(() => rmSync(cluster.dir, { recursive: true, force: true }));
  const template = join(inject('templates'), `postgres-${String(from ?? 'embedded').replaceAll('/', '_')}`);
  ensureCluster({ ...cluster, dir: template });
  execFileSync('cp', ['-a', join(template, 'data'), cluster.dir]);
  let server = await startCluster(cluster);
  onTestFinished(() => server.stop());
  const { url } = server;
  const { port } = new URL(url);
  const restart = async (): Promise<RunningServer> => {
    for (let tries = 0; ; tries++) {
      try {
        return await startCluster({ ...cluster, settings: { ...settings, port } });
      } catch (error) {
        if (tries === 200) throw error;
        await delay(100);
      }
    }
  };
  const crash = async () => {
    const ended = new Promise((resolve) => server.process.once('exit', resolve));
    server.process.kill('SIGQUIT');
    await ended;
    server = await restart();
  };
  return {
    url,
    async query(text) {
      const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
      return [...(await sql.unsafe(text).finally(() => sql.end({ timeout: 1 })))] as Rows;
    },
    kill() {
      server.process.kill('SIGQUIT');
      // Nothing of this process runs meanwhile, so that it meets a server that is gone, not one that is going.
      const gone = () => /^(Z.*)?$/.test(stateOf(server.process.pid));
      while (!gone()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    },
    async start() {
      server = await restart();
    },
    crash,
    async becomeStandby() {
      const signal = join(cluster.dir, 'data/standby.signal');
      writeFileSync(signal, '');
      chmodSync(signal, 0o644);
      await crash();
    },
  };
}

/** What `ps` says of a process: empty where there is none, `Z` where it has ended and nobody has noticed. */
function stateOf(pid: number | undefined): string {
  return spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
}
