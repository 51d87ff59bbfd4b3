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

/** Which tool made a history table with these columns (`name type` each), or "another tool". */
export function recogniseTool(columns: readonly string[]): string {
  const has = (wanted: string) => columns.some((column) => column.startsWith(wanted));
  return shapes.find(([, wanted]) => wanted.every(has))?.[0] ?? 'another tool';
}
