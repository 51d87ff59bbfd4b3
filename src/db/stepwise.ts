import { parseStatements } from '../core/parse.ts';
import { historyKey } from '../core/plan.ts';
import { indexOfCodePoint, locate } from '../core/position.ts';
import { doBlock } from '../core/quote.ts';
import { SqlmigError } from '../errors.ts';
import type { Script } from '../model.ts';
import { applied, attemptOf } from './apply.ts';
import type { Attempt } from './attempt.ts';
import {
  betweenStatements,
  bookkeeping,
  locksGone,
  restoreSettings,
  setSettings,
  transactionNumber,
  transactionNumberOf,
  tryLocks,
} from './bookkeeping.ts';
import { isCatalogueRace, trySharedKey } from './catalogue-key.ts';
import { resumes } from './doubt.ts';
import { describeFailure } from './failure.ts';
import { reachesOut } from './guard.ts';
import { begunState, historyTable } from './history.ts';
import { aimsAtHistory, historyError, isHistoryLost } from './history-error.ts';
import { invalidIndexes } from './invalid-indexes.ts';
import { pinnedSettings } from './pinned-settings.ts';
import { schemasToLookAt } from './probe.ts';
import { raise, refusalOf, unitStates } from './refusal.ts';
import { aimsOutside, trespassError, trespassesIn } from './scope-guard.ts';
import { isServerError, type ServerError } from './server-error.ts';
import { type Session, SessionLost } from './session.ts';
import { readStructure } from './structure.ts';
import { checkLook, insertRow, rowOf } from './unit.ts';
import { searchPath, type UnitFrame, type UnitSchema } from './unit-frame.ts';
import { applicationName } from './unit-locks.ts';

/**
 * Applies one non-transactional script, statement by statement on a session that nobody else uses (lock-protocol 3.3):
 * session locks by try on the very connection that works, a row with progress, and no `applied` while an invalid index
 * is left. With `resumeAt` the row is there already: it says, under the locks, which statement (from 0)
 * is the next.
 */
export async function applyStepwise(
  session: Session,
  script: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  resumeAt: ((session: Session) => Promise<number>) | null = null,
): Promise<Attempt> {
  const work: Work = { session, own: betweenStatements(session), script, schema, frame };
  try {
    await session.read(setSettings(sessionSettings(work)));
    try {
      const [got] = await session.run(
        `select ${tryLocks(schema)} and ${trySharedKey(script, schema)} as got`,
      );
      if (got?.got !== true) {
        const error = new SqlmigError('lock-timeout', 'another run is at work in this schema', {
          schema: schema.schema,
        });
        return { kind: 'again', reason: 'busy', error };
      }
      if (resumeAt !== null) return await steps(work, await resumeAt(session), new Set(), false);
      const before = await invalidIndexes(session, schema.schema);
      await session.run(bookkeeping(checkLook(schema, frame) + insertRow(script, begunState, schema, frame)));
      return await steps(work, 0, before, true);
    } finally {
      if (!session.lost) await reset(session);
    }
  } catch (error) {
    return attemptOf(error, schema, frame);
  }
}

/** A non-transactional script at work. */
interface Work {
  /** Runs the file's statements. */
  readonly session: Session;
  /** Runs sqlmig's own. */
  readonly own: Session;
  readonly script: Script;
  readonly schema: UnitSchema;
  readonly frame: UnitFrame;
}

