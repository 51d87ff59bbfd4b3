import { type AfterError, afterError, retryReason } from '../decide/after-error.ts';
import { SqlmigError, sqlstates } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import { composeBootstrap } from '../protocol/bootstrap.ts';
import { composeReplay, composeUpgrade, type SchemaFiles } from '../protocol/message.ts';
import type { Message } from '../protocol/message-text.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { sentText } from '../sql/filling.ts';
import type { Script } from '../sql/migration.ts';
import { type Attempt, appliedMigration, attemptOf, putOff, raisedError } from './attempt.ts';
import { describeFailure, positionOf } from './failure.ts';
import { historyError, missesHistory } from './history-error.ts';
import { type NoticesOnce, noticesOnce } from './notices-once.ts';
import { probe } from './probe.ts';
import { type Batch, type Durations, readCommitted, type SentBatch, sendBatch } from './send-units.ts';
import { type UnitPlace, withApplied } from './unit-place.ts';

// A message is held in memory here and on the server.
const maxUnits = 100;
const maxLength = 256 * 1024;

/** What the units of a run share, and the signal that interrupts it. */
interface RunContext {
  readonly context: UnitContext;
  readonly signal: AbortSignal;
}

/** The session and the run that units are applied in. */
interface Applying extends RunContext {
  readonly session: Session;
  readonly notices: NoticesOnce;
}

/** The progress of the units of a schema. */
interface Progress {
  /** The schema after the committed units. */
  readonly schema: UnitSchema;
  readonly open: readonly Script[];
  /** How many units may share a message. */
  readonly unitsAtOnce: number;
  /** Each unit has a transaction of its own. */
  readonly apart: boolean;
  /** The units that cannot share a transaction, unless another session was the cause. */
  readonly unjoinable: readonly Script[];
  /** Files that a probe has cleared. */
  readonly trusted: ReadonlySet<Script>;
  readonly durations: Durations;
}

/** Applies scripts to a schema in order, in as few messages as possible. Never throws. */
export async function applyUnits(session: Session, pending: SchemaFiles, run: RunContext): Promise<Attempt> {
  const notices = noticesOnce(run.context.onNotice);
  const context = { ...run.context, ownSession: session.hasSettings, onNotice: notices.onNotice };
  const applying = { ...run, context, session, notices };
  try {
    // Only statements of a non-transactional file follow, and these do not upgrade the history.
    if (pending.scripts.length === 0 && !pending.schema.isCurrent)
      await session.run(composeUpgrade(pending.schema, context));
    const progress = await applyOpen(applying, {
      schema: pending.schema,
      open: pending.scripts,
      unitsAtOnce: maxUnits,
      apart: false,
      unjoinable: [],
      trusted: new Set(),
      durations: new Map(),
    });
    if ('kind' in progress) return progress;
    const { durations, unjoinable } = progress;
    const applied = pending.scripts.map(({ migration }) =>
      appliedMigration(migration, durations.get(historyKey(migration))),
    );
    const files = unjoinable.map(({ migration }) => migration.file);
    return { kind: 'done', applied, ...(files.length > 0 && { unjoinable: files }) };
  } catch (error) {
    return attemptOf(error, { schema: pending.schema, context });
  }
}

/** Applies the open units. Returns the progress, or the attempt if it ended early. */
async function applyOpen(applying: Applying, from: Progress): Promise<Progress | Attempt> {
  let progress = from;
  while (progress.open.length > 0) {
    if (applying.signal.aborted)
      return { kind: 'failed', error: new SqlmigError('interrupted', 'the run was interrupted') };
    const next = await applyNext(applying, progress);
    if ('kind' in next) return next;
    progress = next;
  }
  return progress;
}

/**
 * Creates a schema and its history if they are missing. Returns the schema with its OID, or the attempt if it ended there.
 * Never throws.
 */
export async function createHistory(session: Session, place: UnitPlace): Promise<UnitSchema | Attempt> {
  const { schema, context } = place;
  try {
    const own = { ...context, ownSession: session.hasSettings };
    const [row] = await session.run(composeBootstrap(schema.schema, own, schema.oid));
    const oid = schema.oid ?? (typeof row?.oid === 'string' ? row.oid : null);
    return { ...schema, oid, mayDiscardRows: row?.discards === true };
  } catch (error) {
    return attemptOf(error, place);
  }
}

/** Sends the next units. Returns the progress, or the attempt if it ended there. */
async function applyNext(applying: Applying, progress: Progress): Promise<Progress | Attempt> {
  const { session, context } = applying;
  const { schema, apart, trusted } = progress;
  const batch = { scripts: nextScripts(progress), schema, context, apart, trusted };
  const { error, ...sent } = await sendBatch(session, batch);
  if (error === null) return advanced(progress, unitsIn(sent.message), sent.durations);
  return recover(applying, progress, { ...sent, batch, error });
}

function nextScripts({ open, unitsAtOnce }: Progress): readonly Script[] {
  let length = 0;
  const end = open.findIndex((script, i) => {
    length += sentText(script).length + (script.migration.undoneBy?.text.length ?? 0);
    return i > 0 && (i >= unitsAtOnce || length > maxLength);
  });
  return end === -1 ? open : open.slice(0, end);
}

