import { resultsOf } from '../databases/merged.ts';
import { mergedStatus } from '../databases/merged-readings.ts';
import { statusOfScopes } from '../databases/merged-scopes.ts';
import { inDatabases } from '../databases/parts.ts';
import { inScopes, mapParts } from '../databases/scopes.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { type HistoryTimes, readHistoryTimes } from '../history/history-times.ts';
import { type RunRecord, readRuns } from '../history/run-log.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { publicTable } from '../project/scope-view.ts';
import type { StatusResult } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import type { Run } from '../run/run.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { type FleetReading, type ReadOptions, readForCommand } from '../state/reading.ts';
import { statusOf } from '../state/status.ts';

/** A fleet as the page of `status --html` shows it. */
export interface FleetDetails {
  readonly status: StatusResult;
  readonly reading: FleetReading;
  /** The times of each history that could be read, by schema. */
  readonly times: ReadonlyMap<string, HistoryTimes>;
  /** The last runs, the newest first. */
  readonly runs: readonly RunRecord[];
}

/** The status of the databases of a config as one, and the details of each that could be read. */
export interface AllDetails {
  readonly status: StatusResult;
  readonly fleets: readonly FleetDetails[];
}

/**
 * Reads the status of a fleet with what its histories say about time, and the run log. Takes no lock and changes nothing.
 * @throws SqlmigError as `status` does.
 */
export async function readFleetDetails(config: Config, options: ReadOptions): Promise<AllDetails> {
  requireFleetConfig(config);
  return inDatabases<ReadOptions, AllDetails>(config, options, {
    work: (part, options) =>
      inScopes(part, options, {
        work: readDetails,
        merge: (parts) => ({
          status: statusOfScopes(mapParts(parts, ({ status }) => status)),
          fleets: parts.flatMap(({ result }) => result.fleets),
        }),
      }),
    merge: (parts) => ({
      status: mergedStatus(
        parts.map((part) => ('result' in part ? { ...part, result: part.result.status } : part)),
      ),
      fleets: resultsOf(parts).flatMap(({ fleets }) => fleets),
    }),
  });
}

async function readDetails(config: Config, options: ReadOptions): Promise<AllDetails> {
  const { historyTable: table, publicSchema } = config;
  let times: FleetDetails['times'] = new Map();
  let runs: readonly RunRecord[] = [];
  const after = async (run: Run, found: FleetState) => {
    const schemas = allTargets(found).flatMap(({ schema, hasHistory }) => (hasHistory ? [schema] : []));
    times = await run.read((_, reader) => readHistoryTimes(reader, schemas, table));
    runs = await run
      .read((session) => readRuns(session, { publicSchema, table: publicTable(config) }))
      .catch((error: unknown) => {
        const { message } = asSqlmigError(error, publicSchema);
        callerOf(options).emit({ type: 'warning', message: `the run log cannot be read: ${message}` });
        return [];
      });
  };
  const reading = await readForCommand(config, options, { unlisted: true, after });
  const status = statusOf(reading);
  return { status, fleets: [{ status, reading, times, runs }] };
}
