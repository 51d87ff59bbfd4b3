import { readdirSync, readFileSync } from 'node:fs';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const files = readdirSync(dir).sort();
const db = new Kysely({
  dialect: new PostgresDialect({
    pool: new pg.Pool({ connectionString: url, options: `-c search_path=${schema}` }),
  }),
});
const migrator = new Migrator({
  db,
  migrationTableSchema: schema,
  provider: {
    getMigrations: async () =>
      Object.fromEntries(
        files.map((file) => {
          const text = readFileSync(`${dir}/${file}`, 'utf8');
          return [file.replace('.sql', ''), { up: (one) => sql.raw(text).execute(one) }];
        }),
      ),
  },
});
const { error } = await migrator.migrateToLatest();
await db.destroy();
if (error !== undefined) throw error;
