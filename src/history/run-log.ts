import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { historyTable } from './history.ts';
import { readOwnTable } from './own-table.ts';

/** The newest runs that the log keeps. */
export const mostRuns = 50;
/** The most names of schemas that the log keeps of one run. */
export const mostNames = 10_000;
/** The most errors that the log keeps of one run. */
export const mostErrors = 20;

/** An error of a run, and in how many schemas it occurred. */
export interface LoggedFailure {
  readonly code: string;
  readonly message: string;
  /** The number of schemas; 0 for an error that belongs to none. */
  readonly count: number;
}

/** What came of a run. The numbers are numbers of schemas. */
export interface RunOutcome {
  readonly ok: boolean;
  readonly durationMs: number;
  /** Schemas in which migrations were applied, or by `down` undone. */
  readonly changed: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly skipped: number;
  /** The number of migrations that were applied or undone. */
  readonly migrations: number;
  /** The names of failed schemas, and of skipped ones; at most 10,000 of both together. */
  readonly failedSchemas: readonly string[];
  readonly skippedSchemas: readonly string[];
  /** The errors, the most frequent first; at most 20. */
  readonly errors: readonly LoggedFailure[];
}

/** A run of `up` or `down` in the run log. */
export interface RunRecord {
  readonly runId: string;
  readonly command: 'up' | 'down';
  /** ISO 8601, in UTC. */
  readonly startedAt: string;
  /** The database role, and the account and host that ran sqlmig. */
  readonly appliedBy: string;
  /** `unfinished`: the run was killed, or could not reach the database at its end. */
  readonly state: 'succeeded' | 'failed' | 'running' | 'unfinished';
  /** `null` unless the run has finished. */
  readonly outcome: RunOutcome | null;
}

// What PostgreSQL keeps of a name (NAMEDATALEN - 1).
const longestName = 63;
const suffix = '_runs';

/** The name of the run log, from the name of the history. It is truncated as PostgreSQL truncates names. */
export function runLogName(table: string): string {
  let stem = table;
  while (Buffer.byteLength(stem) + suffix.length > longestName) stem = [...stem].slice(0, -1).join('');
  return `${stem}${suffix}`;
}

/** SQL name of the run log. */
export function runLogTable(publicSchema: string, table: string): string {
  return historyTable(publicSchema, runLogName(table));
}

/**
 * DDL of the run log. The primary key is its replica identity, so that rows can be updated while they are published
 * (PostgreSQL documentation, Logical Replication, Publication). What a run came to is one value, so that a later version
 * can keep more without changing the table.
 */
export function createRunLog(publicSchema: string, table: string): string {
  return `create table ${runLogTable(publicSchema, table)} (
  run_id text primary key,
  command text not null,
  started_at timestamptz not null default clock_timestamp(),
  applied_by text not null,
  outcome json
)`;
}

/** The run that a row of the log is about. */
export interface LoggedRun {
  readonly runId: string;
  readonly command: RunRecord['command'];
  readonly appliedBy: string;
}

/** SQL statement: notes that a run has begun. */
export function insertRun(log: string, run: LoggedRun): string {
  const values = [run.runId, run.command, run.appliedBy].map(quoteLiteral).join(', ');
  return `insert into ${log} (run_id, command, applied_by) values (${values}) on conflict do nothing`;
}

/** SQL statements: note what came of a run, whether its beginning was noted or not, and forget the oldest runs. */
export function finishRun(log: string, run: LoggedRun, outcome: RunOutcome): string {
  const values = [run.runId, run.command, run.appliedBy].map(quoteLiteral).join(', ');
  const text = quoteLiteral(asciiJson(outcome));
  return `insert into ${log} (run_id, command, applied_by, started_at, outcome)
  values (${values}, clock_timestamp() - interval '${Math.round(outcome.durationMs)} ms', ${text})
  on conflict (run_id) do update set outcome = excluded.outcome;
delete from ${log} where run_id in (select run_id from ${log} order by started_at desc, run_id offset ${mostRuns})`;
}

/** SQL statement: forgets a run that had nothing to do after all. */
export function deleteRun(log: string, { runId }: LoggedRun): string {
  return `delete from ${log} where run_id = ${quoteLiteral(runId)}`;
}

// A database whose encoding is not UTF8 cannot store every character of a message.
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** SQL condition: the session of a run is connected, as far as the role may see. */
const isRunning = `exists (select from pg_stat_activity a where a.datname = current_database()
    and a.application_name ~ ('^sqlmig ' || r.run_id || '( |$)'))`;

/** Reads the log, the newest run first; empty if there is none. `where` is a condition on the log `r`. */
export async function readRuns(
  session: Session,
  { publicSchema, table }: { readonly publicSchema: string; readonly table: string },
  { where = 'true', most = mostRuns }: { readonly where?: string; readonly most?: number } = {},
): Promise<RunRecord[]> {
  const log = runLogTable(publicSchema, table);
  const query = `select r.run_id, r.command, r.applied_by, r.outcome::text as outcome,
  to_char(r.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as started_at,
  r.outcome is null and ${isRunning} as running
from ${log} r where ${where} order by r.started_at desc, r.run_id limit ${most}`;
  return (await readOwnTable(session, log, query)).map(toRecord);
}

function toRecord(row: Row): RunRecord {
  const outcome = row.outcome === null ? null : (JSON.parse(String(row.outcome)) as RunOutcome);
  const unfinished = row.running === true ? 'running' : 'unfinished';
  return {
    runId: String(row.run_id),
    command: row.command === 'down' ? 'down' : 'up',
    startedAt: String(row.started_at),
    appliedBy: String(row.applied_by),
    state: outcome === null ? unfinished : outcome.ok ? 'succeeded' : 'failed',
    outcome,
  };
}
