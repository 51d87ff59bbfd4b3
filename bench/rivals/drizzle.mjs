// Drizzle's migrator on postgres.js: a connection a tenant, all files of a tenant in one transaction. No lock.
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { eachTenant, target } from './tenants.mjs';

await eachTenant(
  async () => {},
  async () => {},
  async (tenant) => {
    const sql = postgres(target.url, {
      max: 1,
      fetch_types: false,
      onnotice() {},
      connection: { search_path: `"${tenant}", public` },
    });
    await migrate(drizzle(sql), {
      migrationsFolder: join(target.dir, 'drizzle'),
      migrationsSchema: tenant,
    });
    await sql.end();
  },
);
