import { rehearseInScratch } from '../baseline/rehearse-in-scratch.ts';
import { mergedUp } from '../databases/merged-runs.ts';
import { inDatabases } from '../databases/parts.ts';
import { requireQuery } from '../execute/canary-check.ts';
import { migrateFleet } from '../fleet/migrate-fleet.ts';
import { checkUpOptions, type UpOptions } from '../fleet/up-options.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { filesOfAll, readScopes } from '../project/migrations.ts';
import { requireVersion } from '../project/target-version.ts';
import type { UpResult } from '../results.ts';
import type { RunGroup } from '../run/caller.ts';
import { traced } from '../run/tracing.ts';

/**
 * Brings public and the selected tenants up to date.
 *
 * 1. Reads and checks all files, before it connects.
 * 2. Reads public and all tenants without a lock. Schemas with nothing to do are finished here. A folder without files
 *    whose schemas have a history ends the run.
 * 3. Parses everything pending. A mistake, or an extension that tenants would lack, ends the run before anything is
 *    touched; so does a missing privilege.
 * 4. Creates missing extensions of the config and migrates public, alone. If public fails, no tenant is started.
 * 5. Notes the history of public, which the message of every tenant checks again.
 * 6. Migrates tenants in parallel, canaries first, and the rest only if those succeed and `canaryCheck` returns true.
 * 7. Lists the tenants again and migrates new ones, until there are none.
 * 8. Makes all commits durable, with one flush. If the server has crashed, applies again what was lost; if it cannot be
 *    reached, reports the tenants as not confirmed.
 * 9. With `digest` in the config, stores digests of histories that have none.
 *
 * If the config has several databases, it works in all of them at the same time. None is changed before all have
 * been read and checked. A database that cannot be reached fails without affecting the others, unless `requireAll` is
 * set; a mistake that steps 1 to 3 find in any of them ends the run.
 *
 * A failure in a schema is the outcome of that schema. A run that had anything to do is recorded in the run log (see
 * `runs`).
 * @throws SqlmigError if it cannot start: `bad-usage`, `no-run-log`, `config-invalid`, mistakes in the files, no connection.
 */
export async function up(config: Config, options: UpOptions): Promise<UpResult> {
  requireFleetConfig(config);
  checkUpOptions(options);
  if (options.canaryCheck !== undefined) await requireQuery(options.canaryCheck, 'option canaryCheck');
  return inDatabases(config, options, {
    requireAll: options.requireAll,
    merge: mergedUp,
    work: (part, partOptions, agree) => {
      const ready = async () => void (await agree?.(null));
      return traced('up', part, { options: { ...partOptions, ready }, work: migrate });
    },
  });
}

async function migrate(config: Config, options: UpOptions & RunGroup): Promise<UpResult> {
  const scopes = await readScopes(config);
  requireVersion(filesOfAll(scopes), options.to);
  return migrateFleet(scopes, { ...options, scratch: rehearseInScratch });
}
