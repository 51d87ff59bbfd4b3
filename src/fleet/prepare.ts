import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { newFiles } from '../state/lints.ts';
import { requireFiles } from '../state/missing-files.ts';
import { warningsOf } from '../state/warnings.ts';
import { canariesOf } from './canaries.ts';
import type { Migrator } from './migrator.ts';
import type { UpOptions } from './up-options.ts';

/** The schemas of a migrator, and the options for them. */
interface Prepared {
  readonly migrator: Migrator;
  readonly found: FleetState;
  readonly options: Pick<UpOptions, 'select' | 'canary'>;
}

/**
 * Checks and parses everything pending before anything is touched, in every database; then creates the extensions that
 * files rely on.
 */
export async function prepare([first, ...kinds]: readonly [Prepared, ...Prepared[]]): Promise<void> {
  for (const scope of [first, ...kinds]) await checkPending(scope);
  const { settings, scripts, context } = first.migrator;
  await settings.ready?.();
  if (!settings.rehearse) await scripts.install(context);
}

async function checkPending({ migrator, found, options: { select, canary } }: Prepared): Promise<void> {
  const { run, source, settings, scripts } = migrator;
  const { migrations } = source;
  const targets = allTargets(found);
  requireFiles(targets, migrations, run.config);
  // Checks the names of canaries, if the tenants are known already.
  if (select.kind !== 'public' && found.tenantsUnknown === null) canariesOf(found.tenants, canary);
  // Unknown tenants will need every file, and the files of a kind may need what public creates.
  const unknown = found.tenantsUnknown === null ? [] : migrations.tenant;
  const pending = [found.public, ...found.tenants].flatMap((target) => target.plan.steps);
  await scripts.parse([...pending, ...unknown], { installs: true, news: newFiles(found, migrations) });
  for (const message of migrations.strays) settings.emit({ type: 'warning', message, files: true });
  for (const message of warningsOf(targets, source)) settings.emit({ type: 'warning', message });
  await migrator.checkRights(targets);
}
