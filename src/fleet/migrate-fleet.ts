import type { OnEvent } from '../events.ts';
import type { ScopeFiles } from '../project/migrations.ts';
import type { Scopes } from '../project/scope-view.ts';
import { unitSettings } from '../protocol/unit-settings.ts';
import type { UpResult } from '../results.ts';
import type { RunGroup } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { migrateSettings } from '../run/run-options.ts';
import { allTargets, readFleetState } from '../state/fleet-state.ts';
import { divideSelection } from '../state/scope-selection.ts';
import { scopeWarnings } from '../state/scope-warnings.ts';
import { createDigests } from './digests.ts';
import { openKinds, ownCanaries } from './kinds.ts';
import { migrateKinds } from './migrate-kinds.ts';
import { migrateTenants } from './migrate-tenants.ts';
import { createMigrator } from './migrator.ts';
import { selectionOfRun } from './only-failed.ts';
import { hasWork } from './outcome.ts';
import { migratePublic, workersOf } from './phase.ts';
import { prepare } from './prepare.ts';
import { createRunRecord, noRunRecord } from './run-record.ts';
import { rehearseLeftOut, type ScratchRehearsal } from './scratch-rehearsal.ts';
import { createSummary } from './summary.ts';
import type { UpOptions } from './up-options.ts';

// More sessions hardly read faster.
const mostReaders = 4;

/** The options of a run. */
export interface FleetOptions extends UpOptions, RunGroup {
  /** The database is temporary: the run is not logged, and files must not change anything outside it. */
  readonly temporary?: boolean;
  /** Runs what a rehearsal cannot roll back. */
  readonly scratch?: ScratchRehearsal;
}

/** Brings public and the selected tenants of some scopes up to date with their files, in a run of its own. */
export async function migrateFleet(
  scopes: Scopes<ScopeFiles>,
  { temporary = false, scratch, ...options }: FleetOptions,
): Promise<UpResult> {
  const [{ config, migrations }] = scopes;
  const settings = migrateSettings(options, config);
  const source = { config, migrations, options: settings.plan };
  const summary = createSummary(settings);
  const emit: OnEvent = (event) => {
    summary.hear(event);
    settings.emit(event);
  };
  return withRun(config, { ...settings, emit }, async (run) => {
    const migrator = createMigrator({ run, source, settings: { ...settings, emit } }, temporary);
    const { database, host } = run.server;
    emit({ type: 'run-started', runId: run.runId, database, host });
    run.keepReaders(unitSettings('tenant', migrator.context), Math.min(workersOf(run), mostReaders));
    const digests = createDigests(migrator);
    const { found, select, shares, warnings } = await run.read(async (session, reader) => {
      const selection = await selectionOfRun(session, config, options);
      const stored = await digests.read(session);
      const [{ select }, ...others] = await divideSelection(reader, scopes, selection);
      return {
        found: await readFleetState(reader, source, { selection: select, digests: stored }),
        select,
        shares: others,
        warnings: await scopeWarnings(reader, config, migrations),
      };
    });
    for (const message of warnings) emit({ type: 'warning', message });
    const kinds = await openKinds(migrator, shares, options);
    const ownOptions = { ...options, select, ...ownCanaries(found, options, kinds) };
    // A public schema that belongs to another tool gets no run log.
    const isForeign = found.public.trouble?.code === 'foreign-history';
    const record = temporary || isForeign ? noRunRecord : createRunRecord(migrator, 'up');
    await prepare([{ migrator, found, options: ownOptions }, ...kinds]);
    const states = [found, ...kinds.map((kind) => kind.found)];
    if (states.flatMap(allTargets).some(hasWork)) await record.begin();
    summary.add([await migratePublic(migrator, found.public)]);
    const error = await migrateTenants(migrator, { found, options: ownOptions, select, summary, digests });
    const failure = await migrateKinds(kinds, { migrator, found, summary, error });
    const isOpen = scratch !== undefined && settings.rehearse && failure === undefined;
    const stopped = isOpen ? await rehearseLeftOut(migrator, { found, summary, scratch }) : undefined;
    const result = summary.result(run.runId, failure ?? stopped);
    await record.end(result);
    emit({ type: 'run-finished', result });
    return result;
  });
}
