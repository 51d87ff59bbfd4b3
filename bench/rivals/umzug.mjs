// Umzug in one process: a connection a worker, a file is one message, the history row follows it. No lock.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Umzug } from 'umzug';
import { eachTenantOnPg, target } from './tenants.mjs';

const dir = join(target.dir, 'plain');
const files = readdirSync(dir)
  .sort()
  .map((name) => ({ name, text: readFileSync(join(dir, name), 'utf8') }));
await eachTenantOnPg(async (tenant, client) => {
  await client.query(
    `set search_path = "${tenant}", public; create table if not exists "${tenant}".umzug (name text primary key)`,
  );
  const umzug = new Umzug({
    migrations: files.map(({ name, text }) => ({ name, up: () => client.query(text) })),
    storage: {
      executed: async () =>
        (await client.query('select name from umzug order by name')).rows.map((row) => row.name),
      logMigration: ({ name }) => client.query('insert into umzug values ($1)', [name]),
      unlogMigration: async () => {},
    },
    logger: undefined,
  });
  await umzug.up();
});
