import { dirname, extname, parse as parsePath, resolve } from 'node:path';
import { defaultLoaders, lilconfig } from 'lilconfig';
import { SqlmigError } from '../errors.ts';
import { type ConnectionTarget, parseConnection, serviceOf } from '../server/connection-string.ts';
import { readServiceFiles } from '../server/service-files.ts';
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
  /** Receives what has no effect although it may be expected to have one, a sentence each. */
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
 * Finds, reads, checks and completes the configuration. Precedence: overrides (flags), `SQLMIG_*` variables, config
 * file, then `DATABASE_URL` and the `PG*` variables, then defaults.
 * @throws SqlmigError `config-invalid` naming key and file; every mistake at once.
 */
export async function loadConfig(sources: ConfigSources = {}): Promise<Config> {
  checkOptions(sources, sourceKinds);
  const { cwd = process.cwd(), env = process.env, overrides = {}, onWarning = () => {} } = sources;
  const found = await readFile(cwd, sources.file ?? env[configVariable]);
  const fromFile = check(found.settings, found.path ?? 'config');
  const fromEnv = check(readEnvironment(env), environmentName);
  const merged: Settings = { ...fromFile, ...fromEnv, ...check(defined(overrides), 'the command line') };
  const root = found.path === null ? cwd : dirname(found.path);
  const dir = (key: 'publicDir' | 'tenantDir', fallback: string) =>
    overrides[key] !== undefined || fromEnv[key] !== undefined
      ? resolve(cwd, merged[key] ?? fallback)
      : resolve(root, merged[key] ?? fallback);
  const database = databaseOf(merged, env, found.path);
  const { target, directTarget } = database;
  for (const message of new Set([target, directTarget].flatMap((one) => one?.warnings ?? [])))
    onWarning(message);
  return {
    database,
    publicDir: dir('publicDir', defaults.publicDir),
    tenantDir: dir('tenantDir', defaults.tenantDir),
    recursive: merged.recursive ?? false,
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
  const { database, waitMs, cwd, concurrency, poolMode, ...settings } = config as Config;
  if (!isDatabase(database)) throw refuse('"database" in the config must be as loadConfig returned it');
  if (!Number.isSafeInteger(waitMs) || waitMs < 0)
    throw refuse('"waitMs" in the config must be milliseconds');
  if (typeof cwd !== 'string') throw refuse('"cwd" in the config must be a folder');
  const chosen = { ...(concurrency !== null && { concurrency }), ...(poolMode !== null && { poolMode }) };
  check({ ...settings, ...chosen }, 'the config');
}

function isDatabase(database: unknown): database is DatabaseConfig {
  if (typeof database !== 'object' || database === null) return false;
  const { target, tenants } = database as Partial<DatabaseConfig>;
  return Array.isArray(target?.hosts) && typeof tenants?.kind === 'string';
}

async function readFile(
  cwd: string,
  file: string | undefined,
): Promise<{ path: string | null; settings: unknown }> {
  const searcher = lilconfig('sqlmig', {
    searchPlaces: [...suffixes.map((suffix) => `sqlmig.config${suffix}`), 'package.json'],
    stopDir: parsePath(cwd).root,
    loaders: Object.fromEntries(suffixes.map((suffix) => [suffix, load])),
  });
  const result =
    file === undefined
      ? await searcher.search(cwd)
      : await searcher.load(resolve(cwd, file)).catch((error: unknown) => {
          throw error instanceof SqlmigError ? error : unreadable(file, error);
        });
  if (result === null) return { path: null, settings: {} };
  return { path: result.filepath, settings: result.isEmpty === true ? {} : result.config };
}

const modules = ['.js', '.mjs', '.ts'];
// The last ones are refused: a config with such a name must not be ignored silently.
const suffixes = ['.json', ...modules, '.cjs', '.mts', '.cts', '.yaml', '.yml', '.toml'];

/** Loads a config file. @throws SqlmigError `config-invalid` that names it. */
async function load(path: string, content: string): Promise<unknown> {
  const suffix = extname(path);
  const { typescript = false } = process.features as { readonly typescript?: string | false };
  if (suffix === '.ts' && typescript === false) {
    const message = `cannot read ${path}: Node ${process.versions.node} does not run TypeScript`;
    const hint = 'use Node 22.18 or newer, or write the config as sqlmig.config.js';
    throw new SqlmigError('config-invalid', message, { hint });
  }
  const loader = defaultLoaders[modules.includes(suffix) ? '.mjs' : '.json'];
  try {
    if (suffix !== '.json' && !modules.includes(suffix))
      throw new Error(`sqlmig does not read ${suffix} files`);
    return await unlessIdle(Promise.resolve(loader?.(path, content)));
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Waits for a module, unless nothing is left that could settle its top-level await. */
async function unlessIdle<T>(loading: Promise<T>): Promise<T> {
  let onIdle = () => {};
  const idle = new Promise<never>((_, reject) => {
    onIdle = () => reject(new Error('its top-level await never settles'));
    process.once('beforeExit', onIdle);
  });
  return Promise.race([loading, idle]).finally(() => process.removeListener('beforeExit', onIdle));
}

function unreadable(path: string, error: unknown): SqlmigError {
  // The message of a JSON error quotes the text around it, which may be a password.
  const why = error instanceof SyntaxError ? 'it has a syntax error' : (error as Error).message;
  return new SqlmigError('config-invalid', `cannot read ${path}: ${why}`, {
    hint: 'a config file is sqlmig.config.json, .js, .mjs or .ts, or the key "sqlmig" in package.json',
  });
}

function databaseOf(
  merged: Settings,
  env: NonNullable<ConfigSources['env']>,
  file: string | null,
): DatabaseConfig {
  const where = file ?? 'config';
  if (merged.databases === undefined) {
    return {
      name: null,
      ...targetsOf({ url: merged.url ?? urlFrom(env), directUrl: merged.directUrl }, merged, env),
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

function urlFrom(env: NonNullable<ConfigSources['env']>): string | null {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  const given = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'].some(
    (variable) => env[variable],
  );
  if (given) return null;
  throw new SqlmigError('no-database-url', 'no database is configured', {
    hint: 'give --url, set DATABASE_URL or put "url" into the config file; to try sqlmig without a server add --embedded',
  });
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
