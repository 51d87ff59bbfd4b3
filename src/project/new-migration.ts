import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { SqlmigError } from '../errors.ts';
import type { Scope, ScopeName } from '../results.ts';
import { cannotWrite } from './cannot-write.ts';
import type { Config } from './config.ts';
import { fileNameOf } from './file-name.ts';
import { folderOf, parseAll, readMigrations } from './migrations.ts';
import { nextVersion } from './next-version.ts';
import { kindOf } from './scope-view.ts';
import { newestVersion } from './version.ts';

/** A new, empty migration file. */
export interface CreatedMigration {
  readonly scope: ScopeName;
  readonly version: string;
  readonly name: string;
  readonly file: string;
}

const firstLines: Readonly<Record<Scope, string>> = {
  public: '-- Runs once in the public schema.\n\n',
  tenant: '-- Runs once in every tenant. Names need no schema: search_path is the tenant, then public.\n\n',
};

/** Writes an empty migration with the next version, after checking the files of the project. */
export async function writeMigration(
  config: Config,
  scope: ScopeName,
  words: string,
): Promise<CreatedMigration> {
  if (scope === 'public') return { ...(await writeIn(config, 'public', words)), scope };
  const own = scope === 'tenant' ? config : kindOf(config, scope);
  return { ...(await writeIn(own, 'tenant', words)), scope };
}

async function writeIn(
  config: Config,
  scope: Scope,
  words: string,
): Promise<Omit<CreatedMigration, 'scope'>> {
  const name = nameOf(words);
  const dir = scope === 'public' ? config.publicDir : config.tenantDir;
  await mkdir(dir, { recursive: true }).catch((error: unknown) => {
    throw cannotWrite(relative(config.cwd, dir), error);
  });
  const version = await versionIn(config, scope);
  const path = join(dir, fileNameOf(version, name));
  const file = relative(config.cwd, path);
  await writeFile(path, firstLines[scope], { flag: 'wx' }).catch((error: unknown) => {
    throw cannotWrite(file, error);
  });
  return { version, name, file };
}

function nameOf(words: string): string {
  const name = words
    .trim()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  if (name !== '') return name;
  throw new SqlmigError('bad-usage', 'the name of a migration needs a letter or digit');
}

async function versionIn(config: Config, scope: Scope): Promise<string> {
  const migrations = await readMigrations(config);
  await parseAll(migrations, { mayLackValues: true });
  const version = nextVersion(newestVersion(migrations[scope]), new Date(), config.versions ?? undefined);
  if (version.length <= 18) return version;
  const folder = folderOf(config, scope);
  throw new SqlmigError('bad-usage', `${folder} has the highest possible version, which has 18 digits`);
}
