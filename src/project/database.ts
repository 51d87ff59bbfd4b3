import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { inDatabase, SqlmigError } from '../errors.ts';
import type { Env } from '../server/connection-parameters.ts';
import { type ConnectionTarget, parseConnection, serviceOf } from '../server/connection-string.ts';
import { type OpenConnection, targetOfConnection } from '../server/open-connection.ts';
import { readServiceFiles } from '../server/service-files.ts';
import { closest } from '../text/closest.ts';
import { few } from '../text/few.ts';
import { defaults } from './defaults.ts';
import type { Settings } from './settings.ts';
import type { TenantSource } from './tenant-source.ts';

/** One database of the fleet. */
export interface DatabaseConfig {
  /** `null`: the database's own name. */
  readonly name: string | null;
  readonly target: ConnectionTarget;
  /** The target that bypasses a pooler; `null` if there is none. */
  readonly directTarget: ConnectionTarget | null;
  readonly tenants: TenantSource;
}

/** The sources that can name the databases of a config. */
interface DatabaseSources {
  readonly fromFile: Settings;
  /** Settings from variables and flags, or from a program. */
  readonly chosen: Settings;
  /** The program's own connection, which overrides every URL except that of `chosen`. */
  readonly connection: OpenConnection | undefined;
  /** The databases of the list to use, by name; all if it is empty. */
  readonly only: readonly string[];
  readonly env: Env;
  /** The config file. */
  readonly file: string | null;
  /** The working directory, and the folder of the config file. */
  readonly folders: readonly string[];
}

/**
 * The databases of a config, in its order; `warn` receives one sentence for each setting that is ignored.
 * @throws SqlmigError `no-database-url` if none is configured; `bad-usage` if `only` has a name that is not listed;
 *   `config-invalid` if a setting that names one is wrong.
 */
export function databasesOf(
  sources: DatabaseSources,
  warn: (message: string) => void,
): readonly [DatabaseConfig, ...DatabaseConfig[]] {
  const [first, ...others] = chosenDatabases(sources);
  const warned = new Set<string>();
  const complete = (listed: ListedDatabase | undefined): DatabaseConfig => {
    const targets =
      listed === undefined
        ? targetsOf(sources, listed, warn)
        : named(listed.name, () => targetsOf(sources, listed, warn));
    const ignored = [targets.target, targets.directTarget].flatMap((target) => target?.warnings ?? []);
    for (const message of ignored) {
      if (!warned.has(message)) warn(message);
      warned.add(message);
    }
    const tenants = sources.chosen.tenants ?? listed?.tenants ?? sources.fromFile.tenants;
    return { name: listed?.name ?? null, ...targets, tenants: tenantSource(tenants) };
  };
  return [complete(first), ...others.map(complete)];
}

/** Reads a connection string and the files that it refers to. @throws SqlmigError `config-invalid`. */
export function readConnection(text: string | null, env: Env): ConnectionTarget {
  return parseConnection(text, env, serviceOf(text, env) === null ? [] : readServiceFiles(env));
}

type ListedDatabase = NonNullable<Settings['databases']>[number];

/** The databases of the list that are used; none without a list. */
function chosenDatabases({
  fromFile: { databases, ...fromFile },
  chosen,
  connection,
  only,
  file,
}: DatabaseSources): readonly ListedDatabase[] {
  if (databases === undefined) {
    if (only.length === 0) return [];
    throw new SqlmigError('bad-usage', `there is no database "${only[0]}": the config has no "databases"`);
  }
  const names = databases.map(({ name }) => name);
  const where = `"databases" in ${file ?? 'config'}`;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (names.length === 0) throw new SqlmigError('config-invalid', `${where} must name at least one database`);
  if (twice !== undefined)
    throw new SqlmigError('config-invalid', `${where} has two databases with the name "${twice}"`);
  const [besides] = (['url', 'directUrl'] as const).filter((key) => fromFile[key] !== undefined);
  if (besides !== undefined)
    throw new SqlmigError('config-invalid', `${where} cannot be combined with "${besides}"`, {
      hint: `each database of the list has a ${besides} of its own`,
    });
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw unknownDatabase(unknown, names);
  const used = databases.filter(({ name }) => only.length === 0 || only.includes(name));
  const isOther = connection !== undefined || chosen.url !== undefined || chosen.directUrl !== undefined;
  if (used.length > 1 && isOther)
    throw new SqlmigError('bad-usage', 'the config has several databases, and a URL replaces only one', {
      hint: `select the database that it is for: --database ${names[0]}`,
    });
  return used;
}

