import type { Config } from '../project/config.ts';
import { type Migrations, readMigrationsOfKinds } from '../project/migrations.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import type { Run } from '../run/run.ts';
import { type FleetState, readFleetState } from './fleet-state.ts';
import type { PlanSource } from './plan-source.ts';
import { divideSelection } from './scope-selection.ts';

/** The tenants of a kind as they were read, and its files. */
export interface KindFleet {
  readonly fleet: FleetState;
  readonly migrations: Migrations;
}

/**
 * Reads the selected tenants of each kind of a config.
 * @throws SqlmigError as `divideSelection` and `readFleetState` do, and for mistakes in the files.
 */
export async function readKindFleets(
  { read }: Run,
  config: Config,
  { select = everySchema, plan }: { readonly select?: Selection; readonly plan: PlanSource['options'] },
): Promise<KindFleet[]> {
  if (config.scopes.length === 0) return [];
  const [, ...files] = await readMigrationsOfKinds(config);
  return read(async (_, reader) => {
    const [, ...shares] = await divideSelection(reader, config, select);
    const fleets: KindFleet[] = [];
    for (const [i, share] of shares.entries()) {
      const migrations = files[i];
      if (migrations === undefined) throw new RangeError('each kind has files');
      const source = { config: share.config, migrations, options: plan };
      fleets.push({ fleet: await readFleetState(reader, source, { selection: share.select }), migrations });
    }
    return fleets;
  });
}
