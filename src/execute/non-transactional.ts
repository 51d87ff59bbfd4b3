import { SqlmigError, unitStates } from '../errors.ts';
import { historyTable, readDigest, readProgress, rowOf, upgradeHistory } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import {
  betweenStatements,
  bookkeeping,
  locksGone,
  ranWhole,
  reset,
  restoreSettings,
  setSettings,
  transactionNumber,
  transactionNumberOf,
  tryLocks,
} from '../protocol/bookkeeping.ts';
import { isCatalogRace, trySharedKeyForSession } from '../protocol/catalog-key.ts';
import { reachesOut } from '../protocol/guard.ts';
import { raise, unitRefusalOf } from '../protocol/refusal.ts';
import { checkUnchanged } from '../protocol/unit-checks.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { insertRow } from '../protocol/unit-row.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { onlineChangeOf } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { indexOfCodePoint, locate } from '../sql/position.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';
import { readStructure } from '../structure/structure.ts';
import { applied, attemptOf } from './apply.ts';
import type { Attempt } from './attempt.ts';
import { describeFailure } from './failure.ts';
import { aimsAtHistory, historyError, isHistoryLost } from './history-error.ts';
import { type IndexName, invalidLeftBy, type Names } from './invalid-indexes.ts';
import {
  indexDiffers,
  keptBefore,
  keptInPart,
  leftUnsound,
  releasedLocks,
  stillIncomplete,
  wayOn,
} from './non-transactional-errors.ts';
import { nonTransactionalSettings } from './non-transactional-settings.ts';
import { schemasToCompare } from './probe.ts';
import { makeReady, type Readiness, unsoundIndex } from './readiness.ts';
import { aimsOutside, trespassError, trespassesIn } from './scope-guard.ts';

/** Where a script that was begun goes on. */
export interface Resumption {
  /** The statement, from 0. */
  readonly from: number;
  /** So many statements were begun, from the first on. */
  readonly begun: number;
}

/**
 * Applies one non-transactional script, statement by statement, on a session of its own that also holds the locks
 * (docs/lock-protocol.md, Non-transactional files). Of a migration that was begun and is not in doubt it goes on after what is done; else `resume` says, under the
 * locks, where.
 */
export async function applyNonTransactional(
  session: Session,
  script: Script,
  schema: UnitSchema,
  context: UnitContext,
  resume: ((names: Names) => Promise<Resumption>) | null = null,
): Promise<Attempt> {
  const own = betweenStatements(session);
  const work: Work = { session, own, script, schema, context };
  try {
    await session.read(setSettings(nonTransactionalSettings(work)));
    try {
      const [got] = await session.run(
        `select ${tryLocks(schema)} and ${trySharedKeyForSession(script, schema)} as got`,
      );
      if (got?.got !== true) {
        const error = new SqlmigError('lock-timeout', 'another run is using this schema', {
          schema: schema.schema,
        });
        return { kind: 'again', reason: 'busy', error };
      }
      if (!schema.isCurrent) await session.run(bookkeeping(upgradeHistory(schema.schema, context.table)));
      if (resume !== null) return await runStatements(work, await resume(namesOf(work)));
      if (!isBegun(schema, script)) {
        await session.run(
          bookkeeping(checkUnchanged(schema, context) + insertRow({ script, schema, context }, 'incomplete')),
        );
        return await runStatements(work, { from: 0, begun: 0 });
      }
      await session.run(bookkeeping(checkUnchanged(schema, context)));
      await session.run(note(work, `run_id = ${quoteLiteral(context.runId)}`));
      const { doneStatements } = await readProgress(
        own,
        historyTable(schema.schema, context.table),
        rowOf(script.migration),
      );
      return await runStatements(work, { from: doneStatements, begun: doneStatements });
    } finally {
      if (!session.lost) await reset(session);
    }
  } catch (error) {
    return attemptOf(error, schema, context);
  }
}

function isBegun({ history }: UnitSchema, { migration }: Script): boolean {
  return history.some((row) => row.state === 'incomplete' && historyKey(row) === historyKey(migration));
}

