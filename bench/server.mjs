// A server of its own for the measurements, with stock settings unless something else is said.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { build } from 'rolldown';

export const root = fileURLToPath(new URL('..', import.meta.url));

const [{ serverAccount }, { serverBinaries }, { freePort }] = await fromSource([
  'account',
  'binaries',
  'free-port',
]);

/** Imports modules of src/embedded; bundled first, since Node 20 cannot run TypeScript. */
async function fromSource(names) {
  const dir = join(root, 'node_modules/.bench');
  const input = Object.fromEntries(names.map((name) => [name, join(root, `src/embedded/${name}.ts`)]));
  await build({
    input,
    platform: 'node',
    external: /^[^./]/,
    logLevel: 'warn',
    output: { dir, entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
  });
  return Promise.all(names.map((name) => import(join(dir, `${name}.mjs`))));
}

/** Starts a server; `flushMs` makes each flush of its files take so long (a shim over fsync and fdatasync). */
export async function startServer({ settings = {}, flushMs = null } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-bench-'));
  chmodSync(dir, 0o755);
  const account = serverAccount();
  const bin = process.env.BENCH_PG_BIN ?? join(serverBinaries(root, account), 'bin');
  const data = join(dir, 'data');
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  chmodSync(dir, 0o777);
  const options = ['--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'];
  execFileSync(join(bin, 'initdb'), ['-D', data, ...options], { ...account, env, cwd: '/', stdio: 'ignore' });
  const port = await freePort();
  const all = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  if (flushMs !== null) Object.assign(env, { LD_PRELOAD: flushShim(dir), FLUSH_US: String(flushMs * 1000) });
  const start = () =>
    spawn(
      join(bin, 'postgres'),
      ['-D', data, ...Object.entries(all).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
      {
        ...account,
        env,
        cwd: '/',
        stdio: 'ignore',
      },
    );
  let server = start();
  const url = (database) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  const query = async (database, text) => {
    const sql = postgres(url(database), { max: 1, fetch_types: false, onnotice() {} });
    try {
      return [...(await sql.unsafe(text).simple())].flat();
    } finally {
      await sql.end({ timeout: 5 });
    }
  };
  const ready = async () => {
    for (let tries = 0; ; tries++) {
      try {
        return await query('postgres', 'select 1');
      } catch (error) {
        if (tries === 200) throw error;
        await delay(50);
      }
    }
  };
  await ready();
  const ended = () => new Promise((resolve) => server.once('exit', resolve));
  return {
    dir,
    url,
    query,
    version: async () => (await query('postgres', 'show server_version'))[0].server_version,
    async crash() {
      const gone = ended();
      server.kill('SIGQUIT');
      await gone;
      server = start();
      await ready();
    },
    async stop() {
      const gone = ended();
      server.kill('SIGINT');
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function flushShim(dir) {
  const source = join(dir, 'flush.c');
  writeFileSync(
    source,
    `#include <stdlib.h>
#include <unistd.h>
static void wait_for_disk(void) { const char *us = getenv("FLUSH_US"); if (us) usleep(atoi(us)); }
int fsync(int fd) { (void)fd; wait_for_disk(); return 0; }
int fdatasync(int fd) { (void)fd; wait_for_disk(); return 0; }
`,
  );
  const library = join(dir, 'flush.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source]);
  chmodSync(library, 0o755);
  return library;
}
