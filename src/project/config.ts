import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { SqlmigError } from '../errors.ts';
import { type ConnectionTarget, parseConnection, serviceOf } from '../server/connection-string.ts';
import { readServiceFiles } from '../server/service-files.ts';
import { findConfigFile } from './config-file.ts';
import { defaults } from './defaults.ts';
import { parseDuration } from './duration.ts';
import { callback, checkOptions, type Kinds, object, text } from './option.ts';
import {
  check,
  configVariable,
  environmentName,
  type Overrides,
  readEnvironment,
  type Settings,
  type SplitSettings,
} from './settings.ts';
import type { TenantSource } from './tenant-source.ts';

/** One database of the fleet. */
export interface DatabaseConfig {
  /** `null`: the database's own name. */
  readonly name: string | null;
  readonly target: ConnectionTarget;
  /** What bypasses a pooler; `null` if there is none. */
  readonly directTarget: ConnectionTarget | null;
  readonly tenants: TenantSource;
}

/** A complete configuration: every key has a value. */
export interface Config {
  readonly database: DatabaseConfig;
  /** Absolute paths. */
  readonly publicDir: string;
  readonly tenantDir: string;
  /** Whether files in sub-folders of both are read. */
  readonly recursive: boolean;
  /** How `new` numbers files; `null`: as the newest file of the folder is numbered. */
  readonly versions: NonNullable<Settings['versions']> | null;
  readonly publicSchema: string;
  readonly historyTable: string;
  /** How many tenants are migrated at once; `null`: the default for the server's version. */
  readonly concurrency: number | null;
  readonly outOfOrder: boolean;
  /** Store a digest of each history in the catalog, and rely on it: `up` then reads no table that has one. */
  readonly digest: boolean;
  /** How long to wait for the database to become reachable, in milliseconds. */
  readonly waitMs: number;
  /** The pool mode of the pooler in the database URL, if there is one; `null`: detected when needed. */
  readonly poolMode: 'session' | 'transaction' | null;
  /** `search_path` of tenant files; `tenant` and `public` are the tenant's and the public schema. */
  readonly searchPath: readonly string[];
  /** Extensions that `up` creates in the public schema, before public files, if they are missing. */
  readonly extensions: readonly string[];
  /** What `adopt --split-by` does with the shared tables. */
  readonly split: SplitSettings;
  /** Paths in messages are relative to this folder. */
  readonly cwd: string;
}

