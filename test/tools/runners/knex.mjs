import knex from 'knex';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const db = knex({ client: 'pg', connection: url, searchPath: [schema] });
try {
  const disableTransactions = process.env.KNEX_TEST_TRANSACTIONS === 'off';
  await db.migrate.latest({ directory: dir, schemaName: schema, disableTransactions });
} finally {
  await db.destroy();
}
