import { completePlan, type PlanOptions } from '../decide/plan.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { type Migrations, readMigrations } from '../project/migrations.ts';
import { abortSignal, callback, type Kinds } from '../project/option.ts';
import { everySchema, type Selection, selection } from '../project/selection.ts';
import { ownListener } from '../run/listener.ts';
import { ownSignal, withRun } from '../run/run.ts';
import type { Server, Session } from '../server/session.ts';
import { type FleetState, readFleetState } from './fleet-state.ts';
import type { Target } from './target.ts';
import { readUnlistedTargets } from './unlisted.ts';
import { aheadWarnings } from './warnings.ts';

/** What the commands that only read can be told. */
export interface ReadOptions {
  /** Everything by default. */
  readonly select?: Selection;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** What `ReadOptions` take. */
export const readKinds: Kinds<ReadOptions> = {
  select: selection,
  signal: abortSignal,
  onEvent: callback,
};

/** What a command wants to know beside the selected schemas. */
interface Interest {
  readonly plan?: PlanOptions;
  /** May refuse the files. */
  readonly check?: (migrations: Migrations) => Promise<unknown>;
  /** Reads more, in the same session. */
  readonly read?: (session: Session, found: FleetState) => Promise<unknown>;
  /** PlanBasis for schemas that the tenant source does not list. */
  readonly unlisted?: boolean;
}

/** A readFleetState, and the database and files it was made of. */
export interface FleetReading {
  readonly database: string;
  readonly server: Server;
  readonly migrations: Migrations;
  readonly readFleetState: FleetState;
  /** Schemas with our history that no run migrates; empty where nothing asked for them. */
  readonly unlisted: readonly Target[];
}

/** Reads files and fleet for a command that changes nothing; takes no lock. */
export async function readForCommand(
  config: Config,
  options: ReadOptions,
  { plan = completePlan({}, config), check, read: more, unlisted = false }: Interest = {},
): Promise<FleetReading> {
  const { select = everySchema } = options;
  const onEvent = ownListener(options.onEvent);
  const migrations = await readMigrations(config);
  await check?.(migrations);
  const running = { emit: onEvent, signal: ownSignal(options.signal) };
  const reading = await withRun(config, running, ({ read, database, server }) =>
    read(async (session, reader) => {
      const found = await readFleetState(reader, migrations, select, plan, config);
      await more?.(session, found);
      return {
        database,
        server,
        migrations,
        readFleetState: found,
        unlisted: unlisted ? await readUnlistedTargets(reader, found, migrations, select, plan, config) : [],
      };
    }),
  );
  for (const message of [...migrations.strays, ...aheadWarnings(allTargets(reading), migrations)])
    onEvent({ type: 'warning', message });
  return reading;
}

/** Every selected schema, public first. */
export function allTargets({ readFleetState: { public: shared, tenants } }: FleetReading) {
  return [shared, ...tenants];
}
