// Knex in one process: a pool of one connection a tenant (search_path belongs to the connection), its own lock and history.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import knex from 'knex';
import { eachTenant, target } from './tenants.mjs';

const dir = join(target.dir, 'plain');
const files = readdirSync(dir)
  .sort()
  .map((name) => ({ name, text: readFileSync(join(dir, name), 'utf8') }));
const migrationSource = {
  getMigrations: async () => files,
  getMigrationName: (file) => file.name,
  getMigration: async ({ text }) => ({ up: (db) => db.raw(text), down: async () => {} }),
};
await eachTenant(
  async () => {},
  async () => {},
  async (tenant) => {
    const db = knex({
      client: 'pg',
      connection: target.url,
      searchPath: [tenant, 'public'],
      pool: { min: 1, max: 1 },
    });
    await db.migrate.latest({ migrationSource, schemaName: tenant });
    await db.destroy();
  },
);
