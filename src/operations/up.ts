import type { OnEvent } from '../events.ts';
import { createDigests } from '../fleet/digests.ts';
import { migrateTenants } from '../fleet/migrate-tenants.ts';
import { createMigrator } from '../fleet/migrator.ts';
import { migratePublic } from '../fleet/phase.ts';
import { prepare } from '../fleet/prepare.ts';
import { createSummary } from '../fleet/summary.ts';
import { checkUpOptions, type UpOptions } from '../fleet/up-options.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import type { UpResult } from '../results.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { readFleetState } from '../state/fleet-state.ts';

/**
 * Brings public and the selected tenants up to date.
 *
 * 1. Reads and checks all files, before it connects.
 * 2. Reads public and all tenants without a lock. Schemas with nothing to do are finished here. A folder without files
 *    whose schemas have a history ends the run.
 * 3. Parses everything pending. A mistake, or an extension that tenants would lack, ends the run before anything is
 *    touched; so does a missing right.
 * 4. Creates missing extensions of the config and migrates public, alone. If public fails, no tenant is started.
 * 5. Notes the history of public, which the message of every tenant checks again.
 * 6. Migrates tenants in parallel, canaries first, and the rest only if those succeed.
 * 7. Lists the tenants again and migrates new ones, until there are none.
 * 8. Makes all commits durable, with one flush. If the server has crashed, applies again what was lost; if it cannot be
 *    reached, reports the tenants as not confirmed.
 * 9. With `digest` in the config, stores digests of histories that have none.
 *
 * What fails in a schema is its outcome, and so is a history that cannot be read.
 * @throws SqlmigError if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no connection.
 */
export async function up(config: Config, options: UpOptions): Promise<UpResult> {
  requireConfig(config);
  checkUpOptions(options);
  return traced('up', config, {
    options,
    work: (traced) => migrate(config, traced),
    errorsOf: ({ schemas, error }) => [
      ...(error === undefined ? [] : [error]),
      ...schemas.flatMap((outcome) => (outcome.state === 'failed' ? (outcome.error ?? []) : [])),
    ],
  });
}

async function migrate(config: Config, options: UpOptions): Promise<UpResult> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  const source = { config, migrations, options: settings.plan };
  const summary = createSummary(settings);
  const emit: OnEvent = (event) => {
    summary.hear(event);
    settings.emit(event);
  };
  return withRun(config, { ...settings, emit }, async (run) => {
    const migrator = createMigrator({ run, source, settings: { ...settings, emit } });
    const { database, host } = run.server;
    emit({ type: 'run-started', runId: run.runId, database, host });
    const digests = createDigests(migrator);
    const found = await run.read(async (session, reader) =>
      readFleetState(reader, source, { selection: options.select, digests: await digests.read(session) }),
    );
    await prepare(migrator, found, options);
    summary.add([await migratePublic(migrator, found.public)]);
    const error = await migrateTenants(migrator, { found, options, summary, digests });
    const result = summary.result(run.runId, error);
    emit({ type: 'run-finished', result });
    return result;
  });
}