/** The sources of settings. */
export interface ConfigSources {
  /** The search for a config file starts here and goes upward. */
  readonly cwd?: string;
  /** This config file, and no search. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Values of flags: they beat everything. */
  readonly overrides?: Overrides;
  /** Receives one sentence for each setting that is ignored. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

const sourceKinds: Kinds<ConfigSources> = {
  cwd: text,
  file: text,
  env: object,
  overrides: object,
  onWarning: callback,
};

/**
 * Finds, reads, checks and completes the configuration. Precedence: overrides (flags), `SQLMIG_*` variables,
 * `DATABASE_URL`, config file, then the `PG*` variables, then defaults.
 * @throws SqlmigError `config-invalid` naming key and file; every mistake at once.
 */
export async function loadConfig(sources: ConfigSources = {}): Promise<Config> {
  checkOptions(sources, sourceKinds);
  const { cwd = process.cwd(), env = process.env, overrides = {}, onWarning = () => {} } = sources;
  const found = await findConfigFile(cwd, sources.file ?? (env[configVariable] || undefined));
  for (const message of found.unread) onWarning(message);
  const fromFile = check(found.settings, found.path ?? 'config', found.placeOf);
  const fromEnv = check(readEnvironment(env), environmentName);
  const chosen = { ...fromEnv, ...check(defined(overrides), 'the command line') };
  const fromBelow = withDatabaseUrl(fromFile, chosen, env.DATABASE_URL);
  const merged: Settings = { ...fromBelow, ...chosen };
  if (fromFile.directUrl !== undefined && merged.directUrl === undefined)
    onWarning(`DATABASE_URL overrides url in ${found.path}, so directUrl there has no effect`);
  const root = found.path === null ? cwd : dirname(found.path);
  const database = databaseOf(merged, { env, file: found.path, folders: [...new Set([cwd, root])] });
  const { target, directTarget } = database;
  for (const message of new Set([target, directTarget].flatMap((one) => one?.warnings ?? [])))
    onWarning(message);
  const dir = (key: 'publicDir' | 'tenantDir', fallback: string) =>
    overrides[key] !== undefined || fromEnv[key] !== undefined
      ? resolve(cwd, merged[key] ?? fallback)
      : resolve(root, merged[key] ?? fallback);
  return {
    database,
    publicDir: dir('publicDir', defaults.publicDir),
    tenantDir: dir('tenantDir', defaults.tenantDir),
    recursive: merged.recursive ?? false,
    versions: merged.versions ?? null,
    publicSchema: merged.publicSchema ?? defaults.publicSchema,
    historyTable: merged.historyTable ?? defaults.historyTable,
    concurrency: merged.concurrency ?? null,
    outOfOrder: merged.outOfOrder ?? false,
    digest: merged.digest ?? false,
    waitMs: parseDuration(merged.wait ?? '') ?? defaults.waitMs,
    poolMode: merged.poolMode ?? null,
    searchPath: merged.searchPath ?? defaults.searchPath,
    extensions: [...new Set(merged.extensions)],
    split: { paths: {}, keep: [], triggers: false, ...defined(merged.split ?? {}) },
    cwd,
  };
}

// A key that is missing here is an error of types.
const configKeys: Readonly<Record<keyof Config, true>> = {
  database: true,
  publicDir: true,
  tenantDir: true,
  recursive: true,
  versions: true,
  publicSchema: true,
  historyTable: true,
  concurrency: true,
  outOfOrder: true,
  digest: true,
  waitMs: true,
  poolMode: true,
  searchPath: true,
  extensions: true,
  split: true,
  cwd: true,
};

/**
 * Checks a program's config: that `loadConfig` returned it, and any changes made since.
 * @throws SqlmigError `config-invalid` naming what is missing or wrong.
 */
export function requireConfig(config: unknown): asserts config is Config {
  const hint = 'await loadConfig() returns one; set values in its "overrides"';
  const refuse = (message: string) => new SqlmigError('config-invalid', message, { hint });
  if (config instanceof Promise) throw refuse('the config is a promise that was not awaited');
  if (typeof config !== 'object' || config === null) {
    throw refuse(`the config is ${config === null ? 'null' : `of type ${typeof config}`}`);
  }
  const missing = Object.keys(configKeys).filter(
    (key) => (config as Partial<Config>)[key as keyof Config] === undefined,
  );
  if (missing.length > 0) throw refuse(`the config lacks ${missing.join(', ')}`);
  const { database, waitMs, cwd, concurrency, poolMode, versions, ...settings } = config as Config;
  if (!isDatabase(database)) throw refuse('"database" in the config must be as loadConfig returned it');
  if (!Number.isSafeInteger(waitMs) || waitMs < 0)
    throw refuse('"waitMs" in the config must be milliseconds');
  if (typeof cwd !== 'string') throw refuse('"cwd" in the config must be a folder');
  const chosen = {
    ...(concurrency !== null && { concurrency }),
    ...(poolMode !== null && { poolMode }),
    ...(versions !== null && { versions }),
  };
  check({ ...settings, ...chosen }, 'the config');
}

function isDatabase(database: unknown): database is DatabaseConfig {
  if (typeof database !== 'object' || database === null) return false;
  const { target, tenants } = database as Partial<DatabaseConfig>;
  return Array.isArray(target?.hosts) && typeof tenants?.kind === 'string';
}

/** What a database can be named by besides settings. */
interface Surroundings {
  readonly env: NonNullable<ConfigSources['env']>;
  readonly file: string | null;
  /** The working directory, and the folder of the config file. */
  readonly folders: readonly string[];
}

function databaseOf(merged: Settings, { env, file, folders }: Surroundings): DatabaseConfig {
  const where = file ?? 'config';
  if (merged.databases === undefined) {
    return {
      name: null,
      ...targetsOf({ url: merged.url ?? urlFrom(env, folders), directUrl: merged.directUrl }, merged, env),
      tenants: tenantSource(merged.tenants),
    };
  }
  const [database, ...more] = merged.databases;
  if (database === undefined || more.length > 0) {
    throw new SqlmigError(
      'config-invalid',
      `"databases" in ${where} must name exactly one database in this version`,
      {
        hint: 'run sqlmig once per database',
      },
    );
  }
  const url = merged.url ?? database.url;
  const directUrl = merged.directUrl ?? database.directUrl;
  return {
    name: database.name,
    ...targetsOf({ url, directUrl }, merged, env),
    tenants: tenantSource(database.tenants ?? merged.tenants),
  };
}

function targetsOf(
  { url, directUrl }: { readonly url: string | null; readonly directUrl?: string | undefined },
  { publicSchema = defaults.publicSchema }: Settings,
  env: NonNullable<ConfigSources['env']>,
): Pick<DatabaseConfig, 'target' | 'directTarget'> {
  const read = (text: string | null) =>
    parseConnection(text, env, serviceOf(text, env) === null ? [] : readServiceFiles(env));
  const target = read(url);
  if (target.schema !== null && target.schema !== publicSchema) {
    const message = `schema in the database URL is not the public schema, "${publicSchema}"`;
    throw new SqlmigError('config-invalid', message, {
      hint: 'set publicSchema to it if it is the shared schema, or leave it out of the URL',
    });
  }
  return { target, directTarget: directUrl === undefined ? null : read(directUrl) };
}

/** The settings of a file with DATABASE_URL in place of its `url`, if nothing overrides both. */
function withDatabaseUrl(fromFile: Settings, chosen: Settings, url: string | undefined): Settings {
  // A list names all databases, but the variable only one.
  if (!url || chosen.url !== undefined || fromFile.databases !== undefined) return fromFile;
  const { directUrl, ...rest } = fromFile;
  // The direct URL may point to a different database than the variable.
  const isPair = fromFile.url !== undefined && chosen.directUrl === undefined;
  return { ...rest, ...(!isPair && { directUrl }), url };
}

/** An empty URL, for use with the `PG*` variables. @throws SqlmigError `no-database-url` if there are none. */
function urlFrom(env: NonNullable<ConfigSources['env']>, folders: readonly string[]): null {
  const given = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'].some(
    (variable) => env[variable],
  );
  if (given) return null;
  const unread = folders.map((folder) => join(folder, '.env')).find(namesDatabase);
  throw new SqlmigError('no-database-url', 'no database is configured', {
    hint:
      unread === undefined
        ? 'give --url, set DATABASE_URL or put "url" into the config file; to try sqlmig without a server add --embedded'
        : `${unread} contains one; to use it, pass --env-file ${relative(folders[0] ?? '', unread)}`,
  });
}

function namesDatabase(envFile: string): boolean {
  try {
    return /^[ \t]*(?:export[ \t]+)?(?:DATABASE_URL|SQLMIG_URL|PGHOST|PGDATABASE|PGSERVICE)[ \t]*=/m.test(
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

function defined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
