import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Manifest, manifestName, parseManifest } from '../convert/manifest.ts';
import { SqlmigError } from '../errors.ts';
import type { SourceFile } from '../history/import/history-reader.ts';
import type { Config } from '../project/config.ts';
import { checksumOf } from '../project/decode.ts';
import { parseFileName } from '../project/file-name.ts';
import { folderOf } from '../project/migrations.ts';
import { readSourceFiles } from '../project/source-files.ts';
import type { Scope } from '../results.ts';

/**
 * The project's files as another tool knows them: a converted file has the path of its original, and the original's text
 * if the originals are available.
 * @throws SqlmigError `checksum-changed` if an original has changed since, `file-unreadable` for a bad manifest.
 */
export function readProjectSources(
  config: Config,
  originals: readonly SourceFile[] | null,
): Readonly<Record<Scope, readonly SourceFile[]>> {
  const byPath = originals === null ? null : new Map(originals.map(({ path, text }) => [path, text]));
  const sourcesOf = (scope: Scope, dir: string) => {
    const own = readSourceFiles(dir);
    const manifest = readManifest(dir, folderOf(config, scope));
    return manifest === null
      ? own
      : [...own.map((file) => asOriginal(file, manifest, byPath)), ...manifest.lists];
  };
  return { public: sourcesOf('public', config.publicDir), tenant: sourcesOf('tenant', config.tenantDir) };
}

function asOriginal(
  file: SourceFile,
  { files }: Manifest,
  originals: ReadonlyMap<string, string> | null,
): SourceFile {
  const converted = files.find((entry) => entry.file === file.path);
  if (converted === undefined || parseFileName(file.path)?.kind === 'down') return file;
  const { from, sha256 } = converted;
  const original = originals?.get(from);
  if (original !== undefined && checksumOf(original) !== sha256) throw changedOriginal(from);
  const isComparable = original !== undefined || checksumOf(file.text) === sha256;
  return { path: from, text: original ?? file.text, converted: { file: file.path, isComparable } };
}

function changedOriginal(from: string): SqlmigError {
  return new SqlmigError('checksum-changed', `${from} has changed since it was converted`, {
    state: 'nothing was changed',
    hint: 'restore its text from version control',
  });
}

/** The manifest of a folder of converted files; `null` if there is none. @throws SqlmigError `file-unreadable`. */
export function readManifest(dir: string, folder: string): Manifest | null {
  let text: string;
  try {
    text = readFileSync(join(dir, manifestName), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return parseManifest(text, `${folder}/${manifestName}`);
}

/**
 * The original files of a converted project.
 * @throws SqlmigError `bad-usage` if the folder has none of them.
 */
export function readOriginals(config: Config, files: string): readonly SourceFile[] {
  const originals = readSourceFiles(resolve(config.cwd, files));
  const paths = new Set(originals.map(({ path }) => path));
  const folders = [
    [config.publicDir, folderOf(config, 'public')],
    [config.tenantDir, folderOf(config, 'tenant')],
  ] as const;
  const manifests = folders.flatMap(([dir, folder]) => readManifest(dir, folder) ?? []);
  if (manifests.length === 0)
    throw new SqlmigError('bad-usage', `the project's files were not converted from ${files}`, {
      hint: `convert them with: sqlmig adopt --convert ${files}, or omit --files`,
    });
  if (manifests.some((manifest) => manifest.files.some(({ from }) => paths.has(from)))) return originals;
  throw new SqlmigError('bad-usage', `${files} contains none of the original files`, {
    hint: 'pass the folder that you passed to adopt --convert',
  });
}
