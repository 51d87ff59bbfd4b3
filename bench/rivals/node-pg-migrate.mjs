// node-pg-migrate as a library in one process: a connection a worker, its lock off (it is one for the whole database).
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import { eachTenantOnPg, target } from './tenants.mjs';

const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
await eachTenantOnPg((tenant, dbClient) =>
  runner({
    dbClient,
    dir: join(target.dir, 'node-pg-migrate'),
    direction: 'up',
    migrationsTable: 'pgmigrations',
    schema: [tenant, 'public'],
    migrationsSchema: tenant,
    noLock: true,
    logger: quiet,
  }),
);
