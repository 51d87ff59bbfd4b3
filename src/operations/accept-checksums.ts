import { applyInDatabases } from '../databases/merged-repair.ts';
import type { Config } from '../project/config.ts';
import type { AcceptedEditOptions } from '../repair/accepted-edits.ts';
import { type ChangedChecksum, changedChecksums } from '../repair/changed-checksums.ts';
import type { RepairedSchema } from '../repair/repair.ts';
import type { DatabaseOutcome } from '../results.ts';

/** Which schemas to check, and who decides. `accept` gets all changed files. */
export interface AcceptChecksumsOptions extends AcceptedEditOptions<ChangedChecksum> {}

/** What `acceptChecksums` found and did. */
export interface AcceptedChecksums {
  readonly changed: readonly ChangedChecksum[];
  readonly accepted: boolean;
  /** The outcome of each schema that has a changed file or whose history cannot be used. */
  readonly schemas: readonly RepairedSchema[];
  /** What was done in each database, if the config has several. */
  readonly databases?: readonly DatabaseOutcome[];
}

/**
 * Finds applied files that were changed or renamed afterwards and, if `accept` agrees, records their new checksums and
 * names. Runs none of them. What fails in a schema is its outcome.
 * @throws SqlmigError if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no connection. Rethrows
 *   what `accept` throws.
 */
export async function acceptChecksums(
  config: Config,
  options: AcceptChecksumsOptions,
): Promise<AcceptedChecksums> {
  const { found, accepted, ...outcomes } = await applyInDatabases(config, options, changedChecksums);
  return { changed: found, accepted, ...outcomes };
}
