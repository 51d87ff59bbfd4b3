import { SqlmigError } from '../errors.ts';
import { closest } from '../text/closest.ts';
import { few } from '../text/few.ts';
import type { Config } from './config.ts';
import { scopeTable } from './scopes.ts';

/** The name of the history of public. */
export function publicTable({ scope, historyTable }: Pick<Config, 'scope' | 'historyTable'>): string {
  return scope?.baseTable ?? historyTable;
}

/** The config limited to each of its kinds, in order: with the folder, tenants and histories of the kind. */
export function kindsOf(config: Config): readonly Config[] {
  return config.scopes.map(({ name, dir, tenants }) => ({
    ...config,
    scope: {
      name,
      baseTable: config.historyTable,
      baseDir: config.tenantDir,
      baseTenants: config.database.tenants,
    },
    tenantDir: dir,
    historyTable: scopeTable(config.historyTable, name),
    database: { ...config.database, tenants },
  }));
}

/** The files of all tenants, or one kind of tenants, to which the config is limited then. */
export interface InScope {
  readonly config: Config;
}

/** One for the files of all tenants, then one for each kind of tenants. */
export type Scopes<S> = readonly [S, ...S[]];

/** All scopes of tenants in a config. */
export function tenantScopes(config: Config): Scopes<InScope> {
  return [{ config }, ...kindsOf(config).map((kind) => ({ config: kind }))];
}

/** The whole config, without the limit to a kind. */
export function wholeOf(config: Config): Config {
  const { scope, database } = config;
  if (scope === null) return config;
  const { baseTable, baseDir, baseTenants } = scope;
  return {
    ...config,
    scope: null,
    tenantDir: baseDir,
    historyTable: baseTable,
    database: { ...database, tenants: baseTenants },
  };
}

/** The config limited to one of its kinds. @throws SqlmigError `bad-usage` if it has no kind of that name. */
export function kindOf(config: Config, name: string): Config {
  const kind = kindsOf(config).find(({ scope }) => scope?.name === name);
  if (kind !== undefined) return kind;
  const kinds = config.scopes.map((scope) => scope.name);
  const names = ['public', 'tenant', ...kinds];
  if (names.includes(name))
    throw new SqlmigError('bad-usage', `scope ${name} is not a kind of tenants`, {
      state: 'nothing was touched',
      hint: kinds.length === 0 ? 'the config has none' : `the kinds are ${few(kinds, 20)}`,
    });
  const meant = closest(name, names);
  throw new SqlmigError('bad-usage', `the config has no scope "${name}"`, {
    state: 'nothing was touched',
    hint: meant === null ? `the scopes are ${few(names, 20)}` : `did you mean ${meant}?`,
  });
}

/** A folder of migrations, and the setting that names it. */
interface ConfiguredFolder {
  readonly dir: string;
  readonly setting: string;
}

/** All folders of a config, even if it is limited to a kind. */
export function foldersOf({ publicDir, tenantDir, scopes, scope }: Config): readonly ConfiguredFolder[] {
  return [
    { dir: publicDir, setting: 'publicDir' },
    { dir: scope?.baseDir ?? tenantDir, setting: 'tenantDir' },
    ...scopes.map(({ name, dir }) => ({ dir, setting: `dir of scope "${name}"` })),
  ];
}

/** The names of all histories that a schema can have, and of nothing else. */
export function historyTablesIn({
  scope,
  scopes,
  historyTable,
}: Pick<Config, 'scope' | 'scopes' | 'historyTable'>): readonly string[] {
  const base = scope?.baseTable ?? historyTable;
  return [base, ...scopes.map(({ name }) => scopeTable(base, name))];
}

/**
 * Requires a config without kinds, for work that does not know them.
 * @throws SqlmigError `bad-usage` naming the work.
 */
export function requireNoScopes({ scopes }: Pick<Config, 'scopes'>, what: string): void {
  if (scopes.length === 0) return;
  throw new SqlmigError('bad-usage', `${what} does not support "scopes" in the config`, {
    state: 'nothing was touched',
    hint: 'remove "scopes" from the config for this command, and add it again afterwards',
  });
}
