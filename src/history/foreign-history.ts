/** What a tool's history table looks like, read in the tool's source or in tables that it made. */
interface Shape {
  readonly tool: string;
  /** `name type` each, all of them present; a type may be cut short. */
  readonly columns: readonly string[];
  /** It has no other columns. */
  readonly only?: true;
  /** Its columns are too common to decide without its name. */
  readonly named?: RegExp;
  /** A table beside it. */
  readonly companion?: string;
}

const text = 'character varying';

// The first shape that fits decides, so the more special ones come first.
const shapes: readonly Shape[] = [
  { tool: 'Ecto', columns: ['version bigint', 'inserted_at timestamp'], only: true },
  {
    tool: 'Hasura before 1.4',
    columns: ['version bigint', 'dirty boolean'],
    only: true,
    companion: 'hdb_version',
  },
  { tool: 'golang-migrate', columns: ['version bigint', 'dirty boolean'], only: true },
  { tool: 'goose', columns: ['version_id bigint', 'is_applied boolean'] },
  { tool: 'Flyway', columns: ['installed_rank integer', `version ${text}`, 'checksum integer'] },
  {
    tool: 'Prisma',
    columns: [`migration_name ${text}`, `checksum ${text}`, 'applied_steps_count integer'],
  },
  { tool: 'sqlx', columns: ['version bigint', 'installed_on timestamp', 'checksum bytea'] },
  { tool: 'Diesel', columns: [`version ${text}`, 'run_on timestamp'], only: true },
  { tool: 'refinery', columns: ['version ', `applied_on ${text}`, `checksum ${text}`] },
  { tool: 'graphile-migrate', columns: ['hash text', 'previous_hash text', 'filename text'] },
  { tool: 'Drizzle', columns: ['hash text', 'created_at bigint'], named: /migration/ },
  { tool: 'postgrator', columns: ['version bigint', 'md5 text', 'run_at timestamp'] },
  {
    tool: 'postgres-migrations',
    columns: ['id integer', `name ${text}`, `hash ${text}`, 'executed_at timestamp'],
  },
  { tool: 'knex', columns: [`name ${text}`, 'batch integer', 'migration_time timestamp'] },
  { tool: 'Laravel', columns: [`migration ${text}`, 'batch integer'] },
  { tool: 'db-migrate', columns: ['id integer', `name ${text}`, 'run_on timestamp'], named: /^migrations$/ },
  { tool: 'node-pg-migrate', columns: [`name ${text}`, 'run_on timestamp'], named: /migration/ },
  {
    tool: 'TypeORM',
    columns: ['id integer', 'timestamp bigint', `name ${text}`],
    only: true,
    named: /migration/,
  },
  {
    tool: 'ley',
    columns: ['id integer', `name ${text}`, 'created_at timestamp'],
    only: true,
    named: /^migrations$/,
  },
  {
    tool: 'MikroORM',
    columns: ['id integer', `name ${text}`, 'executed_at timestamp'],
    only: true,
    named: /^mikro_orm_migrations$/,
  },
  {
    tool: 'Kysely',
    columns: [`name ${text}`, `timestamp ${text}`],
    only: true,
    named: /^kysely_migration$/,
  },
  { tool: 'Sequelize', columns: [`name ${text}`], only: true, named: /^SequelizeMeta$/ },
  {
    tool: 'sql-migrate',
    columns: ['id text', 'applied_at timestamp'],
    only: true,
    named: /^gorp_migrations$/,
  },
  { tool: 'Liquibase', columns: [`exectype ${text}`, 'md5sum ', 'orderexecuted integer'] },
  { tool: 'Atlas', columns: ['hash ', 'partial_hashes jsonb', 'operator_version '] },
  { tool: 'Sqitch', columns: ['change_id text', 'script_hash text', 'planned_at timestamp'] },
  { tool: 'Alembic', columns: [`version_num ${text}`], only: true },
  { tool: 'Django', columns: [`app ${text}`, `name ${text}`, 'applied timestamp'] },
  { tool: 'Hasura', columns: ['hasura_uuid ', 'cli_state jsonb'] },
  { tool: 'Evolve', columns: ['type smallint', `installed_by ${text}`, 'success boolean'] },
  { tool: 'MyBatis', columns: ['id numeric', `applied_at ${text}`, `description ${text}`], only: true },
  { tool: 'yuniql', columns: ['sequence_id ', 'applied_by_tool ', 'duration_ms '] },
  { tool: 'pgroll', columns: ['migration jsonb', 'parent ', 'done boolean'] },
  { tool: 'Supabase CLI', columns: ['version text', 'statements text[]'] },
  { tool: 'Supabase CLI', columns: ['version text'], only: true, named: /^schema_migrations$/ },
  { tool: 'tern', columns: ['version integer'], only: true, named: /^schema_version$/ },
  { tool: 'dbmate', columns: [`version ${text}(`], only: true, named: /^schema_migrations$/ },
  {
    tool: 'Rails',
    columns: [`version ${text}`],
    only: true,
    named: /^schema_migrations$/,
    companion: 'ar_internal_metadata',
  },
  { tool: 'pop', columns: [`version ${text}`], named: /^schema_migration$/ },
  { tool: 'dbmate or Rails', columns: [`version ${text}`], only: true, named: /^schema_migrations$/ },
  { tool: 'Entity Framework', columns: [`MigrationId ${text}`, `ProductVersion ${text}`] },
  { tool: 'Phinx', columns: ['version bigint', 'migration_name ', 'breakpoint boolean'] },
];

