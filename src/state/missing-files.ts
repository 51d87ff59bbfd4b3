import { errorOfAll, SqlmigError } from '../errors.ts';
import type { Config } from '../project/config.ts';
import { folderOf, type Migrations } from '../project/migrations.ts';
import type { Target } from './target.ts';

/**
 * Requires migration files for each scope in which a schema has a history; without any, the image or working directory is
 * incomplete. A folder with only some of them is an older release, which is allowed.
 * @throws SqlmigError `files-missing`, with every such folder in `all`.
 */
export function requireFiles(targets: readonly Target[], migrations: Migrations, config: Config): void {
  const errors = (['public', 'tenant'] as const).flatMap((scope) => {
    if (migrations[scope].length > 0) return [];
    const applied = targets.filter((target) => target.scope === scope && target.rows.length > 0);
    const [first] = applied;
    if (first === undefined) return [];
    const who = applied.length === 1 ? `${first.schema} has` : `${applied.length} schemas have`;
    const message = `${folderOf(config, scope)} has no migration files, but ${who} applied migrations`;
    return [
      new SqlmigError('files-missing', message, {
        state: 'nothing was touched',
        hint: 'the image or the working directory lacks its migration files: copy them in, or correct the folder in the config',
      }),
    ];
  });
  if (errors.length > 0) throw errorOfAll(errors);
}
