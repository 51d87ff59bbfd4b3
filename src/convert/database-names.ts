const postgres = 'postgres';

/** Databases by the names that files and folders of migration tools have for them. */
const databases = new Map(
  Object.entries({
    postgres,
    postgresql: postgres,
    pgsql: postgres,
    pg: postgres,
    cockroach: 'cockroach',
    cockroachdb: 'cockroach',
    crdb: 'cockroach',
    yugabytedb: 'yugabytedb',
    mysql: 'mysql',
    mariadb: 'mysql',
    sqlite: 'sqlite',
    sqlite3: 'sqlite',
    oracle: 'oracle',
    sqlserver: 'sqlserver',
    mssql: 'sqlserver',
    db2: 'db2',
    h2: 'h2',
    hsqldb: 'hsqldb',
  }),
);

/** The database that this is a name of; `null` if it is none. */
export function databaseOf(name: string): string | null {
  return databases.get(name.toLowerCase()) ?? null;
}

/** True for the name that `databaseOf` returns for PostgreSQL. */
export function isPostgres(database: string): boolean {
  return database === postgres;
}

/** The databases other than PostgreSQL that files are for, by path: those in a folder with its name, if PostgreSQL has one too. */
export function otherDatabases(paths: readonly string[]): ReadonlyMap<string, string> {
  const folders = paths.map((path) => {
    const named = path
      .split('/')
      .slice(0, -1)
      .flatMap((segment) => databaseOf(segment) ?? []);
    return [path, named.at(-1)] as const;
  });
  if (!folders.some(([, database]) => database !== undefined && isPostgres(database))) return new Map();
  return new Map(
    folders.flatMap(([path, database]) =>
      database === undefined || isPostgres(database) ? [] : [[path, database] as const],
    ),
  );
}