/** Names that tools give their history tables. */
export const historyTableNames: readonly string[] = [
  'schema_migrations',
  'schema_migration',
  'migrations',
  'schema_version',
  'schemaversion',
  'flyway_schema_history',
  'databasechangelog',
  'alembic_version',
  'django_migrations',
  'goose_db_version',
  'gorp_migrations',
  'knex_migrations',
  'pgmigrations',
  '_prisma_migrations',
  '__drizzle_migrations',
  '__EFMigrationsHistory',
  'SequelizeMeta',
  'mikro_orm_migrations',
  'kysely_migration',
  '_sqlx_migrations',
  'refinery_schema_history',
  '__diesel_schema_migrations',
  'atlas_schema_revisions',
  'changelog',
  'hdb_version',
  'phinxlog',
  '__yuniql_schema_version',
];

/** Those that other things have too: a table of such a name that fits no shape need not be a history at all. */
export const everydayNames: readonly string[] = ['migrations', 'schema_version', 'changelog', 'hdb_version'];

const anotherTool = 'another tool';

/**
 * Which tool a table is the history of, by its columns (`name type` each), then by its name and the tables beside it;
 * `null` if it need not be a history at all.
 */
export function toolOf(
  table: string,
  columns: readonly string[],
  companions: readonly string[] = [],
): string | null {
  const found = shapes.find((shape) => fits(shape, columns, { table, companions }));
  if (found !== undefined) return found.tool;
  return historyTableNames.includes(table) && !everydayNames.includes(table) ? anotherTool : null;
}

/** Which tool made a table of the name that histories of sqlmig have, or "another tool". */
export function recognizeTool(columns: readonly string[]): string {
  return toolOf('schema_migrations', columns) ?? anotherTool;
}

function fits(
  { columns: wanted, only, named, companion }: Shape,
  columns: readonly string[],
  { table, companions }: { readonly table: string; readonly companions: readonly string[] },
): boolean {
  return (
    wanted.every((start) => columns.some((column) => column.startsWith(start))) &&
    (only !== true || columns.every((column) => isExpected(column, wanted))) &&
    (named === undefined || named.test(table)) &&
    (companion === undefined || companions.includes(companion))
  );
}

// A key of its own says nothing about whose table it is.
function isExpected(column: string, wanted: readonly string[]): boolean {
  return column.startsWith('id ') || wanted.some((start) => column.startsWith(start));
}

/** The column names of the shapes that decide without a table's name, a list per shape. */
export const tellingColumns: readonly (readonly string[])[] = shapes
  .filter(({ named }) => named === undefined || named.source === 'migration')
  .map(({ columns }) => columns.map((column) => column.slice(0, column.indexOf(' '))));