/** A non-transactional script at work. */
interface Work {
  /** Runs the file's statements. */
  readonly session: Session;
  /** Runs sqlmig's own. */
  readonly own: Session;
  readonly script: Script;
  readonly schema: UnitSchema;
  readonly context: UnitContext;
}

async function runStatements(work: Work, { from, begun }: Resumption): Promise<Attempt> {
  const { session, script } = work;
  const started = performance.now();
  // What the statements before have set ended with the session that they ran on.
  for (const { kind, start, end } of script.statements.slice(0, from)) {
    if (kind === 'VariableSetStmt') await session.run(script.text.slice(start, end));
  }
  for (let k = from; k < script.statements.length; k++) {
    // What the statement before has reset is ours again: else the rest would run in whatever schema the role prefers.
    if (k > from) await session.run(restoreSettings(nonTransactionalSettings(work)));
    const stopped = await runStatement(work, k, k < begun);
    if (stopped !== null) return stopped;
  }
  const durationMs = Math.round(performance.now() - started);
  const end = `state = 'applied', at_statement = null, duration_ms = ${Math.min(durationMs, 2_147_483_647)}`;
  await session.run(note(work, end));
  return { kind: 'done', applied: [applied(script.migration, durationMs)] };
}

/** Runs one statement; gives why the script must stop there, `null` where it may go on. */
async function runStatement(work: Work, k: number, begun: boolean): Promise<Attempt | null> {
  const { session, own, script, schema, context } = work;
  const statement = script.statements[k];
  const parsed = await statementAt(script, k);
  if (statement === undefined) throw new RangeError(`there is no statement ${k + 1}`);
  // A statement that is skipped has left a blank.
  const change = parsed === null ? null : onlineChangeOf(parsed.statement);
  const trespass = { scripts: [script], schema, publicSchema: context.publicSchema };
  // One that was begun was looked at before; what it was about may be gone since.
  const aim = begun ? null : await aimsOutside(own, statement, script, schema, context);
  if (aim !== null) {
    const state = await takeBack(work, k);
    return {
      kind: 'failed',
      error: trespassError({ ...trespass, ...aim, what: [`is about ${aim.name}`], state }),
    };
  }
  if (!begun && aimsAtHistory(statement, schema, context)) {
    return { kind: 'failed', error: historyError(script, schema, context, null, await takeBack(work, k)) };
  }
  let noted = transactionNumberOf(
    await session.run(note(work, `at_statement = ${k + 1}`, transactionNumber)),
  );
  const names = namesOf(work);
  let before: readonly IndexName[] = [];
  if (parsed !== null && change !== null) {
    let readiness: Readiness;
    try {
      readiness = await makeReady(names, { ...parsed, change, begun });
      before = await invalidLeftBy(names, [change]);
    } catch (error) {
      if (!isServerError(error)) throw error;
      return failedAt(work, k, error, { whole: true, begun, index: statement.start });
    }
    if (readiness.kind === 'differs') {
      const state = begun ? keptBefore(k) : await takeBack(work, k);
      return { kind: 'failed', error: indexDiffers(work, k, readiness, { state, begun }) };
    }
    if (readiness.kind === 'done') return finish(work, k);
  }
  const compared =
    script.allowsPublic || !reachesOut(statement, schema) ? [] : schemasToCompare([script], schema, context);
  const outside = await readStructure(own, compared);
  const others = statement.reach.code ? await otherRows(work) : null;
  if (change !== null || compared.length > 0 || others !== null)
    noted = transactionNumberOf(await own.run(transactionNumber));
  try {
    await session.run(script.text.slice(statement.start, statement.end), undefined, (notice) =>
      context.onNotice(notice, { ...schema, scripts: [script], statement }),
    );
  } catch (error) {
    if (!isServerError(error)) throw error;
    const index = indexOfCodePoint(script.text, Number(error.position ?? 1) - 1, statement.start);
    return failedAt(work, k, error, { whole: await ranWhole(own, noted), begun, index });
  }
  const found = trespassesIn(outside, await readStructure(own, compared), context.publicSchema, new Set());
  if (found.what.length > 0) {
    const state = `statement ${k + 1} cannot be rolled back, and ${stillIncomplete}`;
    return { kind: 'failed', error: trespassError({ ...trespass, ...found, state }) };
  }
  const unsound = change === null ? null : await unsoundIndex(names, change, before);
  return unsound === null
    ? finish(work, k, others)
    : { kind: 'failed', error: leftUnsound(work, k, unsound) };
}

