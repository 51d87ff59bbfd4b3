import { applyInDatabases } from '../databases/merged-repair.ts';
import type { Config } from '../project/config.ts';
import type { AcceptedEditOptions } from '../repair/accepted-edits.ts';
import { type MissingFile, missingFiles } from '../repair/forgotten-files.ts';
import type { RepairedSchema } from '../repair/repair.ts';
import type { DatabaseOutcome } from '../results.ts';

/** Which schemas to check, and who decides. `accept` gets all migrations whose files are missing. */
export interface ForgetMissingOptions extends AcceptedEditOptions<MissingFile> {}

/** What `forgetMissing` found and did. */
export interface ForgottenFiles {
  readonly missing: readonly MissingFile[];
  readonly forgotten: boolean;
  /** The outcome of each schema that has such a migration or whose history cannot be used. */
  readonly schemas: readonly RepairedSchema[];
  /** What was done in each database, if the config has several. */
  readonly databases?: readonly DatabaseOutcome[];
}

/**
 * Finds applied migrations whose files are missing and, if `accept` agrees, deletes their rows from the histories.
 * Undoes none of them. Migrations of a newer release do not count as missing. What fails in a schema is its outcome.
 * @throws SqlmigError `files-missing` if a folder has no files at all, and if it cannot start: `bad-usage`,
 *   `config-invalid`, mistakes in the files, no connection. Rethrows what `accept` throws.
 */
export async function forgetMissing(config: Config, options: ForgetMissingOptions): Promise<ForgottenFiles> {
  const { found, accepted, ...outcomes } = await applyInDatabases(config, options, missingFiles);
  return { missing: found, forgotten: accepted, ...outcomes };
}