/** Runs the statements from `from` on; `fresh`: none of them was ever begun. */
async function steps(
  work: Work,
  from: number,
  before: ReadonlySet<string>,
  fresh: boolean,
): Promise<Attempt> {
  const { session, own, script, schema, frame } = work;
  const started = performance.now();
  const trespass = { scripts: [script], schema, publicSchema: frame.publicSchema };
  for (const [k, statement] of script.statements.entries()) {
    if (k < from) continue;
    const untouched = fresh && k === 0;
    const aim = await aimsOutside(own, statement, script, schema, frame);
    if (aim !== null) {
      if (untouched) await forget(work);
      const state = untouched ? 'not touched' : keptBefore(k);
      const what = [`is about ${aim.name}`];
      return { kind: 'failed', error: trespassError({ ...trespass, ...aim, what, state }) };
    }
    if (aimsAtHistory(statement, schema, frame)) {
      if (untouched) await forget(work);
      const state = untouched ? 'not touched' : keptBefore(k);
      return { kind: 'failed', error: historyError(script, schema, frame, null, state) };
    }
    const looks =
      script.allowsPublic || !reachesOut(statement, schema) ? [] : schemasToLookAt([script], schema, frame);
    const outside = await readStructure(own, looks);
    // What the statement before has reset is ours again: else the rest would run in whatever schema the role prefers.
    if (k > from) await session.run(restoreSettings(sessionSettings(work)));
    const noted = await session.run(note(work, `at_statement = ${k + 1}`, transactionNumber));
    try {
      const text = script.text.slice(statement.start, statement.end);
      await session.run(text, undefined, (notice) =>
        frame.heard(notice, { ...schema, scripts: [script], statement }),
      );
    } catch (error) {
      if (!isServerError(error)) throw error;
      return failedAt(work, k, error, { whole: await ranWhole(own, transactionNumberOf(noted)), untouched });
    }
    const found = trespassesIn(outside, await readStructure(own, looks), frame.publicSchema, new Set());
    if (found.what.length > 0) {
      const state = `statement ${k + 1} cannot be rolled back, and ${unfinished}`;
      return { kind: 'failed', error: trespassError({ ...trespass, ...found, state }) };
    }
    const invalid = await newlyInvalid(work, before);
    if (invalid !== undefined) return { kind: 'failed', error: leftInvalid(work, k, invalid) };
    try {
      await session.run(note(work, `done_statements = ${k + 1}`));
    } catch (error) {
      if (!isServerError(error)) throw error;
      if (isHistoryLost(error)) {
        const state = `statement ${k + 1} cannot be rolled back`;
        return { kind: 'failed', error: historyError(script, schema, frame, error, state) };
      }
      if (refusalOf(error)?.state !== unitStates.lockLost) throw error;
      return { kind: 'failed', error: releasedLocks(work, k) };
    }
  }
  // Also where nothing was left to run: what a resumed migration left before counts as well.
  const invalid = await newlyInvalid(work, before);
  if (invalid !== undefined) {
    return { kind: 'failed', error: leftInvalid(work, script.statements.length - 1, invalid) };
  }
  const durationMs = Math.round(performance.now() - started);
  const end = `state = 'applied', at_statement = null, duration_ms = ${Math.min(durationMs, 2_147_483_647)}`;
  await session.run(note(work, end));
  return { kind: 'done', applied: [applied(script.migration, durationMs)] };
}

/**
 * True where a statement that has just failed was one transaction: then nothing of it is kept. Since `noted` there were
 * its own transactions, that of the ROLLBACK after it, and this one.
 */
async function ranWhole(own: Session, noted: number): Promise<boolean> {
  return transactionNumberOf(await own.run(transactionNumber)) - noted === 3;
}

async function newlyInvalid({ own, schema }: Work, before: ReadonlySet<string>): Promise<string | undefined> {
  return [...(await invalidIndexes(own, schema.schema))].find((name) => !before.has(name));
}

async function failedAt(
  work: Work,
  k: number,
  error: ServerError,
  { whole, untouched }: { readonly whole: boolean; readonly untouched: boolean },
): Promise<Attempt> {
  const { session, script, schema, frame } = work;
  const statement = script.statements[k];
  const index = indexOfCodePoint(script.text, Number(error.position ?? 1) - 1, statement?.start);
  const described = await describeFailure(
    session,
    { error, script, index, replayable: false },
    schema,
    frame,
  );
  const { migration } = script;
  // One that stands alone left nothing: then the file is simply pending again.
  const nothingKept = whole && untouched;
  if (nothingKept) await forget(work);
  if (nothingKept && isCatalogueRace(error))
    return { kind: 'again', reason: 'shared-rows', error: described };
  const { message, ...details } = described.details;
  return {
    kind: 'failed',
    ...(!nothingKept && { unfinished: true }),
    error: new SqlmigError('migration-failed', message, {
      sqlstate: error.code,
      schema: schema.schema,
      location: locate(migration.file, migration.text, index),
      statement: k + 1,
      statements: script.statements.length,
      state: nothingKept ? 'nothing of it was kept' : whole ? keptBefore(k) : keptInPart(k),
      hint: nothingKept ? details.hint : await wayOn(work, k, whole),
      cause: error,
    }),
  };
}

