import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type OwnServer, ownServer } from './cluster.ts';
import { dataFolder } from './data-folder.ts';

// Where Debian has its servers, one folder a version.
const servers = '/usr/lib/postgresql';

/** The folder of a server with Citus; `null` if there is none. */
export function citusServer(): string | null {
  const versions = existsSync(servers) ? readdirSync(servers) : [];
  return (
    versions
      .map((version) => join(servers, version))
      .findLast((native) => existsSync(join(native, 'lib', 'citus.so'))) ?? null
  );
}

/** A coordinator and two workers, gone after the test. */
export interface CitusServers {
  readonly coordinator: OwnServer;
  readonly workers: readonly [OwnServer, OwnServer];
}

/** Starts them with schema-based sharding. */
export async function startCitus(native: string): Promise<CitusServers> {
  const dir = dataFolder('sqlmig-citus-');
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const hba = join(dir, 'pg_hba.conf');
  // The servers log in to each other.
  writeFileSync(hba, 'host all all 127.0.0.1/32 trust\n');
  const settings = {
    hba_file: hba,
    fsync: 'off',
    shared_preload_libraries: 'citus',
    'citus.enable_schema_based_sharding': 'on',
    'citus.node_conninfo': 'sslmode=prefer',
    max_prepared_transactions: '50',
  };
  const start = async () => {
    const server = await ownServer(settings, native);
    await server.query('create extension citus');
    return server;
  };
  const [coordinator, ...workers] = [await start(), await start(), await start()] as const;
  const port = ({ url }: OwnServer) => new URL(url).port;
  await coordinator.query(`select citus_set_coordinator_host('127.0.0.1', ${port(coordinator)})`);
  for (const worker of workers)
    await coordinator.query(`select citus_add_node('127.0.0.1', ${port(worker)})`);
  return { coordinator, workers };
}
