import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SqlmigError } from '../errors.ts';
import type { Env } from '../server/connection-parameters.ts';
import { type ConnectionTarget, parseConnection, serviceOf } from '../server/connection-string.ts';
import { type OpenConnection, targetOfConnection } from '../server/open-connection.ts';
import { readServiceFiles } from '../server/service-files.ts';
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

/** The sources that can name the database of a config. */
interface DatabaseSources {
  readonly fromFile: Settings;
  /** Settings from variables and flags, or from a program. */
  readonly chosen: Settings;
  /** The program's own connection, which overrides every URL except that of `chosen`. */
  readonly connection: OpenConnection | undefined;
  readonly env: Env;
  /** The config file. */
  readonly file: string | null;
  /** The working directory, and the folder of the config file. */
  readonly folders: readonly string[];
}

/**
 * The database of a config; `warn` receives one sentence for each setting that is ignored.
 * @throws SqlmigError `no-database-url` if none is configured; `config-invalid` if a setting that names it is wrong.
 */
export function databaseOf(sources: DatabaseSources, warn: (message: string) => void): DatabaseConfig {
  const { fromFile, chosen, file } = sources;
  const merged: Settings = { ...fromFile, ...chosen };
  const { databases } = merged;
  const [database] = databases ?? [];
  if (databases !== undefined && databases.length !== 1) {
    throw new SqlmigError(
      'config-invalid',
      `"databases" in ${file ?? 'config'} must name exactly one database in this version`,
      {
        hint: 'run sqlmig once per database',
      },
    );
  }
  const targets = targetsOf(sources, database, warn);
  for (const message of new Set([targets.target, targets.directTarget].flatMap((one) => one?.warnings ?? [])))
    warn(message);
  return {
    name: database?.name ?? null,
    ...targets,
    tenants: tenantSource(chosen.tenants ?? database?.tenants ?? merged.tenants),
  };
}

type ListedDatabase = NonNullable<Settings['databases']>[number];

function targetsOf(
  sources: DatabaseSources,
  database: ListedDatabase | undefined,
  warn: (message: string) => void,
): Pick<DatabaseConfig, 'target' | 'directTarget'> {
  const { fromFile, chosen, connection, env, file } = sources;
  const read = (text: string | null) =>
    parseConnection(text, env, serviceOf(text, env) === null ? [] : readServiceFiles(env));
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
    url: isVariable ? DATABASE_URL : (chosen.url ?? fromFile.url ?? database?.url),
    directUrl: chosen.directUrl ?? (isOther ? undefined : (fromFile.directUrl ?? database?.directUrl)),
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

function tenantSource(source: Settings['tenants']): TenantSource {
  if (source === undefined) return { kind: 'history' };
  if (typeof source === 'function') return { kind: 'function', load: source as () => unknown };
  if ('query' in source) return { kind: 'query', query: source.query, register: source.register ?? null };
  if ('pattern' in source) return { kind: 'pattern', pattern: source.pattern };
  return { kind: 'list', list: source.list };
}
