import { SqlmigError } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { readRuns, runLogTable } from '../history/run-log.ts';
import type { Config } from '../project/config.ts';
import type { Selection } from '../project/selection.ts';
import type { Session } from '../server/session.ts';
import type { UpOptions } from './up-options.ts';

/**
 * The selection of a run: with `onlyFailed`, the tenants that failed or were skipped in the last run of `up`, or in one
 * that ran at the same time.
 * @throws SqlmigError `no-run-log` if these are not known; `server-refused` if the log cannot be read.
 */
export async function selectionOfRun(
  session: Session,
  config: Config,
  { select, onlyFailed = false }: UpOptions,
): Promise<Selection> {
  if (!onlyFailed || select.kind !== 'all') return select;
  const except = new Set(select.except);
  const names = (await readUnfinished(session, config)).filter((name) => !except.has(name));
  return { kind: 'tenants', names, ifListed: true };
}

async function readUnfinished(session: Session, config: Config): Promise<string[]> {
  const place = { publicSchema: config.publicSchema, table: config.historyTable };
  const log = runLogTable(config.publicSchema, config.historyTable);
  // Several runs may share a fleet, and each records only its own failures.
  const ended = `r.started_at + (r.outcome ->> 'durationMs')::float8 * interval '1 ms'`;
  const last = `(select max(l.started_at) from ${log} l where l.command = 'up')`;
  const where = `r.command = 'up' and (r.started_at = ${last} or ${ended} >= ${last})`;
  const runs = await readRuns(session, place, { where }).catch((error: unknown) => {
    throw asSqlmigError(error, config.publicSchema);
  });
  const [newest] = runs;
  if (newest === undefined) throw unknownFailures(`no run of up is recorded in ${log}`);
  if (newest.outcome === null)
    throw unknownFailures(`the last run (${newest.runId}, begun ${newest.startedAt}) is ${newest.state}`);
  const outcomes = runs.flatMap(({ outcome }) => outcome ?? []);
  const names = outcomes.flatMap(({ failedSchemas, skippedSchemas }) => [
    ...failedSchemas,
    ...skippedSchemas,
  ]);
  const counted = outcomes.reduce((sum, { failed, skipped }) => sum + failed + skipped, 0);
  if (counted > names.length)
    throw unknownFailures(`the last run left ${counted} schemas, of which the run log names ${names.length}`);
  return [...new Set(names)];
}

function unknownFailures(message: string): SqlmigError {
  return new SqlmigError('no-run-log', `cannot determine which tenants failed: ${message}`, {
    state: 'nothing was touched',
    hint: 'run sqlmig up --all: it finds what is pending, and only reads what is up to date',
  });
}
