import { SqlmigError, unitStates } from '../errors.ts';
import { ranWhole, transactionNumber, transactionNumberOf } from '../protocol/bookkeeping.ts';
import { isCatalogRace } from '../protocol/catalog-key.ts';
import { reachesOut, schemasToCompare } from '../protocol/guard.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import { fileIndex, sentText } from '../sql/filling.ts';
import type { Statement } from '../sql/migration.ts';
import { onlineChangeOf } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { indexOfCodePoint, locate } from '../sql/position.ts';
import { readStructure, type Structure } from '../structure/structure.ts';
import type { Attempt } from './attempt.ts';
import { runConfined } from './confined-statement.ts';
import { describeFailure } from './failure.ts';
import { aimsAtHistory, historyError, isHistoryLost } from './history-error.ts';
import { type IndexName, invalidLeftBy, type Names } from './invalid-indexes.ts';
import {
  continueHint,
  indexDiffers,
  invalidIndexLeft,
  keptBefore,
  keptInPart,
  releasedLocks,
  type StatementInSchema,
  stillIncomplete,
} from './non-transactional-errors.ts';
import {
  digestOfOthers,
  type RunningFile,
  updateProgress,
  withdrawStart,
} from './non-transactional-progress.ts';
import { makeReady, newlyInvalid, type OnlineStatement, type Readiness, unsoundIndex } from './readiness.ts';
import { aimsOutside, forbiddenIn, trespassError } from './scope-guard.ts';

/** One statement of a non-transactional file that is running. */
type Step = RunningFile & StatementInSchema;

/** A CONCURRENTLY statement, and the indexes that were invalid before it. */
interface Prepared {
  readonly online: Omit<OnlineStatement, 'begun'>;
  readonly invalid: readonly IndexName[];
}

/** The state before a statement that it must not change. */
interface Before {
  /** The structure of other schemas. */
  readonly structure: Structure;
  readonly compared: readonly string[];
  /** The digest of the history's other rows; `null` if the statement cannot change them. */
  readonly others: string | null;
}

/** How names in a running file resolve. */
export function namesIn({ session, own, script, schema }: RunningFile): Names {
  return { session, own, path: null, home: script.allowsPublic ? null : schema.schema };
}

/** Runs one statement. Returns the attempt if the file must stop there, `null` if it can continue. */
export async function runStatement(step: Step): Promise<Attempt | null> {
  const { session, own, script, k, begun } = step;
  const statement = script.statements[k];
  if (statement === undefined) throw new RangeError(`there is no statement ${k + 1}`);
  // An earlier attempt has checked a statement that was begun. The objects that it changes may no longer exist.
  const refused = begun ? null : await refuseByText(step, statement);
  if (refused !== null) return refused;
  let number = transactionNumberOf(
    await session.run(updateProgress(step, `at_statement = ${k + 1}`, transactionNumber)),
  );
  const prepared = await prepareOnline(step, statement);
  if (prepared !== null && 'stop' in prepared) return prepared.stop;
  const before = await readBefore(step, statement);
  if (prepared !== null || before.compared.length > 0 || before.others !== null)
    number = transactionNumberOf(await own.run(transactionNumber));
  const failed = await sendStatement(step, statement, { number, prepared });
  return failed ?? checkDone(step, prepared, before);
}

/** Refuses a statement whose text shows that it changes another schema or the history, before it is recorded as begun. */
async function refuseByText(step: Step, statement: Statement): Promise<Attempt | null> {
  const aim = await aimsOutside(step.own, statement, step);
  if (aim !== null) {
    const what = [`is about ${aim.name}`];
    const state = await withdrawStart(step, step.k);
    return failed(trespassError({ ...step, scripts: [step.script], inPublic: aim.inPublic, what, state }));
  }
  if (!aimsAtHistory(statement, step)) return null;
  return failed(historyError(step, null, await withdrawStart(step, step.k)));
}

/** Prepares a CONCURRENTLY statement; `null` for all others, `stop` if it is done or cannot run. */
async function prepareOnline(
  step: Step,
  statement: Statement,
): Promise<Prepared | { readonly stop: Attempt | null } | null> {
  const { script, k, begun } = step;
  const parsed = await statementAt(script, k);
  const change = parsed === null ? null : onlineChangeOf(parsed.statement);
  if (parsed === null || change === null) return null;
  const online = { ...parsed, change };
  const names = namesIn(step);
  let readiness: Readiness;
  let invalid: readonly IndexName[];
  try {
    readiness = await makeReady(names, { ...online, begun });
    invalid = await invalidLeftBy(names, [change]);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return { stop: await failedAt(step, error, { whole: true, index: statement.start }) };
  }
  if (readiness.kind === 'done') return { stop: await recordDone(step) };
  if (readiness.kind === 'run') return { online, invalid };
  const state = begun ? keptBefore(k) : await withdrawStart(step, k);
  return { stop: failed(indexDiffers(step, readiness, state)) };
}

