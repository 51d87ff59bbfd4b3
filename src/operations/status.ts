import { mergedStatus } from '../databases/merged-readings.ts';
import { statusOfScopes } from '../databases/merged-scopes.ts';
import { inDatabases } from '../databases/parts.ts';
import { inScopes } from '../databases/scopes.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { checkOptions } from '../project/option.ts';
import type { StatusResult } from '../results.ts';
import { type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';
import { statusOf } from '../state/status.ts';

/**
 * Reads the migration status of every selected schema, and of schemas with a history of sqlmig that the tenant source
 * does not list. `ok` is false if anything is pending or found. Takes no lock and changes nothing.
 * @throws SqlmigError `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function status(config: Config, options: ReadOptions = {}): Promise<StatusResult> {
  requireFleetConfig(config);
  checkOptions(options, readKinds);
  return inDatabases(config, options, {
    work: (part, options) => inScopes(part, options, { work: statusIn, merge: statusOfScopes }),
    merge: mergedStatus,
  });
}

async function statusIn(config: Config, options: ReadOptions): Promise<StatusResult> {
  return statusOf(await readForCommand(config, options, { unlisted: true }));
}
