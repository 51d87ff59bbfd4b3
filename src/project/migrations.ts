import { dirname } from 'node:path';
import { errorOfAll, SqlmigError } from '../errors.ts';
import type { Scope } from '../results.ts';
import { tenantNames } from '../sql/made-names.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { toScript, unsetErrors } from '../sql/script.ts';
import type { Config } from './config.ts';
import { countOf, type Folder, readFolder, shownPath } from './migration-folder.ts';
import { inRunningOrder } from './order.ts';
import { foldersOf, type InScope, type Scopes, tenantScopes, wholeOf } from './scope-view.ts';
import { type FoundSnapshot, readSnapshot } from './snapshot-file.ts';
import { findStrayFolders, isSameFolder, looseMigrations } from './sql-folder.ts';

/** All migrations of a project, each list in running order. */
export interface Migrations extends Readonly<Record<Scope, readonly Migration[]>> {
  /** The `.down.sql` files, which `up` never runs. */
  readonly down: readonly Migration[];
  /** The schema name that lints check for. */
  readonly publicSchema: string;
  /** Warnings about folders of likely migrations that the config does not name, one sentence per folder. */
  readonly strays: readonly string[];
  /** Reads the snapshot of what tenant files build, if there is one; absent where tenants must be built from files. */
  readonly readSnapshot?: () => FoundSnapshot | null;
  /** Reads the files of all tenants, in running order. Present if the tenant files belong to a kind. */
  readonly readBase?: () => readonly Migration[];
}

/** A scope of tenants with its files, and the public files. */
export interface ScopeFiles extends InScope {
  readonly migrations: Migrations;
}

/** The public files, and the files of all scopes together. */
export function filesOfAll(scopes: Scopes<ScopeFiles>): Pick<Migrations, Scope> {
  const [{ migrations }] = scopes;
  return { public: migrations.public, tenant: scopes.flatMap((scope) => scope.migrations.tenant) };
}

/** The folder of a scope as messages name it: relative to the working directory. */
export function folderOf({ cwd, publicDir, tenantDir }: Config, scope: Scope): string {
  return shownPath(cwd, scope === 'public' ? publicDir : tenantDir);
}

/** Every file of a project. */
function allFiles({ public: shared, tenant, down }: Migrations): Migration[] {
  return [...shared, ...tenant, ...down];
}

/**
 * Reads and checks all files: names, duplicates, bytes. Nothing is parsed, unless there is a mistake: then everything
 * is, so that all mistakes are shown at once.
 * @throws SqlmigError with every mistake in `all`, and `config-invalid` if two settings name the same folder.
 */
export async function readMigrations(config: Config): Promise<Migrations> {
  const [{ migrations }] = await readEach([{ config }]);
  return migrations;
}

/** All scopes of a config, with the files of each as `readMigrations` reads them. */
export async function readScopes(config: Config): Promise<Scopes<ScopeFiles>> {
  return readEach(tenantScopes(config));
}

/** The files of several configs that differ in the folder for tenants; the first is asked for what all share. */
async function readEach([{ config }, ...kinds]: Scopes<InScope>): Promise<Scopes<ScopeFiles>> {
  requireSeparateFolders(config);
  const shared = readFolder('public', config);
  const own = readFolder('tenant', config);
  const ofKinds = kinds.map((kind) => ({ ...kind, folder: readFolder('tenant', kind.config) }));
  const all = [shared, own, ...ofKinds.map(({ folder }) => folder)];
  const mistakes = all.flatMap((folder) => folder.mistakes);
  if (mistakes.length > 0) {
    const files = all.flatMap(({ migrations, down }) => [...migrations, ...down]);
    throw errorOfAll([...mistakes, ...(await parseMistakes(files, config.publicSchema))]);
  }
  const migrationsOf = ({ migrations, down }: Folder, one: Config): Migrations => ({
    public: inRunningOrder(shared.migrations),
    tenant: inRunningOrder(migrations),
    down: [...shared.down, ...down],
    publicSchema: config.publicSchema,
    strays: one.scope === null ? straysOf(one) : [],
    readSnapshot: () => readSnapshot(one),
    ...(one.scope !== null && {
      readBase: () => inRunningOrder(readFolder('tenant', wholeOf(one)).migrations),
    }),
  });
  return [
    { config, migrations: migrationsOf(own, config) },
    ...ofKinds.map(({ folder, ...kind }) => ({ ...kind, migrations: migrationsOf(folder, kind.config) })),
  ];
}

