import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { errorOfAll, SqlmigError } from '../errors.ts';
import type { Location, Scope } from '../results.ts';
import { directivesOf } from '../sql/directives.ts';
import { tenantNames } from '../sql/made-names.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { toScript } from '../sql/script.ts';
import { covers, replacedBy } from './baseline.ts';
import type { Config } from './config.ts';
import { checksumOf, decode } from './decode.ts';
import { linkDownFiles } from './down-files.ts';
import { countedName, nameProblem, parseFileName } from './file-name.ts';
import { historyKey, inRunningOrder } from './order.ts';
import {
  findStrayFolders,
  isSameFolder,
  listSqlFolder,
  looseMigrations,
  type SqlFolder,
} from './sql-folder.ts';

/** All migrations of a project, each list in running order. */
export interface Migrations extends Readonly<Record<Scope, readonly Migration[]>> {
  /** The `.down.sql` files, which `up` never runs. */
  readonly down: readonly Migration[];
  /** The schema name that lints check for. */
  readonly publicSchema: string;
  /** Folders of likely migrations beside the configured ones that are not read, one sentence per folder. */
  readonly strays: readonly string[];
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

function countOf(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/**
 * Parses what is about to run; with a mistake in it, all files are parsed.
 * @throws SqlmigError with every mistake in `all`.
 */
export async function parseMigrations(
  wanted: Iterable<Migration>,
  migrations: Migrations,
): Promise<Map<Migration, Script>> {
  const scripts = new Map<Migration, Script>();
  const isTenants = tenantNames(migrations);
  for (const migration of new Set(wanted)) {
    const script = await toScript(migration, migrations.publicSchema, isTenants);
    if (!('migration' in script)) {
      throw errorOfAll(await parseMistakes(allFiles(migrations), migrations.publicSchema));
    }
    scripts.set(migration, script);
  }
  return scripts;
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
export async function parseAll(migrations: Migrations): Promise<ParsedFiles> {
  const scripts = await parseMigrations([...migrations.public, ...migrations.tenant], migrations);
  const brokenDown: { migration: Migration; mistakes: readonly SqlmigError[] }[] = [];
  const isTenants = tenantNames(migrations);
  for (const migration of migrations.down) {
    const script = await toScript(migration, migrations.publicSchema, isTenants);
    if ('migration' in script) scripts.set(migration, script);
    else brokenDown.push({ migration, mistakes: script });
  }
  return { scripts, brokenDown };
}

async function parseMistakes(migrations: readonly Migration[], publicSchema: string): Promise<SqlmigError[]> {
  const mistakes: SqlmigError[] = [];
  for (const migration of migrations) {
    const script = await toScript(migration, publicSchema);
    if (!('migration' in script)) mistakes.push(...script);
  }
  return mistakes;
}

interface Folder {
  readonly migrations: readonly Migration[];
  readonly down: readonly Migration[];
  readonly mistakes: readonly SqlmigError[];
}

/** Whether a folder has a config file of its own. */
function hasConfig(dir: string): boolean {
  return readdirSync(dir).some((name) => name.startsWith('sqlmig.config.'));
}

// All at once and without promises: hundreds of small files are read several times faster that way.
function readFolder(scope: Scope, config: Config): Folder {
  const { publicDir, tenantDir, cwd, recursive } = config;
  const [dir, other] = scope === 'public' ? [publicDir, tenantDir] : [tenantDir, publicDir];
  const shown = (file: string) => shownPath(cwd, join(dir, file));
  if (!isFolder(dir)) {
    const [stray] = findStrayFolders(dir, [dir, other]);
    const hint =
      !isFolder(other) && !hasConfig(cwd)
        ? 'create a project in this folder with: sqlmig init'
        : stray === undefined
          ? `create it (an empty one is fine), or set ${scope}Dir in the config`
          : `${shownPath(cwd, stray.path)} has ${countOf(stray.files, 'file')} named like migrations: rename it, or set ${scope}Dir in the config`;
    const missing = new SqlmigError('folder-missing', `the folder ${shown('.')} does not exist`, { hint });
    return { migrations: [], down: [], mistakes: [missing] };
  }
  const listed = listSqlFolder(dir, recursive, other);
  const migrations: Migration[] = [];
  const down: Migration[] = [];
  const mistakes = unreadMistakes(listed, shown);
  const seen = new Map<string, string>();
  for (const file of [...listed.files].sort()) {
    const named = parseFileName(countedName(file));
    if (named === null) {
      const { problem, hint } = nameProblem(basename(file));
      mistakes.push(new SqlmigError('bad-file-name', `${shown(file)}: ${problem}`, { hint }));
      continue;
    }
    const version = named.kind === 'repeatable' ? null : named.version;
    const key = `${named.kind} ${historyKey({ version, name: named.name })}`;
    const twin = seen.get(key);
    if (twin !== undefined) {
      const message = `${shown(twin)} and ${shown(file)} have the same version ${version ?? ''}`.trimEnd();
      mistakes.push(
        new SqlmigError('duplicate-version', message, {
          hint: 'rename the one that was never applied; "versions": "time" in the config prevents such conflicts',
        }),
      );
    }
    seen.set(key, file);
    const text = readText(shown(file), join(dir, file));
    if (text instanceof SqlmigError) mistakes.push(text);
    else {
      const undoes = named.kind === 'down';
      const replaced = undoes ? [] : replacedBy(text, version);
      if ('problem' in replaced)
        mistakes.push(badBaseline(replaced.problem, locate(shown(file), text, replaced.index)));
      (undoes ? down : migrations).push({
        scope,
        version,
        name: named.name,
        checksum: checksumOf(text),
        file: shown(file),
        text,
        ...(!('problem' in replaced) && replaced.length > 0 && { replaces: replaced }),
        ...(undoes && { undoes }),
      });
    }
  }
  const linked = linkDownFiles(migrations, down);
  return { migrations: linked, down, mistakes: [...mistakes, ...replacedFiles(linked)] };
}

/** Files that look like migrations and cannot be read as such. */
function unreadMistakes(
  { inCapitals, foldersLikeFiles, unread }: SqlFolder,
  shown: (path: string) => string,
): SqlmigError[] {
  return [
    ...inCapitals.map((file) => {
      const hint = `name it ${basename(file).replace(/\.sql$/i, '.sql')}`;
      return new SqlmigError('bad-file-name', `${shown(file)}: the extension must be .sql in lower case`, {
        hint,
      });
    }),
    ...foldersLikeFiles.map((folder) => {
      const hint = 'put its statements into one file of that name, or rename the folder';
      return new SqlmigError('bad-file-name', `${shown(folder)} is a folder, not a file`, { hint });
    }),
    ...unread.map(({ path, files }) => {
      const message = `${shown(path)} has ${countOf(files, '.sql file')}, and sub-folders are not read`;
      const hint = `move them into ${shown('.')}, or set "recursive": true in the config`;
      return new SqlmigError('sub-folder', message, { hint });
    }),
  ];
}

/** Files that a baseline replaces and that are still there: a new tenant would get their statements twice. */
function replacedFiles(migrations: readonly Migration[]): SqlmigError[] {
  return migrations.flatMap((baseline) => {
    const { replaces = [] } = baseline;
    const left = migrations.find(
      (other) => other !== baseline && other.version !== null && covers(replaces, other.version),
    );
    const at = directivesOf(baseline.text).find(({ word }) => word.startsWith('replaces'))?.index ?? 0;
    const problem = `it replaces ${left?.version}, but ${left?.file} is still there`;
    return left === undefined ? [] : [badBaseline(problem, locate(baseline.file, baseline.text, at))];
  });
}

function badBaseline(problem: string, location: Location): SqlmigError {
  return new SqlmigError('bad-baseline', problem, {
    location,
    hint: 'write it as -- sqlmig: replaces 1..120, in a versioned file, and delete the files it replaces',
  });
}

function readText(file: string, path: string): string | SqlmigError {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    // A dangling link, or a file that we may not read.
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return new SqlmigError('file-unreadable', `${file} cannot be read (${code})`, { file, cause: error });
  }
  const decoded = decode(bytes);
  if ('badByteAt' in decoded) {
    const before = bytes.subarray(0, decoded.badByteAt).toString('utf8');
    return new SqlmigError('file-not-utf8', `byte ${decoded.badByteAt} of the file is not UTF-8`, {
      location: locate(file, before, before.length),
      hint: 'save the file as UTF-8',
    });
  }
  const nul = decoded.text.indexOf('\0');
  if (nul === -1) return decoded.text;
  // PostgreSQL would ignore the rest of the text without a word.
  return new SqlmigError('file-has-nul', 'the file has a NUL character', {
    location: locate(file, decoded.text, nul),
    hint: 'save the file as UTF-8 text',
  });
}

function shownPath(cwd: string, path: string): string {
  return relative(cwd, path).split(sep).join('/') || '.';
}

function isFolder(dir: string): boolean {
  return statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
