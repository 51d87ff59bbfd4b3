import type { Config } from '../project/config.ts';
import { type Migrations, readScopes } from '../project/migrations.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import type { Run } from '../run/run.ts';
import { type FleetState, readFleetState } from './fleet-state.ts';
import type { PlanSource } from './plan-source.ts';
import { divideSelection } from './scope-selection.ts';

/** The tenants of a kind, and its files. */
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
  const scopes = await readScopes(config);
  return read(async (_, reader) => {
    const [, ...kinds] = await divideSelection(reader, scopes, select);
    const fleets: KindFleet[] = [];
    for (const { config: kind, migrations, select: selection } of kinds) {
      const source = { config: kind, migrations, options: plan };
      fleets.push({ fleet: await readFleetState(reader, source, { selection }), migrations });
    }
    return fleets;
  });
}