/** Names the database in an error about its settings. */
function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof SqlmigError ? inDatabase(error, name) : error;
  }
}

/** The error for a name that no database of the config has. */
export function unknownDatabase(name: string, names: readonly string[]): SqlmigError {
  const meant = closest(name, names);
  return new SqlmigError('bad-usage', `the config has no database "${name}"`, {
    hint: meant === null ? `it has ${few(names, 20)}` : `did you mean ${meant}?`,
  });
}

function targetsOf(
  sources: DatabaseSources,
  database: ListedDatabase | undefined,
  warn: (message: string) => void,
): Pick<DatabaseConfig, 'target' | 'directTarget'> {
  const { fromFile, chosen, connection, env, file } = sources;
  const read = (text: string | null) => readConnection(text, env);
  const { url, directUrl } = connection === undefined ? urlsOf(sources, database) : chosen;
  if ((fromFile.directUrl ?? database?.directUrl) !== undefined && directUrl === undefined) {
    const by = connection === undefined ? 'DATABASE_URL' : 'the connection';
    warn(`${by} overrides url in ${file}, so directUrl there has no effect`);
  }
  const directTarget = directUrl === undefined ? null : read(directUrl);
  if (connection !== undefined) return { target: targetOfConnection(connection, env), directTarget };
  const target = read(url ?? urlFrom(sources));
  const { publicSchema = defaults.publicSchema } = { ...fromFile, ...chosen };
  if (target.schema !== null && target.schema !== publicSchema) {
    const message = `schema in the database URL is not the public schema, "${publicSchema}"`;
    throw new SqlmigError('config-invalid', message, {
      hint: 'set publicSchema to it if it is the shared schema, or leave it out of the URL',
    });
  }
  return { target, directTarget };
}

/** The URLs that count. A list names all databases, but DATABASE_URL only one. */
function urlsOf(
  { fromFile, chosen, env: { DATABASE_URL } }: DatabaseSources,
  database: ListedDatabase | undefined,
): Pick<Settings, 'url' | 'directUrl'> {
  const isVariable = Boolean(DATABASE_URL) && chosen.url === undefined && database === undefined;
  // The direct URL of a file may point to a different database than the variable.
  const isOther = isVariable && fromFile.url !== undefined;
  return {
    url: isVariable ? DATABASE_URL : (chosen.url ?? database?.url ?? fromFile.url),
    directUrl: chosen.directUrl ?? (isOther ? undefined : (database?.directUrl ?? fromFile.directUrl)),
  };
}

/** An empty URL, for use with the `PG*` variables. @throws SqlmigError `no-database-url` if there are none. */
function urlFrom({ env, file, folders }: DatabaseSources): null {
  const given = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'].some(
    (variable) => env[variable],
  );
  if (given) return null;
  const unread = folders.map((folder) => join(folder, '.env')).find(namesDatabase);
  throw new SqlmigError('no-database-url', 'no database is configured', {
    hint:
      unread === undefined
        ? `give --url, set DATABASE_URL or ${file === null ? 'create a project with sqlmig init' : 'put "url" into the config file'}; to try sqlmig without a server add --embedded`
        : `${unread} contains one; to use it, pass --env-file ${relative(folders[0] ?? '', unread)}`,
  });
}

function namesDatabase(envFile: string): boolean {
  try {
    return /^\uFEFF?[ \t]*(?:export[ \t]+)?(?:DATABASE_URL|SQLMIG_URL|PGHOST|PGDATABASE|PGSERVICE)[ \t]*=/m.test(
      readFileSync(envFile, 'utf8'),
    );
  } catch {
    return false;
  }
}

/** A tenant source as the config has it. */
export function tenantSource(source: Settings['tenants']): TenantSource {
  if (source === undefined) return { kind: 'history' };
  if (typeof source === 'function') return { kind: 'function', load: source as () => unknown };
  if ('query' in source) return { kind: 'query', query: source.query, register: source.register ?? null };
  if ('pattern' in source) return { kind: 'pattern', pattern: source.pattern };
  return { kind: 'list', list: source.list };
}
