import type { OnEvent } from '../events.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { mostRuns, type RunRecord, readRuns } from '../history/run-log.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { abortSignal, callback, checkOptions, type Kinds, wholeNumber } from '../project/option.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';

/** How many runs are read. */
export interface RunsOptions {
  /** The newest runs; all 50 that the log keeps by default. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** The last runs of a database. */
export interface RunsResult {
  /** The server's host and port, or the path of its socket. */
  readonly host: string;
  readonly database: string;
  /** The newest first. */
  readonly runs: readonly RunRecord[];
}

const runsKinds: Kinds<RunsOptions> = { limit: wholeNumber(), signal: abortSignal, onEvent: callback };

/**
 * Returns the last runs of `up` and `down` from the run log, a table in public. A run that had nothing to do is not in it.
 * @throws SqlmigError `server-refused` if the log cannot be read, and if it cannot start: `bad-usage`,
 *   `config-invalid`, no connection.
 */
export async function runs(config: Config, options: RunsOptions = {}): Promise<RunsResult> {
  requireConfig(config);
  checkOptions(options, runsKinds);
  const { publicSchema, historyTable: table } = config;
  const { limit: most = mostRuns } = options;
  return withRun(config, callerOf(options), async ({ read, server }) => {
    const found = await read((session) => readRuns(session, { publicSchema, table }, { most })).catch(
      (error: unknown) => {
        throw asSqlmigError(error, publicSchema);
      },
    );
    return { host: server.host, database: server.database, runs: found };
  });
}