/** Takes the row of a migration back that has done nothing: it is simply pending again. */
async function forget({ session, script, schema, frame }: Work): Promise<void> {
  const row = `${historyTable(schema.schema, frame.table)} where ${rowOf(script.migration)}`;
  await session.run(bookkeeping(`delete from ${row} and state = '${begunState}';\n`));
}

const unfinished = `it is marked as ${begunState}`;

function keptBefore(k: number): string {
  return k === 0 ? unfinished : `statements before ${k + 1} stay, and ${unfinished}`;
}

function keptInPart(k: number): string {
  const before = k === 0 ? '' : 'statements before it stay, ';
  return `statement ${k + 1} may have committed part of its work, ${before}and ${unfinished}`;
}

/** How to go on after a statement that failed. */
async function wayOn({ script, schema }: Work, k: number, whole: boolean): Promise<string> {
  const at = script.statements[k];
  const parsed = await parseStatements(script.text.slice(at?.start, at?.end));
  const [statement] = 'statements' in parsed ? parsed.statements : [];
  if (whole || statement === undefined || resumes(statement)) return repairHint(script, schema);
  const last = k + 1 === script.statements.length;
  const settle = `sqlmig repair ${schema.schema} ${script.migration.version ?? script.migration.name}`;
  const after = last ? '--mark-applied' : `--from-statement ${k + 2}`;
  return `see what it left, then: ${settle} --from-statement ${k + 1} (runs it again) or ${after} (leaves it as it is)`;
}

function releasedLocks({ script, schema }: Work, k: number): SqlmigError {
  const { migration, statements } = script;
  const message = 'the statement released the advisory locks that sqlmig holds while a file runs';
  return new SqlmigError('lock-released', message, {
    schema: schema.schema,
    location: locate(migration.file, migration.text, statements[k]?.start ?? 0),
    statement: k + 1,
    statements: statements.length,
    state: `statements up to ${k + 1} stay, and ${unfinished}`,
    hint: `release only locks of your own (pg_advisory_unlock); go on with: sqlmig repair ${schema.schema} ${migration.version ?? migration.name} --from-statement ${k + 2}`,
  });
}

function leftInvalid({ script, schema }: Work, k: number, index: string): SqlmigError {
  const { migration, statements } = script;
  return new SqlmigError(
    'invalid-index',
    `${historyKey(migration)} left the invalid index ${schema.schema}.${index}`,
    {
      schema: schema.schema,
      location: locate(migration.file, migration.text, statements[k]?.start ?? 0),
      statement: k + 1,
      statements: statements.length,
      state: `${unfinished}, not as applied`,
      hint: repairHint(script, schema),
    },
  );
}

function repairHint({ migration }: Script, { schema }: UnitSchema): string {
  return `settle it with: sqlmig repair ${schema} ${migration.version ?? migration.name} --resume`;
}

/** What a session has while a file runs, until the file says otherwise. */
function sessionSettings({ script, schema, frame }: Work): Readonly<Record<string, string>> {
  return {
    ...pinnedSettings,
    application_name: applicationName(historyKey(script.migration), frame),
    search_path: searchPath(schema, frame),
    // A build waits for others as long as it takes; giving up would leave an invalid index.
    lock_timeout: '0',
    statement_timeout: '0',
    synchronous_commit: 'on',
    // An orphan finishes its index under the lock (lock-protocol 3.3).
    ...(frame.checksClient && { client_connection_check_interval: '0' }),
    idle_session_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    default_transaction_read_only: 'off',
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
  };
}

/**
 * Notes how far it is; refuses where the session has not the locks any more (lock-protocol SQM12). Gives what `query`
 * asks in the same transaction.
 */
function note({ script, schema, frame }: Work, set: string, query?: string): string {
  return bookkeeping(
    `${doBlock(`begin
  if ${locksGone(schema)} then ${raise(unitStates.lockLost)} end if;
  update ${historyTable(schema.schema, frame.table)} set ${set} where ${rowOf(script.migration)} and state = '${begunState}';
  if not found then ${raise(unitStates.historyChanged)} end if;
end`)}${query === undefined ? '' : `${query};\n`}`,
  );
}

/** Leaves nothing of a file behind; a session that cannot be reset is closed. */
async function reset(session: Session): Promise<void> {
  try {
    await session.run('DISCARD ALL');
  } catch (error) {
    if (!isServerError(error) && !(error instanceof SessionLost)) throw error;
    await session.close();
  }
}
