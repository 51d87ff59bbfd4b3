import pg from 'pg';
import { migrate } from 'postgres-migrations';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
await client.connect();
try {
  await migrate({ client }, dir);
} finally {
  await client.end();
}
