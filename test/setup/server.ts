import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { serverAccount } from '../../src/embedded/account.ts';
import { ensureCluster, startCluster } from '../../src/embedded/cluster.ts';
import { dataFolder } from './data-folder.ts';
import { otherServerBinaries } from './other-servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverUrl: string;
    /** A folder for clusters that were never started, which servers of tests are copied from. */
    templates: string;
  }
}

const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  jit: 'off',
  max_connections: '200',
};

/**
 * The server that all tests share: SQLMIG_TEST_POSTGRES is `embedded` (default), `embedded:15` to `embedded:17`, `docker`
 * (testcontainers) or the URL of a server that is there, with the right to create databases.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kind = process.env.SQLMIG_TEST_POSTGRES ?? 'embedded';
  const { url, stop } = await serverOf(kind);
  console.log(`tests run against ${kind.replace(/:\/\/.*@/, '://…@')}`);
  project.provide('serverUrl', url);
  const templates = dataFolder('sqlmig-templates-');
  project.provide('templates', templates);
  return async () => {
    rmSync(templates, { recursive: true, force: true });
    await stop();
  };
}

async function serverOf(kind: string): Promise<{ url: string; stop: () => Promise<void> }> {
  if (/^postgres(ql)?:/.test(kind)) return { url: kind, stop: async () => {} };
  if (kind === 'docker') {
    const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
    const container = await new PostgreSqlContainer(process.env.SQLMIG_TEST_IMAGE ?? 'postgres:18')
      .withCommand([
        'postgres',
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ])
      .start();
    return { url: container.getConnectionUri(), stop: async () => void (await container.stop()) };
  }
  const [, major] = /^embedded:(\d+)$/.exec(kind) ?? [];
  if (major !== undefined) return ofVersion(Number(major));
  if (kind !== 'embedded') throw new Error(`SQLMIG_TEST_POSTGRES is embedded, docker or a URL, not ${kind}`);
  const dir = dataFolder('sqlmig-test-server-');
  // The built one: its supervisor is a program of its own.
  const built = new URL('../../dist/embedded/attach.cjs', import.meta.url);
  const { attachEmbedded } = (await import(built.href)) as typeof import('../../src/embedded/attach.ts');
  const server = await attachEmbedded(dir, settings, fileURLToPath(new URL('../..', import.meta.url)));
  return {
    url: server.url,
    async stop() {
      await server.release();
      rmSync(server.dir, { recursive: true, force: true });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A server of another major version. */
async function ofVersion(major: number): Promise<{ url: string; stop: () => Promise<void> }> {
  const account = serverAccount();
  const native = otherServerBinaries(major, account);
  const cluster = { dir: dataFolder(`sqlmig-test-pg${major}-`), native, account, settings };
  ensureCluster(cluster);
  const server = await startCluster(cluster);
  return {
    url: server.url,
    async stop() {
      await server.stop();
      rmSync(cluster.dir, { recursive: true, force: true });
    },
  };
}
