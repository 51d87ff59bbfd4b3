import { relative, resolve, sep } from 'node:path';
import { readManifest } from '../adopt/project-sources.ts';
import {
  type Conversion,
  type ConversionRules,
  type ConvertedFile,
  convertFiles,
} from '../convert/convert.ts';
import { type Manifest, manifestName, manifestOf, manifestText } from '../convert/manifest.ts';
import { SqlmigError } from '../errors.ts';
import { isListOf } from '../history/import/file-layout.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { folderOf } from '../project/migrations.ts';
import { filesToWrite, type NewFiles, refuseOthers, writeNewFiles } from '../project/new-files.ts';
import { callback, checkOptions, checkValue, type Kinds, text, yesOrNo } from '../project/option.ts';
import { findSourceFiles } from '../project/source-files.ts';
import { isSameFolder } from '../project/sql-folder.ts';
import type { Scope } from '../results.ts';

/** Which files of another tool to convert. */
export interface AdoptFilesOptions {
  /** The folder of the other tool's files, in its own layout. */
  readonly from: string;
  /** The folder for the converted files: the tenants' by default. */
  readonly into?: Scope;
  /** Tables that stay in the public schema, with their indexes, sequences, types and trigger functions. */
  readonly keep?: readonly string[];
  /** The tool that ran them, as `adopt` names it, if the files do not identify it. */
  readonly fromTool?: string;
  /** The schema that they were written for, which is removed from names: the public schema by default. */
  readonly fromSchema?: string;
  /** Called once with the files, if there are any to write. They are written only if it returns `true`. */
  readonly accept: (conversion: FilesToAdopt) => boolean | Promise<boolean>;
}

/** The converted files, and the places that need a decision. */
export interface FilesToAdopt extends Conversion {
  /** The folder of the other tool's files. */
  readonly from: string;
  /** The folders of the config. */
  readonly folders: Readonly<Record<Scope, string>>;
}

/** What was converted. */
export interface AdoptedFiles extends FilesToAdopt {
  readonly accepted: boolean;
  /** How many files were written, without those that already existed. */
  readonly written: number;
}

const kinds: Kinds<AdoptFilesOptions> = {
  from: { ...text, required: true },
  into: { takes: "'public' or 'tenant'", fits: (value) => value === 'public' || value === 'tenant' },
  keep: {
    takes: 'a list of table names',
    fits: (value) => Array.isArray(value) && value.every((name) => text.fits(name)),
  },
  fromTool: text,
  fromSchema: text,
  accept: { ...callback, required: true },
};

/**
 * Converts the migrations of another tool to sqlmig's files, in folders that are empty or already have these files.
 * Needs no database. It also writes a list of the originals, for `adoptHistory`.
 * @throws SqlmigError `bad-usage`, `file-exists`, and `bad-file-name` or `sub-folder` if the order of the files is unknown.
 */
export async function adoptFiles(config: Config, options: AdoptFilesOptions): Promise<AdoptedFiles> {
  requireConfig(config);
  checkOptions(options, kinds);
  const { from, into = 'tenant', keep = [], fromTool: tool = null, accept } = options;
  const { fromSchema: schema = config.publicSchema } = options;
  refuseContradiction({ into, keep, schema }, config);
  const sourceFiles = findSourceFiles(sourceDir(config, from));
  const sources = sourceFiles.flatMap(({ path, text: read }) =>
    read === null ? [] : [{ path, text: read }],
  );
  const folders = { public: folderOf(config, 'public'), tenant: folderOf(config, 'tenant') };
  const rules = { into, keep, schema, tool, folders };
  const conversion = await convertFiles(sources, rules);
  const unreadable = sourceFiles.filter((file) => file.text === null);
  const result: FilesToAdopt = {
    ...conversion,
    leftOut: [
      ...conversion.leftOut.filter(({ file }) => unreadable.every(({ path }) => path !== file)),
      ...unreadable.map(({ path }) => ({ file: path, why: 'it is not UTF-8' })),
    ],
    from,
    folders,
  };
  if (result.files.length === 0) throw nothingFound(from, result);
  const lists = sources.filter(({ path }) => isListOf('Drizzle', path));
  const folderFiles = (['public', 'tenant'] as const).flatMap((scope): NewFiles[] => {
    const files = result.files.filter((file) => file.scope === scope);
    const dir = scope === 'public' ? config.publicDir : config.tenantDir;
    const target = { dir, folder: folders[scope] };
    // A run needs both folders, even if one of them is empty.
    if (files.length === 0) return [{ ...target, files: [], kept: new Set(), replaced: null }];
    const manifest = manifestOf(result.tool, files, lists);
    return [{ ...target, ...withManifest(files, manifest, target) }];
  });
  for (const folder of folderFiles) if (folder.files.length > 0) refuseOthers(folder);
  const isDone = folderFiles.every((folder) => filesToWrite(folder).length === 0);
  const accepted = isDone || (await accept(result));
  checkValue('the answer of accept', accepted, yesOrNo);
  const written = accepted ? folderFiles.map(writeNewFiles) : [];
  return { ...result, accepted, written: written.reduce((sum, count) => sum + count, 0) };
}

function refuseContradiction(
  { into, keep, schema }: Pick<ConversionRules, 'into' | 'keep' | 'schema'>,
  { publicSchema }: Config,
): void {
  if (into === 'public' && keep.length > 0)
    throw new SqlmigError('bad-usage', 'all files go to public, so there is nothing to keep there', {
      hint: 'specify only one of keep and into',
    });
  if (schema !== publicSchema && (into === 'public' || keep.length > 0))
    throw new SqlmigError(
      'bad-usage',
      `public files are for the schema ${publicSchema}, but these were written for ${schema}`,
      { hint: `if all tenants share the tables of ${schema}, set publicSchema to it in the config` },
    );
}

/** The files of a folder with their manifest. Files that an earlier conversion made from the same originals are kept. */
function withManifest(
  files: readonly ConvertedFile[],
  manifest: Manifest,
  { dir, folder }: Pick<NewFiles, 'dir' | 'folder'>,
): Pick<NewFiles, 'files' | 'kept' | 'replaced'> {
  const earlier = readManifest(dir, folder)?.files ?? [];
  // The same original becomes a different file if other tables are kept.
  const now = new Set(manifest.files.map((entry) => JSON.stringify(entry)));
  const again = earlier.filter((entry) => now.has(JSON.stringify(entry)));
  return {
    // The manifest comes first, so that no file ever exists without it.
    files: [{ name: manifestName, text: manifestText(manifest) }, ...files],
    kept: new Set(again.map(({ file }) => file)),
    replaced: again.length === earlier.length ? manifestName : null,
  };
}

function sourceDir({ cwd, publicDir, tenantDir }: Config, from: string): string {
  const dir = resolve(cwd, from);
  const target = [publicDir, tenantDir].find((folder) => isSameFolder(folder, dir));
  if (target === undefined) return dir;
  const shown = relative(cwd, target).split(sep).join('/');
  throw new SqlmigError('bad-usage', `${shown} is also the folder for the converted files`, {
    hint: 'move the files of the other tool to a separate folder',
  });
}

function nothingFound(from: string, { leftOut }: Conversion): SqlmigError {
  const few = leftOut.slice(0, 3).map(({ file, why }) => `${file} (${why})`);
  const found = leftOut.length === 0 ? 'no migrations' : `no migrations, only ${few.join(', ')}`;
  return new SqlmigError('bad-usage', `${from} has ${found}`, {
    hint: 'name the folder in which the other tool keeps its migrations',
  });
}
