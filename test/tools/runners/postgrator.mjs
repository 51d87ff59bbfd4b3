import pg from 'pg';
import Postgrator from 'postgrator';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
await client.connect();
try {
  const postgrator = new Postgrator({
    migrationPattern: `${dir}/*`,
    driver: 'pg',
    database: new URL(url).pathname.slice(1),
    schemaTable: `${schema}.schemaversion`,
    execQuery: (text) => client.query(text),
  });
  await postgrator.migrate();
} finally {
  await client.end();
}
