import { SqlmigError, sqlstates } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import {
  createRunLog,
  deleteRun,
  finishRun,
  insertRun,
  type LoggedFailure,
  type LoggedRun,
  mostErrors,
  mostNames,
  type RunOutcome,
  runLogTable,
} from '../history/run-log.ts';
import { creating } from '../protocol/bootstrap.ts';
import { begin } from '../protocol/unit-settings.ts';
import type { UpResult } from '../results.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { Migrator } from './migrator.ts';
import { isGone } from './outcome.ts';

/** Writes the row of a run in the run log. It never fails or delays a run. */
export interface RunRecordWriter {
  /** Records that the run starts to change schemas, so that the log shows a run that is killed. */
  begin(): Promise<void>;
  /** Records the outcome. A run that had nothing to do leaves no row. */
  end(result: UpResult): Promise<void>;
}

/** Writes nothing. */
export const noRunRecord: RunRecordWriter = { begin: async () => {}, end: async () => {} };

/** Writes the row of a run that changes schemas; nothing for a rehearsal. */
export function createRunRecord(migrator: Migrator, command: LoggedRun['command']): RunRecordWriter {
  const { run, context, settings } = migrator;
  if (settings.rehearse) return noRunRecord;
  const log = runLogTable(context.publicSchema, context.table);
  const row: LoggedRun = { runId: run.runId, command, appliedBy: context.appliedBy };
  let begun = false;
  const write = (sql: string) => run.read((session) => writeLog(session, migrator, sql));
  return {
    async begin() {
      begun = await write(insertRun(log, row)).catch(ignored);
    },
    async end(result) {
      const outcome = outcomeOf(result);
      const isIdle = outcome.ok && outcome.changed === 0;
      if (isIdle && !begun) return;
      const text = isIdle ? deleteRun(log, row) : finishRun(log, row, outcome);
      // Cancels are still being sent when a run is interrupted, so the first one may be canceled.
      const written = write(text).catch((error: unknown) => {
        if (!settings.signal.aborted) throw error;
        return write(text);
      });
      await written.catch((error: unknown) => {
        const { message } = asSqlmigError(error, context.publicSchema);
        // Only `up --only-failed` needs the row.
        if (outcome.failed + outcome.skipped > 0)
          settings.emit({ type: 'warning', message: `the run is not in the run log: ${message}` });
      });
    },
  };
}

/** Ignores an error of sqlmig or the server: nothing was written. */
function ignored(error: unknown): false {
  if (!(error instanceof SqlmigError) && !isServerError(error)) throw error;
  return false;
}

// Another run locks rows only while it deletes old ones.
const lockTimeout = `SET LOCAL lock_timeout = '2s';\n`;

/** Changes the log, and creates it if it is missing. Returns false if its schema does not exist. */
async function writeLog(session: Session, { context }: Migrator, sql: string): Promise<boolean> {
  const { publicSchema, table } = context;
  const text = `${begin(context)}${lockTimeout}SET LOCAL synchronous_commit = off;\n${sql};\nCOMMIT;\n`;
  for (const isFirst of [true, false]) {
    try {
      await session.run(text);
      return true;
    } catch (error) {
      if (!isServerError(error) || !missing.includes(error.code)) throw error;
      if (!isFirst) return false;
    }
    const log = quoteLiteral(runLogTable(publicSchema, table));
    await session.run(
      creating(
        `  if to_regnamespace(${quoteLiteral(quoteIdentifier(publicSchema))}) is not null and to_regclass(${log}) is null then
    ${createRunLog(publicSchema, table)};
  end if;`,
        context,
      ),
    );
  }
  return false;
}

const missing: readonly (string | undefined)[] = [sqlstates.undefinedTable, sqlstates.undefinedSchema];

/** The part of a result that the log keeps. */
function outcomeOf({ ok, durationMs, schemas, error, ...counts }: UpResult): RunOutcome {
  const schemasIn = (state: 'failed' | 'skipped') =>
    schemas.filter((outcome) => outcome.state === state && !isGone(outcome)).map(({ schema }) => schema);
  const failedSchemas = schemasIn('failed').slice(0, mostNames);
  return {
    ok,
    durationMs,
    changed: counts.applied,
    unchanged: counts.upToDate,
    failed: counts.failed,
    skipped: schemasIn('skipped').length,
    migrations: schemas.reduce((sum, { migrations }) => sum + migrations.length, 0),
    failedSchemas,
    skippedSchemas: schemasIn('skipped').slice(0, mostNames - failedSchemas.length),
    errors: errorsOf(schemas, error),
  };
}

const longestMessage = 300;

/** The errors of the run and of schemas, with the number of schemas that have each. */
function errorsOf(schemas: UpResult['schemas'], error: UpResult['error'] | undefined): LoggedFailure[] {
  const failures = new Map<string, LoggedFailure>();
  const note = ({ code, message }: { readonly code: string; readonly message: string }, count: number) => {
    const short = message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
    const key = `${code} ${short}`;
    failures.set(key, { code, message: short, count: (failures.get(key)?.count ?? 0) + count });
  };
  if (error !== undefined) note(error, 0);
  for (const outcome of schemas) if (outcome.error !== undefined && !isGone(outcome)) note(outcome.error, 1);
  return [...failures.values()].sort((a, b) => b.count - a.count).slice(0, mostErrors);
}
