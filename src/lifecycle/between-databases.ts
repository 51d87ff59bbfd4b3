import { type Config, requireFleetConfig } from '../project/config.ts';
import { moveDatabases } from '../project/move-databases.ts';
import { checkOptions, type Kinds } from '../project/option.ts';
import type { ChangeOptions } from '../run/run-options.ts';
import { type TracedResult, traced } from '../run/tracing.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';
import { type MoveSides, type MoveState, readMoveState, withMoveSides } from './move-sides.ts';

/** Options that name a tenant and the other database of its move. */
interface MoveCall extends ChangeOptions {
  readonly name: string;
  readonly to: string;
}

/** A step of a tenant's move: the kinds of its options, and its work once both databases have been read. */
interface MoveWork<O extends MoveCall, T> {
  readonly kinds: Kinds<O>;
  readonly work: (sides: MoveSides, state: MoveState, options: O) => Promise<T>;
}

/** Connects to both databases of a tenant's move and reads its state. @throws SqlmigError if it cannot start. */
export async function betweenDatabases<O extends MoveCall, T extends TracedResult>(
  config: Config,
  options: O,
  { kinds, work }: MoveWork<O, T>,
): Promise<T> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  const databases = moveDatabases(config, options.to);
  const move = (source: Config, given: O) => {
    requireTenantName(given.name, source.publicSchema);
    return withMoveSides(databases, given, async (sides) =>
      work(sides, await readMoveState(sides, given.name), given),
    );
  };
  return traced('tenant move', databases.source, { options, work: async (...call) => move(...call) });
}
