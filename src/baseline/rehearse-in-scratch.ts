import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { type ScratchRehearsal, scratchKey } from '../fleet/scratch-rehearsal.ts';
import { readReplayRole } from './replay.ts';
import { withReplayDatabase } from './replay-in-database.ts';
import { coveredBy } from './replayable.ts';

/**
 * Runs the files of public, and of one tenant, in a temporary database, which is dropped afterwards.
 * @throws SqlmigError `server-refused` if the role may not create one, `direct-url-needed`, `interrupted`.
 */
export const rehearseInScratch: ScratchRehearsal = async ({ run, source, settings }, { tenant, upTo }) => {
  const role = await readReplayRole(run);
  if (!role.mayCreateDatabase)
    throw new SqlmigError('server-refused', `role "${role.name}" may not create a temporary database`);
  const { migrations } = source;
  const covered = {
    public: coveredBy(migrations.public, upTo.public),
    tenant: tenant === null ? [] : coveredBy(migrations.tenant, upTo.tenant),
  };
  const durations = new Map<string, number>();
  const onEvent: OnEvent = (event) => {
    if (event.type !== 'schema-finished') return;
    // A schema that fails has what was applied before.
    const { scope, migrations: applied } = event.outcome;
    for (const migration of applied) durations.set(scratchKey(scope, migration), migration.durationMs);
  };
  return withReplayDatabase(run, { settings, migrations, covered }, async ({ files, migrate }) => {
    const error = await migrate(tenant === null ? [] : [tenant], { all: files.migrations }, onEvent);
    return { durations, error, leftOut: files.leftOut };
  });
};