/** Notes that a statement is done; `others` are the history's other rows before it, where it may have changed them. */
async function finish(work: Work, k: number, others: string | null = null): Promise<Attempt | null> {
  const touched = (error: ServerError | null): Attempt => {
    const state = `statement ${k + 1} cannot be rolled back`;
    return { kind: 'failed', error: historyError(work.script, work.schema, work.context, error, state) };
  };
  try {
    await work.session.run(note(work, `done_statements = ${k + 1}`));
    return others === null || (await otherRows(work)) === others ? null : touched(null);
  } catch (error) {
    if (!isServerError(error)) throw error;
    if (isHistoryLost(error)) return touched(error);
    if (unitRefusalOf(error)?.state !== unitStates.lockLost) throw error;
    return { kind: 'failed', error: releasedLocks(work, k) };
  }
}

/** The digest of the history's rows but the script's own. */
function otherRows({ own, script, schema, context }: Work): Promise<string> {
  const table = historyTable(schema.schema, context.table);
  return readDigest(own, table, `(${rowOf(script.migration)}) is not true`);
}

function namesOf({ session, own, script, schema }: Work): Names {
  return { session, own, path: null, home: script.allowsPublic ? null : schema.schema };
}

/** Takes back that a statement was begun, which did nothing; gives the state in words. */
async function takeBack(work: Work, k: number): Promise<string> {
  if (k === 0) {
    await forget(work);
    return 'not touched';
  }
  await work.session.run(note(work, `at_statement = ${k}`));
  return keptBefore(k);
}

async function failedAt(
  work: Work,
  k: number,
  error: ServerError,
  { whole, begun, index }: { readonly whole: boolean; readonly begun: boolean; readonly index: number },
): Promise<Attempt> {
  const { session, script, schema, context } = work;
  const described = await describeFailure(
    session,
    { error, script, index, replayable: false },
    schema,
    context,
  );
  const { migration } = script;
  const nothing = whole && !begun;
  if (nothing) await takeBack(work, k);
  // The file is simply pending again.
  const pending = nothing && k === 0;
  if (pending && isCatalogRace(error)) return { kind: 'again', reason: 'shared-rows', error: described };
  const { message, hint } = described.details;
  return {
    kind: 'failed',
    ...(!pending && { incomplete: true }),
    error: new SqlmigError('migration-failed', message, {
      sqlstate: error.code,
      schema: schema.schema,
      location: locate(migration.file, migration.text, index),
      statement: k + 1,
      statements: script.statements.length,
      state: pending ? 'nothing of it was kept' : whole ? keptBefore(k) : keptInPart(k),
      hint: pending ? hint : await wayOn(work, k, { whole, nothing }),
      cause: error,
    }),
  };
}

/** Takes the row of a migration back that has done nothing: it is simply pending again. */
async function forget({ session, script, schema, context }: Work): Promise<void> {
  const row = `${historyTable(schema.schema, context.table)} where ${rowOf(script.migration)}`;
  await session.run(bookkeeping(`delete from ${row} and state = 'incomplete';\n`));
}

/**
 * Records the progress, or refuses if the session no longer holds the locks (docs/lock-protocol.md, Non-transactional
 * files). Returns the rows of `query`, which runs in the same transaction.
 */
function note({ script, schema, context }: Work, set: string, query?: string): string {
  return bookkeeping(
    `${doBlock(`begin
  if ${locksGone(schema)} then ${raise(unitStates.lockLost)} end if;
  update ${historyTable(schema.schema, context.table)} set ${set} where ${rowOf(script.migration)} and state = 'incomplete';
  if not found then ${raise(unitStates.historyChanged)} end if;
end`)}${query === undefined ? '' : `${query};\n`}`,
  );
}
