// Shapes read from the tools' own sources: the columns that a tool's history has and no other's.
const shapes: readonly (readonly [tool: string, columns: readonly string[]])[] = [
  ['Ecto', ['version bigint', 'inserted_at timestamp']],
  ['golang-migrate', ['version bigint', 'dirty boolean']],
  ['goose', ['version_id bigint', 'is_applied boolean']],
  ['Flyway', ['installed_rank integer', 'version character varying', 'checksum integer']],
  ['knex', ['name character varying', 'batch integer', 'migration_time timestamp']],
  ['node-pg-migrate', ['name character varying', 'run_on timestamp']],
  ['Django', ['app character varying', 'name character varying', 'applied timestamp']],
  ['Laravel', ['migration character varying', 'batch integer']],
  [
    'Prisma',
    ['migration_name character varying', 'checksum character varying', 'applied_steps_count integer'],
  ],
  ['Drizzle', ['hash text', 'created_at bigint']],
  ['sqlx', ['version bigint', 'installed_on timestamp', 'checksum bytea']],
  ['postgrator', ['version bigint', 'md5 text', 'run_at timestamp']],
  ['dbmate', ['version character varying(']],
  ['Rails', ['version character varying']],
];

// Names that history tables have by default. One that means nothing without its columns has no tool here.
const tables: Readonly<Record<string, string | null>> = {
  schema_migrations: null,
  migrations: null,
  schema_version: null,
  schemaversion: 'postgrator',
  flyway_schema_history: 'Flyway',
  databasechangelog: 'Liquibase',
  alembic_version: 'Alembic',
  django_migrations: 'Django',
  goose_db_version: 'goose',
  gorp_migrations: 'sql-migrate',
  knex_migrations: 'knex',
  pgmigrations: 'node-pg-migrate',
  _prisma_migrations: 'Prisma',
  __drizzle_migrations: 'Drizzle',
  __EFMigrationsHistory: 'Entity Framework',
  SequelizeMeta: 'Sequelize',
  mikro_orm_migrations: 'MikroORM',
  _sqlx_migrations: 'sqlx',
  refinery_schema_history: 'refinery',
  __diesel_schema_migrations: 'Diesel',
  atlas_schema_revisions: 'Atlas',
  phinxlog: 'Phinx',
};

/** Names that tools give their history tables. */
export const historyTableNames: readonly string[] = Object.keys(tables);

/** Which tool a table is the history of, by name and columns; `null` where it need not be a history at all. */
export function toolOf(table: string, columns: readonly string[]): string | null {
  const named = tables[table] ?? null;
  if (named !== null) return named;
  const tool = recogniseTool(columns);
  const isGeneric = table === 'migrations' || table === 'schema_version';
  return tool === anotherTool && isGeneric ? null : tool;
}

const anotherTool = 'another tool';

/** Which tool made a history table with these columns (`name type` each), or "another tool". */
export function recogniseTool(columns: readonly string[]): string {
  const has = (wanted: string) => columns.some((column) => column.startsWith(wanted));
  return shapes.find(([, wanted]) => wanted.every(has))?.[0] ?? anotherTool;
}
