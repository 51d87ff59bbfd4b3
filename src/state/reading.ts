import { completePlan, type PlanOptions } from '../decide/plan.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { type Migrations, readMigrations } from '../project/migrations.ts';
import { abortSignal, callback, type Kinds } from '../project/option.ts';
import { everySchema, type Selection, selection } from '../project/selection.ts';
import { callerOf } from '../run/caller.ts';
import { type Run, withRun } from '../run/run.ts';
import type { Server, Session } from '../server/session.ts';
import { allTargets, type FleetState, readFleetState } from './fleet-state.ts';
import { lackingFilesOfAll } from './scope-warnings.ts';
import type { Target } from './target.ts';
import { readUnknownScopes, type UnknownScope, unknownScopeWarnings } from './unknown-scopes.ts';
import { readUnlistedTargets } from './unlisted.ts';
import { aheadWarnings } from './warnings.ts';

/** Options of the commands that only read. */
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

/** What a command reads in addition to the selected schemas. */
interface ExtraReads {
  readonly plan?: PlanOptions;
  /** The files, if the command has read them. */
  readonly migrations?: Migrations;
  /** Reads more in the same session. */
  readonly read?: (session: Session, found: FleetState) => Promise<unknown>;
  /** Continues with the run once everything is read; `again` reads the fleet once more. */
  readonly after?: (run: Run, found: FleetState, again: () => Promise<FleetState>) => Promise<unknown>;
  /** Also reads the schemas that the tenant source does not list. */
  readonly unlisted?: boolean;
  /** Returns the scopes that the config does not have, instead of warning about them. */
  readonly unknownScopes?: boolean;
}

/** The fleet as a command read it, with its database and files. */
export interface FleetReading {
  readonly config: Config;
  readonly database: string;
  readonly server: Server;
  readonly migrations: Migrations;
  readonly fleet: FleetState;
  /** Schemas with a history that no run migrates; empty unless asked for. */
  readonly unlisted: readonly Target[];
  /** Scopes of histories that the config does not have; empty unless asked for. */
  readonly unknownScopes: readonly UnknownScope[];
}

/** Reads files and fleet for a command that only reads. Takes no lock. */
export async function readForCommand(
  config: Config,
  options: ReadOptions,
  {
    plan = completePlan({}, config),
    migrations: given,
    read: more,
    after,
    unlisted = false,
    unknownScopes = false,
  }: ExtraReads = {},
): Promise<FleetReading> {
  const { select = everySchema } = options;
  const caller = callerOf(options);
  const migrations = given ?? (await readMigrations(config));
  const source = { config, migrations, options: plan };
  const request = { selection: select };
  const reading = await withRun(config, caller, async (run) => {
    const { read, database, server } = run;
    const found = await read(async (session, reader) => {
      const fleet = await readFleetState(reader, source, request);
      await more?.(session, fleet);
      const isWhole = config.scope === null && select.kind === 'all';
      return {
        fleet,
        unlisted: unlisted ? await readUnlistedTargets(reader, source, { found: fleet, ...request }) : [],
        unknownScopes:
          isWhole && (unknownScopes || config.scopes.length > 0)
            ? await readUnknownScopes(session, config)
            : [],
        lacking: isWhole ? await lackingFilesOfAll(reader, config, migrations) : [],
      };
    });
    await after?.(run, found.fleet, () => read((_, reader) => readFleetState(reader, source, request)));
    return { config, database, server, migrations, ...found };
  });
  for (const message of migrations.strays) caller.emit({ type: 'warning', message, files: true });
  const warnings = [
    ...aheadWarnings(allTargets(reading.fleet), { config, migrations }),
    ...(unknownScopes ? [] : unknownScopeWarnings(reading.unknownScopes)),
    ...reading.lacking,
  ];
  for (const message of warnings) caller.emit({ type: 'warning', message });
  return reading;
}
