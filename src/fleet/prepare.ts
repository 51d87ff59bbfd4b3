import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { newFiles } from '../state/lints.ts';
import { requireFiles } from '../state/missing-files.ts';
import { warningsOf } from '../state/warnings.ts';
import { canariesOf } from './canaries.ts';
import type { Migrator } from './migrator.ts';
import type { UpOptions } from './up-options.ts';

/** Checks and parses everything pending before anything is touched, in every database; then creates the extensions that files rely on. */
export async function prepare(
  migrator: Migrator,
  found: FleetState,
  { select, canary }: UpOptions,
): Promise<void> {
  const { run, source, settings, scripts, context } = migrator;
  const { migrations } = source;
  const targets = allTargets(found);
  requireFiles(targets, migrations, run.config);
  // Checks the names of canaries, if the tenants are known already.
  if (select.kind !== 'public' && found.tenantsUnknown === null) canariesOf(found.tenants, canary);
  // Tenants that are not known yet will need every file.
  const unknown = found.tenantsUnknown === null ? [] : migrations.tenant;
  await scripts.parse([...targets.flatMap((target) => target.plan.steps), ...unknown], {
    installs: true,
    news: newFiles(found, migrations),
  });
  for (const message of [...migrations.strays, ...warningsOf(targets, migrations)])
    settings.emit({ type: 'warning', message });
  await migrator.checkRights(targets);
  await settings.ready?.();
  if (!settings.rehearse) await scripts.install(context);
}
