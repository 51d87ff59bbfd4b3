import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
await client.connect();
try {
  await migrate(drizzle(client), {
    migrationsFolder: dir,
    ...(schema === 'public' ? {} : { migrationsSchema: schema }),
  });
} finally {
  await client.end();
}
