import { type Config, requireFleetConfig } from '../project/config.ts';
import { type CreatedMigration, writeMigration } from '../project/new-migration.ts';
import { checkOptions, type Kinds, text } from '../project/option.ts';
import type { ScopeName } from '../results.ts';

/** Where to create a migration, and its name. */
export interface CreateMigrationOptions {
  /** `public`, `tenant`, or the name of one of the config's `scopes`. */
  readonly scope: ScopeName;
  /** May be several words; they are joined by `_`. */
  readonly name: string;
}

/** Without kinds of tenants in the config, there are two scopes; a wrong name of a kind is found with the kinds. */
const kinds = ({ scopes }: Config): Kinds<CreateMigrationOptions> => ({
  scope: {
    takes: scopes.length === 0 ? "'public' or 'tenant'" : "'public', 'tenant' or the name of a scope",
    fits: (value) => value === 'public' || value === 'tenant' || (scopes.length > 0 && text.fits(value)),
    required: true,
  },
  name: { ...text, required: true },
});

/**
 * Creates an empty migration file with the next version of its folder. Needs no database.
 * @throws SqlmigError `bad-usage` for a name without a letter or digit or an unknown scope, `file-exists` if the file cannot
 *   be written, and all mistakes in the existing files.
 */
export async function createMigration(
  config: Config,
  options: CreateMigrationOptions,
): Promise<CreatedMigration> {
  requireFleetConfig(config);
  checkOptions(options, kinds(config));
  return writeMigration(config, options.scope, options.name);
}
