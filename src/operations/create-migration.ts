import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { cannotWrite, SqlmigError } from '../errors.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { fileNameOf } from '../project/file-name.ts';
import { parseAll, readMigrations } from '../project/migrations.ts';
import { nextVersion } from '../project/next-version.ts';
import { checkValue, type Kind, text } from '../project/option.ts';
import type { Scope } from '../results.ts';

/** A new, empty migration file. */
export interface CreatedMigration {
  readonly scope: Scope;
  readonly version: string;
  readonly name: string;
  readonly file: string;
}

const scopeKind: Kind = {
  takes: "'public' or 'tenant'",
  fits: (value) => value === 'public' || value === 'tenant',
};

/**
 * Writes an empty migration with the next version of its folder. The name may be words: they are joined by `_`.
 * @throws SqlmigError `bad-usage` for a name without a letter or digit, and all mistakes of the files there are.
 */
export async function createMigration(
  config: Config,
  scope: Scope,
  words: string,
): Promise<CreatedMigration> {
  requireConfig(config);
  checkValue('argument scope', scope, scopeKind);
  checkValue('argument words', words, text);
  const name = words
    .trim()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  if (name === '')
    throw new SqlmigError('bad-usage', 'a migration needs a name with a letter or digit in it');
  const dir = scope === 'public' ? config.publicDir : config.tenantDir;
  await mkdir(dir, { recursive: true }).catch((error: unknown) => {
    throw cannotWrite(relative(config.cwd, dir), error);
  });
  const migrations = await readMigrations(config);
  await parseAll(migrations);
  const versions = migrations[scope].flatMap((migration) => migration.version ?? []);
  const version = nextVersion(versions, new Date());
  if (version.length > 18) {
    throw new SqlmigError(
      'bad-usage',
      `no version follows the newest of ${relative(config.cwd, dir)}: 18 digits are used up`,
    );
  }
  const path = join(dir, fileNameOf(version, name));
  const file = relative(config.cwd, path);
  const content =
    scope === 'public'
      ? '-- Runs once in the public schema.\n\n'
      : '-- Runs once in every tenant. Names need no schema: search_path is the tenant, then public.\n\n';
  try {
    await writeFile(path, content, { flag: 'wx' });
  } catch (error) {
    throw cannotWrite(file, error);
  }
  return { scope, version, name, file };
}
