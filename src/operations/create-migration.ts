import { type Config, requireFleetConfig } from '../project/config.ts';
import { type CreatedMigration, writeMigration } from '../project/new-migration.ts';
import { checkOptions, type Kinds, text } from '../project/option.ts';
import type { Scope } from '../results.ts';

/** Where to create a migration, and its name. */
export interface CreateMigrationOptions {
  readonly scope: Scope;
  /** May be several words; they are joined by `_`. */
  readonly name: string;
}

const kinds: Kinds<CreateMigrationOptions> = {
  scope: {
    takes: "'public' or 'tenant'",
    fits: (value) => value === 'public' || value === 'tenant',
    required: true,
  },
  name: { ...text, required: true },
};

/**
 * Creates an empty migration file with the next version of its folder. Needs no database.
 * @throws SqlmigError `bad-usage` for a name without a letter or digit, `file-exists` if the file cannot be written, and
 *   all mistakes in the existing files.
 */
export async function createMigration(
  config: Config,
  options: CreateMigrationOptions,
): Promise<CreatedMigration> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return writeMigration(config, options.scope, options.name);
}