async function readBefore(step: Step, statement: Statement): Promise<Before> {
  const { own, script, schema } = step;
  const compared =
    script.allowsPublic || !reachesOut(statement, schema) ? [] : schemasToCompare([script], step);
  const structure = await readStructure(own, compared);
  const others = statement.reach.code ? await digestOfOthers(step) : null;
  return { structure, compared, others };
}

/** Sends a statement. `number` is the number of the transaction before it, to find out what a failed statement committed. */
async function sendStatement(
  step: Step,
  statement: Statement,
  { number, prepared }: { readonly number: number; readonly prepared: Prepared | null },
): Promise<Attempt | null> {
  const { session, own, script, schema, context } = step;
  const text = sentText(script, statement);
  try {
    const run = () =>
      session.run(text, undefined, (notice) =>
        context.onNotice(notice, { ...schema, scripts: [script], statement }),
      );
    await (context.confined ? runConfined(step, text, run) : run());
    return null;
  } catch (error) {
    if (!isServerError(error)) throw error;
    const at = indexOfCodePoint(text, Number(error.position ?? 1) - 1);
    const index = fileIndex(script, at, statement.start);
    const whole = (await ranWhole(own, number)) || (prepared !== null && (await leftNothing(step, prepared)));
    return failedAt(step, error, { whole, index });
  }
}

/**
 * Whether a failed CONCURRENTLY statement left nothing behind. The number of transactions does not always show this: an idle
 * session starts one when it must catch up with many invalidation messages.
 */
async function leftNothing(step: Step, { online: { change }, invalid }: Prepared): Promise<boolean> {
  if (change.kind === 'detach' || change.kind === 'reindex-schema') return false;
  return (await newlyInvalid(namesIn(step), change, invalid)) === undefined;
}

/** Checks what a successful statement changed, and records the statement as done. */
async function checkDone(step: Step, prepared: Prepared | null, before: Before): Promise<Attempt | null> {
  const { own, script, context, k } = step;
  const after = await readStructure(own, before.compared);
  const changes = forbiddenIn(before.structure, after, { ...context, guardsRows: new Set() });
  if (changes.what.length > 0) {
    const state = `statement ${k + 1} cannot be rolled back, and ${stillIncomplete}`;
    return failed(trespassError({ ...step, ...changes, scripts: [script], state }));
  }
  const unsound =
    prepared === null ? null : await unsoundIndex(namesIn(step), prepared.online.change, prepared.invalid);
  return unsound === null ? recordDone(step, before.others) : failed(invalidIndexLeft(step, unsound));
}

/** Records that a statement is done. `others`: the digest of the history's other rows before it. */
async function recordDone(step: Step, others: string | null = null): Promise<Attempt | null> {
  const touched = (error: ServerError | null) =>
    failed(historyError(step, error, `statement ${step.k + 1} cannot be rolled back`));
  try {
    await step.session.run(updateProgress(step, `done_statements = ${step.k + 1}`));
    return others === null || (await digestOfOthers(step)) === others ? null : touched(null);
  } catch (error) {
    if (!isServerError(error)) throw error;
    if (isHistoryLost(error)) return touched(error);
    if (unitRefusalOf(error)?.state !== unitStates.lockLost) throw error;
    return failed(releasedLocks(step));
  }
}

/** `whole`: the statement was rolled back; `index` points into the file. */
async function failedAt(
  step: Step,
  error: ServerError,
  { whole, index }: { readonly whole: boolean; readonly index: number },
): Promise<Attempt> {
  const { session, script, schema, k, begun } = step;
  const described = await describeFailure(session, step, { error, index, replay: null });
  const didNothing = whole && !begun;
  if (didNothing) await withdrawStart(step, k);
  // Its row is gone: the file is pending again.
  const isPending = didNothing && k === 0;
  if (isPending && isCatalogRace(error)) return { kind: 'retry', reason: 'shared-rows', error: described };
  const { message, hint } = described.details;
  return {
    kind: 'failed',
    ...(!isPending && { incomplete: true }),
    error: new SqlmigError('migration-failed', message, {
      sqlstate: error.code,
      schema: schema.schema,
      location: locate(script.migration.file, script.migration.text, index),
      statement: k + 1,
      statements: script.statements.length,
      state: isPending ? 'none of it was kept' : whole ? keptBefore(k) : keptInPart(k),
      hint: isPending ? hint : await continueHint(step, whole),
      cause: error,
    }),
  };
}

function failed(error: SqlmigError): Attempt {
  return { kind: 'failed', error };
}