function advanced(progress: Progress, units: number, durations: Durations): Progress {
  const { schema, open } = progress;
  return {
    ...progress,
    schema: withApplied(schema, open.slice(0, units)),
    open: open.slice(units),
    durations: new Map([...progress.durations, ...durations]),
  };
}

/** A message that failed. */
interface FailedBatch extends SentBatch {
  readonly batch: Batch;
  readonly error: ServerError;
}

/** Does what `afterError` decides. */
async function recover(
  applying: Applying,
  progress: Progress,
  failed: FailedBatch,
): Promise<Progress | Attempt> {
  const { session, context } = applying;
  const { batch, error } = failed;
  const decide = decision(applying, failed);
  let decided = decide(null);
  let now = progress;
  if (decided.kind === 'count-committed') {
    const { committed, durations } = await readCommitted(session, batch, failed.begunAt);
    decided = decide(committed);
    // A unit that undoes reports its own duration.
    now = advanced(progress, committed, new Map([...failed.durations, ...durations]));
  }
  const place = { schema: now.schema, context };
  switch (decided.kind) {
    case 'put-off':
      return putOff(decided.reason, error, batch);
    case 'separate':
      applying.notices.again(now.open);
      return { ...now, apart: true, unjoinable: unjoinableIn(failed, decided.from) };
    case 'resend':
      applying.notices.again(now.open);
      return { ...now, unitsAtOnce: 1 };
    case 'probe': {
      const script = scriptAt(batch, decided.unit);
      applying.notices.again(now.open);
      const trespass = await probe(session, { script, ...place });
      if (trespass !== null) return { kind: 'failed', error: trespass };
      return { ...now, trusted: new Set([...now.trusted, script]) };
    }
    case 'blame-history': {
      const script = scriptAt(batch, decided.unit);
      return { kind: 'failed', error: historyError({ script, ...place }, error) };
    }
    case 'blame-file': {
      const before = now.open.slice(0, now.open.indexOf(scriptAt(batch, decided.unit)));
      applying.notices.again(before);
      const applied = await applyOpen(applying, { ...now, open: before, apart: true });
      if ('kind' in applied) return applied;
      return blameFile(session, { ...failed, place: { ...place, schema: applied.schema } }, decided);
    }
    default:
      throw error;
  }
}

/** The decision about a failed message, by how many of its units are committed. */
function decision({ signal }: Applying, failed: FailedBatch): (committed: number | null) => AfterError {
  const { batch, message, error, begun, isWaiting, elapsedMs } = failed;
  const script = begun === null ? undefined : batch.scripts[begun];
  const raised = {
    ...raisedError(error, batch, isWaiting),
    position: error.position === undefined ? null : (positionOf(error, message) ?? ('outside' as const)),
    namesHistory: error.message.includes(batch.context.table),
    missesHistory: script !== undefined && missesHistory(error, { ...batch, script }),
  };
  return (committed) =>
    afterError(raised, {
      units: unitsIn(message),
      committed,
      begun,
      elapsedMs,
      joined: sharesTransaction(message, committed ?? 0),
      interrupted: signal.aborted,
    });
}

function unitsIn({ transactions }: Message): number {
  return transactions.reduce((sum, size) => sum + size, 0);
}

/** Whether a unit of a message, from 0, shared its transaction. */
function sharesTransaction({ transactions }: Message, unit: number): boolean {
  return transactionOf(transactions, unit).size > 1;
}

/** The first unit of the transaction that a unit is in, and their number; 0 if it is in none. */
function transactionOf(transactions: Message['transactions'], unit: number): { from: number; size: number } {
  let from = 0;
  for (const size of transactions) {
    if (unit < from + size) return { from, size };
    from += size;
  }
  return { from, size: 0 };
}

/**
 * The files that cannot share the failed transaction: the last one that ran, or all if a check at its end refused it. None
 * if another session was the cause.
 */
function unjoinableIn(
  { batch, message, error, begun, isWaiting }: FailedBatch,
  unit: number,
): readonly Script[] {
  const reason = retryReason(raisedError(error, batch, isWaiting));
  if (reason !== null && error.code !== sqlstates.insufficientResources) return [];
  const { from, size } = transactionOf(message.transactions, unit);
  const all = begun === null || unitRefusalOf(error) !== null;
  return all ? batch.scripts.slice(from, from + size) : batch.scripts.slice(begun, begun + 1);
}

async function blameFile(
  session: Session,
  { batch, error, place }: FailedBatch & { readonly place: UnitPlace },
  { unit, index, replay, retry }: Extract<AfterError, { kind: 'blame-file' }>,
): Promise<Attempt> {
  const culprit = { script: scriptAt(batch, unit), ...place };
  const described = await describeFailure(session, culprit, {
    error,
    index,
    replay: replay ? composeReplay(culprit) : null,
  });
  return retry === null
    ? { kind: 'failed', error: described }
    : { kind: 'retry', reason: retry, error: described };
}

function scriptAt({ scripts }: Batch, unit: number): Script {
  const script = scripts[unit];
  if (script === undefined) throw new RangeError(`a message has no unit ${unit}`);
  return script;
}
