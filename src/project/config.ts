import { dirname, resolve } from 'node:path';
import { SqlmigError } from '../errors.ts';
import { isOpenConnection, type OpenConnection } from '../server/open-connection.ts';
import { few } from '../text/few.ts';
import { findConfigFile } from './config-file.ts';
import { type DatabaseConfig, databasesOf } from './database.ts';
import { defaults } from './defaults.ts';
import { parseDuration } from './duration.ts';
import type { LintSettings } from './lint-settings.ts';
import { callback, checkOptions, type Kinds, object, text, textList } from './option.ts';
import { type ScopeConfig, type ScopeView, scopesOf } from './scopes.ts';
import {
  check,
  configVariable,
  environmentName,
  type Overrides,
  readEnvironment,
  type Settings,
  type SplitSettings,
} from './settings.ts';
import type { StructureSettings } from './structure-settings.ts';
import { varsOf } from './vars.ts';

/** A complete configuration: every key has a value. */
export interface Config {
  readonly database: DatabaseConfig;
  /** The other databases, if the config lists several. All have the same files and settings. */
  readonly otherDatabases: readonly DatabaseConfig[];
  /** Absolute paths. */
  readonly publicDir: string;
  readonly tenantDir: string;
  /** Kinds of tenants with files of their own, in the order in which they are migrated. */
  readonly scopes: readonly ScopeConfig[];
  /** The kind that `tenantDir`, `historyTable` and the tenants are of; `null` for the files of all tenants. */
  readonly scope: ScopeView | null;
  /** Whether files in sub-folders of both are read. */
  readonly recursive: boolean;
  /** How `new` numbers files; `null`: as the newest file of the folder is numbered. */
  readonly versions: NonNullable<Settings['versions']> | null;
  readonly publicSchema: string;
  readonly historyTable: string;
  /** No two files share a transaction. */
  readonly transactionPerFile: boolean;
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
  /** What `verify --structure` and `verify --siblings` leave out. */
  readonly structure: StructureSettings;
  /** Which warnings about files are left out. */
  readonly lint: LintSettings;
  /** The values of placeholders by name, in lower case; `null`: placeholders are not filled in. */
  readonly vars: Readonly<Record<string, string>> | null;
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
  /** The names of the databases of the config to use; all by default. */
  readonly databases?: readonly string[] | undefined;
  /** Values of flags: they beat everything. */
  readonly overrides?: Overrides;
  /**
   * A pool or client of the program, in place of `url`. sqlmig connects in the same way, but with its own sessions: it
   * sends nothing over the pool or client, and does not close it.
   */
  readonly connection?: OpenConnection | undefined;
  /** Receives one sentence for each setting that is ignored. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

const sourceKinds: Kinds<ConfigSources> = {
  cwd: text,
  file: text,
  databases: textList,
  env: object,
  overrides: object,
  connection: {
    takes: 'sql of postgres.js, or a Pool or Client of pg; a URL goes into overrides',
    fits: isOpenConnection,
    hidden: true,
  },
  onWarning: callback,
};

/**
 * Finds, reads, checks and completes the configuration. Precedence: overrides (flags), `SQLMIG_*` variables,
 * `DATABASE_URL`, config file, then the `PG*` variables, then defaults.
 * @throws SqlmigError `config-invalid` naming key and file; every mistake at once.
 */
export async function loadConfig(sources: ConfigSources = {}): Promise<Config> {
  checkOptions(sources, sourceKinds);
  return load(sources);
}

/** The config for work without a database. The databases in it are not read, and `overrides` name one instead. */
export async function loadWithoutDatabases(sources: ConfigSources): Promise<Config> {
  return load(sources, { ignoresList: true });
}

async function load(sources: ConfigSources, { ignoresList = false } = {}): Promise<Config> {
  const { cwd = process.cwd(), env = process.env, overrides = {}, onWarning = () => {} } = sources;
  const found = await findConfigFile(cwd, sources.file ?? (env[configVariable] || undefined));
  for (const message of found.unread) onWarning(message);
  const fromFile = check(found.settings, found.path ?? 'config', found.placeOf);
  const fromEnv = check(readEnvironment(env), environmentName);
  const chosen = { ...fromEnv, ...check(defined(overrides), 'the command line') };
  const merged: Settings = { ...fromFile, ...chosen };
  const root = found.path === null ? cwd : dirname(found.path);
  const { connection } = sources;
  if (connection !== undefined && overrides.url !== undefined)
    throw new SqlmigError('bad-usage', 'connection and url cannot be combined', { hint: 'pass one of them' });
  const file = found.path;
  const folders = [...new Set([cwd, root])];
  const { databases: _, ...withoutList } = fromFile;
  const settings = ignoresList ? withoutList : fromFile;
  const only = ignoresList ? [] : (sources.databases ?? []);
  const [database, ...otherDatabases] = databasesOf(
    { fromFile: settings, chosen, connection, only, env, file, folders },
    onWarning,
  );
  const dir = (key: 'publicDir' | 'tenantDir', fallback: string) =>
    overrides[key] !== undefined || fromEnv[key] !== undefined
      ? resolve(cwd, merged[key] ?? fallback)
      : resolve(root, merged[key] ?? fallback);
  const tenantDir = dir('tenantDir', defaults.tenantDir);
  const historyTable = merged.historyTable ?? defaults.historyTable;
  return {
    database,
    otherDatabases,
    publicDir: dir('publicDir', defaults.publicDir),
    tenantDir,
    scopes: scopesOf(merged.scopes, {
      root: overrides.scopes === undefined ? root : cwd,
      tenantDir,
      historyTable,
      severalDatabases: otherDatabases.length > 0,
    }),
    scope: null,
    recursive: merged.recursive ?? false,
    versions: merged.versions ?? null,
    publicSchema: merged.publicSchema ?? defaults.publicSchema,
    historyTable,
    transactionPerFile: merged.transactionPerFile ?? false,
    concurrency: merged.concurrency ?? null,
    outOfOrder: merged.outOfOrder ?? false,
    digest: merged.digest ?? false,
    waitMs: parseDuration(merged.wait ?? '') ?? defaults.waitMs,
    poolMode: merged.poolMode ?? null,
    searchPath: merged.searchPath ?? defaults.searchPath,
    extensions: [...new Set(merged.extensions)],
    split: { paths: {}, keep: [], triggers: false, ...defined(merged.split ?? {}) },
    structure: { ignore: [], ignoreObjects: [], ...defined(merged.structure ?? {}) },
    lint: { off: [], ...defined(merged.lint ?? {}) },
    vars: varsOf([fromFile.vars, fromEnv.vars, overrides.vars], onWarning),
    cwd,
  };
}

// A key that is missing here is an error of types.
const configKeys: Readonly<Record<keyof Config, true>> = {
  database: true,
  otherDatabases: true,
  publicDir: true,
  tenantDir: true,
  scopes: true,
  scope: true,
  recursive: true,
  versions: true,
  publicSchema: true,
  historyTable: true,
  concurrency: true,
  transactionPerFile: true,
  outOfOrder: true,
  digest: true,
  waitMs: true,
  poolMode: true,
  searchPath: true,
  extensions: true,
  split: true,
  structure: true,
  lint: true,
  vars: true,
  cwd: true,
};

/**
 * Checks a program's config as `requireFleetConfig` does, for work in one database.
 * @throws SqlmigError also `bad-usage` if it has several databases.
 */
export function requireConfig(config: unknown): asserts config is Config {
  requireFleetConfig(config);
  const { database, otherDatabases } = config;
  if (otherDatabases.length === 0) return;
  const names = [database, ...otherDatabases].map(({ name }) => name ?? '');
  throw new SqlmigError('bad-usage', `this needs one database, and the config has ${few(names, 20)}`, {
    hint: `select one: --database ${names[0]}`,
  });
}

/**
 * Checks a program's config: that `loadConfig` returned it, and any changes made since.
 * @throws SqlmigError `config-invalid` naming what is missing or wrong.
 */
export function requireFleetConfig(config: unknown): asserts config is Config {
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
  const { database, otherDatabases, ...shared } = config as Config;
  const { waitMs, cwd, concurrency, poolMode, versions, vars, scopes, scope: _, ...settings } = shared;
  if (!Array.isArray(otherDatabases) || ![database, ...otherDatabases].every(isDatabase))
    throw refuse('the databases in the config must be as loadConfig returned it');
  if (!Array.isArray(scopes) || !scopes.every(({ tenants }) => typeof tenants?.kind === 'string'))
    throw refuse('the scopes in the config must be as loadConfig returned them');
  if (!Number.isSafeInteger(waitMs) || waitMs < 0)
    throw refuse('"waitMs" in the config must be milliseconds');
  if (typeof cwd !== 'string') throw refuse('"cwd" in the config must be a folder');
  const chosen = {
    ...(concurrency !== null && { concurrency }),
    ...(poolMode !== null && { poolMode }),
    ...(versions !== null && { versions }),
    ...(vars !== null && { vars }),
  };
  check({ ...settings, ...chosen }, 'the config');
}

function isDatabase(database: unknown): database is DatabaseConfig {
  if (typeof database !== 'object' || database === null) return false;
  const { target, tenants } = database as Partial<DatabaseConfig>;
  return Array.isArray(target?.hosts) && typeof tenants?.kind === 'string';
}

function defined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
