// A server of its own for the measurements, with stock settings.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { build } from 'rolldown';
import { flushLibrary } from './native.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const [{ serverAccount }, { serverBinaries }, { freePort }, { dataFolder }] = await fromSource([
  'src/embedded/account',
  'src/embedded/binaries',
  'src/embedded/free-port',
  'test/setup/data-folder',
]);

/** Imports modules of the source; bundled first, since Node 20 cannot run TypeScript. */
async function fromSource(modules) {
  const dir = join(root, 'node_modules/.bench');
  const input = Object.fromEntries(modules.map((path) => [basename(path), join(root, `${path}.ts`)]));
  await build({
    input,
    platform: 'node',
    external: /^[^./]/,
    logLevel: 'warn',
    output: { dir, entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
  });
  return Promise.all(Object.keys(input).map((name) => import(join(dir, `${name}.mjs`))));
}

/**
 * Starts a server. Its data is in memory if that has room, or below the folder `data`; with `flushMs`, each flush of its
 * files takes that long.
 */
export async function startServer({ data, flushMs }) {
  const prefix = 'sqlmig-bench-';
  const dir = data === undefined ? dataFolder(prefix) : mkdtempSync(join(data, prefix));
  chmodSync(dir, 0o777);
  const account = serverAccount();
  const bin = process.env.BENCH_PG_BIN ?? join(serverBinaries(root, account), 'bin');
  const folder = join(dir, 'data');
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  const options = ['--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
  execFileSync(join(bin, 'initdb'), ['-D', folder, ...options], {
    ...account,
    env,
    cwd: '/',
    stdio: 'ignore',
  });
  if (flushMs !== undefined)
    Object.assign(env, { LD_PRELOAD: flushLibrary(dir), FLUSH_US: String(flushMs * 1000) });
  const port = await freePort();
  const settings = [
    '-c',
    `port=${port}`,
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
  ];
  const server = spawn(join(bin, 'postgres'), ['-D', folder, ...settings], {
    ...account,
    env,
    cwd: '/',
    stdio: 'ignore',
  });
  const url = (database) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const query = async (database, text) => {
    const sql = postgres(url(database), { max: 1, fetch_types: false, onnotice() {} });
    try {
      return [...(await sql.unsafe(text).simple())].flat();
    } finally {
      await sql.end({ timeout: 5 });
    }
  };
  await untilReady(() => query('postgres', 'select 1'));
  return {
    dir,
    port,
    url,
    query,
    pid: server.pid,
    version: (await query('postgres', 'show server_version'))[0].server_version,
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      if (server.exitCode === null && server.kill('SIGINT')) await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function untilReady(ask) {
  for (let tries = 0; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 200) throw error;
      await delay(50);
    }
  }
}
