import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { SqlmigError } from '../errors.ts';
import type { Location, Scope } from '../results.ts';
import { directivesOf } from '../sql/directives.ts';
import type { Migration } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { covers, replacedBy } from './baseline.ts';
import type { Config } from './config.ts';
import { checksumOf, decode } from './decode.ts';
import { linkDownFiles } from './down-files.ts';
import { countedName, nameProblem, parseFileName } from './file-name.ts';
import { historyKey } from './order.ts';
import { foldersOf } from './scope-view.ts';
import { snapshotPath } from './snapshot-path.ts';
import { findStrayFolders, listSqlFolder, type SqlFolder } from './sql-folder.ts';
import { filledFrom } from './vars.ts';

/** The contents of a folder of migrations. */
export interface Folder {
  readonly migrations: readonly Migration[];
  readonly down: readonly Migration[];
  readonly mistakes: readonly SqlmigError[];
}

/** Whether a folder has a config file of its own. */
function hasConfig(dir: string): boolean {
  return readdirSync(dir).some((name) => name.startsWith('sqlmig.config.'));
}

/**
 * Reads and checks the files of a scope, all at once and without promises: hundreds of small files are read several
 * times faster that way.
 */
export function readFolder(scope: Scope, config: Config): Folder {
  const { publicDir, tenantDir, cwd, recursive } = config;
  const filled = filledFrom(config.vars);
  const dir = scope === 'public' ? publicDir : tenantDir;
  const shown = (file: string) => shownPath(cwd, join(dir, file));
  if (!isFolder(dir)) {
    const mistakes = scope === 'tenant' && hasOnlyKinds(config) ? [] : [missingFolder(dir, config)];
    return { migrations: [], down: [], mistakes };
  }
  const others = foldersOf(config)
    .map((folder) => folder.dir)
    .filter((other) => other !== dir);
  const listed = listSqlFolder(dir, recursive, others);
  const migrations: Migration[] = [];
  const down: Migration[] = [];
  const mistakes = unreadMistakes(listed, shown);
  const seen = new Map<string, string>();
  // If one folder contains another, the snapshot of that lies in it.
  const snapshots = new Set(foldersOf(config).map((folder) => snapshotPath({ tenantDir: folder.dir })));
  const files = listed.files.filter((file) => !snapshots.has(join(dir, file)));
  for (const file of files.sort()) {
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
        ...filled,
      });
    }
  }
  const linked = linkDownFiles(migrations, down);
  return { migrations: linked, down, mistakes: [...mistakes, ...replacedFiles(linked)] };
}

/** True if every tenant is of a kind: nothing lists tenants for the tenant files. */
function hasOnlyKinds({ scopes, scope, database }: Config): boolean {
  return scopes.length > 0 && scope === null && database.tenants.kind === 'history';
}

function missingFolder(dir: string, config: Config): SqlmigError {
  const { cwd } = config;
  const folders = foldersOf(config);
  const setting = folders.find((folder) => folder.dir === dir)?.setting;
  const [stray] = findStrayFolders(
    dir,
    folders.map((folder) => folder.dir),
  );
  const isProject = folders.some((folder) => isFolder(folder.dir)) || hasConfig(cwd);
  const remedy =
    stray === undefined
      ? `create it (an empty one is fine), or set ${setting} in the config`
      : `${shownPath(cwd, stray.path)} has ${countOf(stray.files, 'file')} named like migrations: rename it, or set ${setting} in the config`;
  const hint = isProject ? remedy : 'create a project in this folder with: sqlmig init';
  return new SqlmigError('folder-missing', `the folder ${shownPath(cwd, dir)} does not exist`, { hint });
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

/** Errors for files that a baseline replaces and that still exist: a new tenant would get their statements twice. */
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
    // Reading a pipe or a device might never end.
    if (!statSync(path).isFile())
      return new SqlmigError('file-unreadable', `${file} is not a regular file`, { file });
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
  // PostgreSQL would silently ignore the rest of the text.
  return new SqlmigError('file-has-nul', 'the file contains a NUL character', {
    location: locate(file, decoded.text, nul),
    hint: 'save the file as UTF-8 text',
  });
}

/** A path as messages show it: relative to the working directory. */
export function shownPath(cwd: string, path: string): string {
  return relative(cwd, path).split(sep).join('/') || '.';
}

function isFolder(dir: string): boolean {
  return statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** A number of things in words. */
export function countOf(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
