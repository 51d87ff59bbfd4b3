import { reasonsInFiles, retryReason } from '../decide/after-error.ts';
import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import { composeBootstrap } from '../protocol/bootstrap.ts';
import { composeCreation, composeCreationReplay } from '../protocol/creation.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import { type LoadedSnapshot, loadingColumn } from '../protocol/snapshot-rows.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { commit, limitIdle } from '../protocol/unit-settings.ts';
import type { Row } from '../server/answer.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { type Attempt, appliedMigration, attemptOf, putOff, raisedError } from './attempt.ts';
import { describeFailure, positionOf } from './failure.ts';
import { historyError, missesHistory } from './history-error.ts';
import { rehearseUnits } from './rehearse.ts';
import { createReport } from './send-units.ts';

export type WholeAttempt =
  | Attempt
  /** The files cannot share a transaction on this server, and nothing was created. */
  | { readonly kind: 'apart' }
  /** The schema is not as CREATE SCHEMA leaves it, so the snapshot cannot fill it. Nothing but the history was created. */
  | { readonly kind: 'occupied' }
  /** The snapshot cannot be used, and nothing was created; `why` is `null` if the snapshot is not at fault. */
  | { readonly kind: 'unloaded'; readonly why: string | null };

/** A schema to create with all its files, or to complete with the files of a kind. */
interface WholeSchema {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
  /** Replaces the files before `scripts`; `null` if there are none. */
  readonly snapshot: LoadedSnapshot | null;
  readonly context: UnitContext;
  /** Further work in the transaction, after the files. */
  readonly finish?: Finish | undefined;
}

/** Work on a session whose transaction has built a schema. @throws SqlmigError to roll all of it back. */
export type Finish = (session: Session) => Promise<void>;

/**
 * The errors of files that cannot share a transaction: too many locks, an enum value used before it is committed, code that
 * ends its transaction, and a statement that must not run in a transaction (25001) or while triggers are pending (55006).
 */
export const apartStates: readonly string[] = [
  sqlstates.insufficientResources,
  sqlstates.unsafeNewEnumValue,
  sqlstates.invalidTransactionTermination,
  sqlstates.activeTransaction,
  sqlstates.objectInUse,
];

// They do not show which of the files before the guard is at fault.
const guardRefusals: ReadonlySet<string | undefined> = new Set([
  unitStates.historyTouched,
  unitStates.rowRefused,
  unitStates.transactionEnded,
]);

/**
 * Creates a schema and applies its files in one transaction. If the schema exists, creates only the history first. Never
 * throws.
 */
export async function createWhole(
  session: Session,
  { context: given, ...rest }: WholeSchema,
): Promise<WholeAttempt> {
  const context = { ...given, ownSession: session.hasSettings };
  const whole = { ...rest, context };
  const { schema, scripts, snapshot } = whole;
  try {
    // Another session may create the history at the same time.
    if (schema.oid !== null) await session.run(composeBootstrap(schema.schema, context, schema.oid));
    const first = await sendWhole(session, whole, { trusted: new Set() });
    if (first !== 'suspicious') return first;
    // The files are then compared without the snapshot.
    if (snapshot !== null) return { kind: 'unloaded', why: null };
    // An earlier file may have raised the suspicion, so all files are compared together.
    const compared = await compareOthers(session, whole, scripts.length);
    if (compared.kind === 'failed' && compared.error.details.file === undefined)
      return await findCulprit(session, whole, compared);
    if (compared.kind !== 'done') return compared;
    const again = await sendWhole(session, whole, { trusted: new Set(scripts) });
    return again === 'suspicious' ? { kind: 'apart' } : again;
  } catch (error) {
    return attemptOf(error, { schema, context });
  }
}

/** Runs the first files in a transaction that is rolled back, and compares the other schemas before and after them. */
function compareOthers(
  session: Session,
  { schema, scripts, context }: WholeSchema,
  files: number,
): Promise<Attempt> {
  const part = { schema, scripts: scripts.slice(0, files), bootstrap: true };
  return rehearseUnits(session, { parts: [part] }, context);
}

/** Finds the file at fault: the first one with which the comparison fails. */
async function findCulprit(
  session: Session,
  whole: WholeSchema,
  compared: Extract<Attempt, { kind: 'failed' }>,
): Promise<Attempt> {
  for (const [i, { migration, allowsPublic }] of whole.scripts.entries()) {
    if (allowsPublic || (await compareOthers(session, whole, i + 1)).kind === 'done') continue;
    const { code, details, cause } = compared.error;
    return {
      kind: 'failed',
      error: new SqlmigError(code, details.message, { ...details, file: migration.file, cause }),
    };
  }
  return compared;
}

