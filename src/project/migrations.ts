import { dirname } from 'node:path';
import { errorOfAll, SqlmigError } from '../errors.ts';
import type { Scope } from '../results.ts';
import { tenantNames } from '../sql/made-names.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { toScript, unsetErrors } from '../sql/script.ts';
import type { Config } from './config.ts';
import { countOf, readFolder, shownPath } from './migration-folder.ts';
import { inRunningOrder } from './order.ts';
import { type FoundSnapshot, readSnapshot } from './snapshot-file.ts';
import { findStrayFolders, isSameFolder, looseMigrations } from './sql-folder.ts';

/** All migrations of a project, each list in running order. */
export interface Migrations extends Readonly<Record<Scope, readonly Migration[]>> {
  /** The `.down.sql` files, which `up` never runs. */
  readonly down: readonly Migration[];
  /** The schema name that lints check for. */
  readonly publicSchema: string;
  /** Folders of likely migrations beside the configured ones that are not read, one sentence per folder. */
  readonly strays: readonly string[];
  /** Reads the snapshot of what tenant files build, if there is one; absent where tenants must be built from files. */
  readonly readSnapshot?: () => FoundSnapshot | null;
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
 * @throws SqlmigError with every mistake in `all`, and `config-invalid` if both scopes have the same folder.
 */
export async function readMigrations(config: Config): Promise<Migrations> {
  if (isSameFolder(config.publicDir, config.tenantDir)) throw sameFolder(config);
  const folders = [readFolder('public', config), readFolder('tenant', config)];
  const mistakes = folders.flatMap((folder) => folder.mistakes);
  const found = folders.flatMap((folder) => folder.migrations);
  const down = folders.flatMap((folder) => folder.down);
  if (mistakes.length > 0)
    throw errorOfAll([...mistakes, ...(await parseMistakes([...found, ...down], config.publicSchema))]);
  const ofScope = (scope: Scope) => inRunningOrder(found.filter((migration) => migration.scope === scope));
  return {
    public: ofScope('public'),
    tenant: ofScope('tenant'),
    down,
    publicSchema: config.publicSchema,
    strays: straysOf(config),
    readSnapshot: () => readSnapshot(config),
  };
}

function sameFolder(config: Config): SqlmigError {
  const folders = `${folderOf(config, 'public')} and ${folderOf(config, 'tenant')}`;
  return new SqlmigError('config-invalid', `publicDir and tenantDir are the same folder (${folders})`, {
    hint: 'use separate folders for public files and tenant files',
  });
}

function straysOf({ publicDir, tenantDir, cwd }: Config): string[] {
  const dirs = [publicDir, tenantDir];
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
 * Parses what is about to run; with a mistake in it, all files are parsed.
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
