import { databaseOutcomes, resultsOf } from '../databases/merged.ts';
import { inDatabases } from '../databases/parts.ts';
import type { OnEvent } from '../events.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { mostRuns, type RunRecord, readRuns } from '../history/run-log.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { abortSignal, callback, checkOptions, type Kinds, wholeNumber } from '../project/option.ts';
import type { ResultPlace } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';

/** How many runs are read. */
export interface RunsOptions {
  /** The newest runs; all 50 that the log keeps by default. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** A run of the run log, and its database. */
export interface RecordedRun extends RunRecord {
  readonly database: string;
}

/** The last runs of the databases of a config. */
export interface RunsResult extends ResultPlace {
  /** Of each database, the newest first. */
  readonly runs: readonly RecordedRun[];
}

const runsKinds: Kinds<RunsOptions> = { limit: wholeNumber(), signal: abortSignal, onEvent: callback };

/**
 * Returns the last runs of `up` and `down` from the run log, a table in public. A run that had nothing to do is not in it.
 * @throws SqlmigError `server-refused` if the log cannot be read, and if it cannot start: `bad-usage`,
 *   `config-invalid`, no connection.
 */
export async function runs(config: Config, options: RunsOptions = {}): Promise<RunsResult> {
  requireFleetConfig(config);
  checkOptions(options, runsKinds);
  return inDatabases(config, options, {
    work: runsIn,
    merge: (parts) => ({
      databases: databaseOutcomes(parts, ({ host }) => (host === undefined ? {} : { host })),
      runs: resultsOf(parts).flatMap((result) => result.runs),
    }),
  });
}

async function runsIn(config: Config, options: RunsOptions): Promise<RunsResult> {
  const { publicSchema, historyTable: table } = config;
  const { limit: most = mostRuns } = options;
  return withRun(config, callerOf(options), async ({ read, server, database }) => {
    const records = await read((session) => readRuns(session, { publicSchema, table }, { most })).catch(
      (error: unknown) => {
        throw asSqlmigError(error, publicSchema);
      },
    );
    const logged = records.map((run) => ({ database, ...run }));
    return { host: server.host, database: server.database, runs: logged };
  });
}