async function sendWhole(
  session: Session,
  whole: WholeSchema,
  { trusted, guardsEach = false }: { readonly trusted: ReadonlySet<Script>; readonly guardsEach?: boolean },
): Promise<WholeAttempt | 'suspicious'> {
  const { schema, scripts, snapshot, context, finish } = whole;
  const { message, record } = composeCreation({ schema, scripts, snapshot, trusted, guardsEach }, context);
  const report = createReport(scripts);
  let loading = false;
  let recording = false;
  const take = (row: Row) => {
    if (loadingColumn in row) loading = row[loadingColumn] === true;
    report.take(row);
  };
  try {
    const text = finish === undefined ? message.text + limitIdle : message.text;
    await session.runFiles(text, take, (notice) => {
      if (!loading) context.onNotice(notice, { ...schema, scripts: report.running() });
    });
    recording = true;
    const rows = record(report.read().begunAt);
    await session.runFiles(finish === undefined ? rows + commit : rows, report.take);
  } catch (error) {
    if (!isServerError(error)) throw error;
    const { begun } = report.read();
    const refusal = unitRefusalOf(error)?.state;
    if (refusal === unitStates.suspicious) return 'suspicious';
    if (refusal === unitStates.notEmpty) return { kind: 'occupied' };
    // A syntax error is raised before any of the message runs.
    const isOfSnapshot = loading || (snapshot !== null && error.code === sqlstates.syntaxError);
    const mayPass = retryReason(raisedError(error, { schema, context }, false)) !== null;
    if (isOfSnapshot && !mayPass) return { kind: 'unloaded', why: error.message };
    if (apartStates.includes(error.code)) return { kind: 'apart' };
    const at = recording ? null : positionOf(error, message);
    // The row comes before its file.
    const running = refusal === unitStates.rowRefused ? (begun ?? -1) + 1 : (begun ?? -1);
    const script = scripts[at?.unit ?? running];
    const lacksHistory = script !== undefined && missesHistory(error, { script, schema, context });
    const lacksRows = recording && !mayPass && error.code !== sqlstates.queryCanceled;
    // A file may have taken away the right to read the history, and a check in a block has no position.
    const lacksRight = error.code === sqlstates.insufficientPrivilege;
    const isOurs =
      guardRefusals.has(refusal) ||
      (at === null && (lacksRows || lacksRight || lacksHistory || error.position !== undefined));
    // One of sqlmig's own statements failed. A guard after each file finds the file at fault.
    if (isOurs && !guardsEach) return sendWhole(session, whole, { trusted, guardsEach: true });
    return failed(session, error, {
      whole: { schema, scripts, snapshot, context },
      guardsEach,
      script,
      index: at?.index ?? null,
    });
  }
  if (finish !== undefined) {
    const refusal = await finishAndCommit(session, finish);
    if (refusal === 'apart') return { kind: 'apart' };
    if (refusal !== null) return { kind: 'failed', error: refusal };
  }
  const { durations } = report.read();
  const applied = [...(snapshot?.covered ?? []), ...scripts].map(({ migration }) =>
    appliedMigration(migration, durations.get(historyKey(migration))),
  );
  return { kind: 'done', applied };
}

/** Finishes a transaction and commits it, or rolls it back; `apart` if the rest cannot run in the transaction. */
async function finishAndCommit(session: Session, finish: Finish): Promise<SqlmigError | 'apart' | null> {
  try {
    await finish(session);
  } catch (error) {
    const isApart = isServerError(error) && apartStates.includes(error.code);
    if (!isApart && !(error instanceof SqlmigError)) throw error;
    // Describing the failure of a file has already rolled back, so the server may warn.
    await session.run(
      'ROLLBACK',
      () => {},
      () => {},
    );
    return error instanceof SqlmigError ? error : 'apart';
  }
  await session.run(commit);
  return null;
}

async function failed(
  session: Session,
  error: ServerError,
  {
    whole,
    guardsEach,
    script,
    index,
  }: {
    readonly whole: WholeSchema;
    readonly guardsEach: boolean;
    readonly script: Script | undefined;
    readonly index: number | null;
  },
): Promise<Attempt> {
  const { schema, context } = whole;
  const place = { schema, context };
  const reason = retryReason(raisedError(error, place, false));
  if (script === undefined) return attemptOf(error, place);
  if (reason !== null && !reasonsInFiles.has(reason)) return putOff(reason, error, place);
  const unit = { script, ...place };
  const described = missesHistory(error, unit)
    ? historyError(unit, error)
    : await describeFailure(session, unit, {
        error,
        index,
        replay: reason === null ? composeCreationReplay({ ...whole, guardsEach }, script, context) : null,
      });
  return reason === null ? { kind: 'failed', error: described } : { kind: 'retry', reason, error: described };
}