/** @throws SqlmigError `config-invalid` if two settings name the same folder. */
function requireSeparateFolders(config: Config): void {
  const folders = foldersOf(config);
  for (const [i, one] of folders.entries()) {
    const other = folders.slice(i + 1).find(({ dir }) => isSameFolder(one.dir, dir));
    if (other === undefined) continue;
    const paths = `${shownPath(config.cwd, one.dir)} and ${shownPath(config.cwd, other.dir)}`;
    throw new SqlmigError(
      'config-invalid',
      `${one.setting} and ${other.setting} are the same folder (${paths})`,
      {
        hint:
          i === 0 && other.setting === 'tenantDir'
            ? 'use separate folders for public files and tenant files'
            : 'each scope needs a folder of its own',
      },
    );
  }
}

function straysOf(config: Config): string[] {
  const { cwd } = config;
  const dirs = foldersOf(config).map(({ dir }) => dir);
  const inParents = [...new Set(dirs.map((dir) => dirname(dir)))]
    .filter((parent) => parent !== cwd && !dirs.includes(parent))
    .map((path) => ({ path, files: looseMigrations(path) }))
    .filter(({ files }) => files > 0);
  const mistyped = dirs.flatMap((dir) => findStrayFolders(dir, dirs));
  const read = dirs.map((dir) => shownPath(cwd, dir)).join(' and ');
  return [...new Map([...inParents, ...mistyped].map((stray) => [stray.path, stray])).values()].map(
    ({ path, files }) =>
      `${shownPath(cwd, path)} has ${countOf(files, 'file')} named like migrations, but only ${read} are read`,
  );
}

/** How files are parsed. */
export interface ParseOptions {
  /** A placeholder without a value is no mistake, since nothing will be run. */
  readonly mayLackValues?: boolean;
}

/**
 * Parses the files that are about to run. If one has a mistake, parses all files.
 * @throws SqlmigError with every mistake in `all`.
 */
export async function parseMigrations(
  wanted: Iterable<Migration>,
  migrations: Migrations,
  options: ParseOptions = {},
): Promise<Map<Migration, Script>> {
  const scripts = new Map<Migration, Script>();
  const isTenants = tenantNames(migrations);
  const all = new Set(wanted);
  for (const migration of all) {
    const script = await toScript(migration, migrations.publicSchema, isTenants);
    if (!('migration' in script) || mistakesOf(script, options).length > 0) {
      const files = new Set([...allFiles(migrations), ...all]);
      throw errorOfAll(await parseMistakes([...files], migrations.publicSchema, options));
    }
    scripts.set(migration, script);
  }
  return scripts;
}

function mistakesOf(
  script: Script | readonly SqlmigError[],
  { mayLackValues = false }: ParseOptions,
): readonly SqlmigError[] {
  if (!('migration' in script)) return script;
  return mayLackValues ? [] : unsetErrors(script);
}

/** All files of a project, parsed. */
export interface ParsedFiles {
  readonly scripts: ReadonlyMap<Migration, Script>;
  /** The `.down.sql` files with mistakes in them, which stop nothing, since no run reads them. */
  readonly brokenDown: readonly {
    readonly migration: Migration;
    readonly mistakes: readonly SqlmigError[];
  }[];
}

/**
 * Parses every file.
 * @throws SqlmigError with every mistake in `all`, if a file that runs has one.
 */
export async function parseAll(migrations: Migrations, options: ParseOptions = {}): Promise<ParsedFiles> {
  const scripts = await parseMigrations([...migrations.public, ...migrations.tenant], migrations, options);
  const brokenDown: { migration: Migration; mistakes: readonly SqlmigError[] }[] = [];
  const isTenants = tenantNames(migrations);
  for (const migration of migrations.down) {
    const script = await toScript(migration, migrations.publicSchema, isTenants);
    const mistakes = mistakesOf(script, options);
    if ('migration' in script && mistakes.length === 0) scripts.set(migration, script);
    else brokenDown.push({ migration, mistakes });
  }
  return { scripts, brokenDown };
}

async function parseMistakes(
  migrations: readonly Migration[],
  publicSchema: string,
  options: ParseOptions = {},
): Promise<SqlmigError[]> {
  const mistakes: SqlmigError[] = [];
  for (const migration of migrations)
    mistakes.push(...mistakesOf(await toScript(migration, publicSchema), options));
  return mistakes;
}
