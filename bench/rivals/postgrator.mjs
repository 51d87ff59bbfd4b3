// Postgrator in one process: a connection a worker. No lock and no transaction.
import { join } from 'node:path';
import Postgrator from 'postgrator';
import { eachTenantOnPg, target } from './tenants.mjs';

await eachTenantOnPg(async (tenant, client) => {
  await client.query(`set search_path = "${tenant}", public`);
  const postgrator = new Postgrator({
    migrationPattern: join(target.dir, 'postgrator/*'),
    driver: 'pg',
    database: new URL(target.url).pathname.slice(1),
    currentSchema: tenant,
    schemaTable: 'schemaversion',
    execQuery: (text) => client.query(text),
  });
  await postgrator.migrate();
});
