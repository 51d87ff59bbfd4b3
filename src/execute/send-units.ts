import { historyKey } from '../project/order.ts';
import {
  durationOf,
  recordDurations,
  recordedByRun,
  recordedColumn,
  stillRecorded,
} from '../protocol/durations.ts';
import { composeUnits } from '../protocol/message.ts';
import type { Message } from '../protocol/message-text.ts';
import { loadingColumn } from '../protocol/snapshot-rows.ts';
import { waitedColumn, waitingColumn } from '../protocol/unit-locks.ts';
import { begunAtColumn, begunColumn } from '../protocol/unit-row.ts';
import { begin } from '../protocol/unit-settings.ts';
import type { Row } from '../server/answer.ts';
import { identifierCut } from '../server/notice.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import type { UnitPlace } from './unit-place.ts';

/** Units that travel in one message. */
export interface Batch extends UnitPlace {
  readonly scripts: readonly Script[];
  /** Each in a transaction of its own. */
  readonly apart: boolean;
  /** Those that a probe has cleared. */
  readonly trusted: ReadonlySet<Script>;
}

/** Milliseconds that migrations took, by history key. */
export type Durations = ReadonlyMap<string, number>;

/** A message of units that was sent, and what it reported. */
export interface SentBatch {
  /** It may have only the first units of the batch. */
  readonly message: Message;
  /** The error that ended it; `null` if all units are committed. */
  readonly error: ServerError | null;
  /** A public unit was still waiting for its locks. */
  readonly isWaiting: boolean;
  /** The unit (from 0) whose file began last; `null` if none did. */
  readonly begun: number | null;
  /** When the units began whose files did, as timestamps in text. */
  readonly begunAt: readonly string[];
  readonly durations: Durations;
  readonly elapsedMs: number;
}

/**
 * Sends the units of a batch, or the first of them, in one message, which another one may complete.
 * @throws SessionLost if the outcome is unknown.
 */
export async function sendBatch(session: Session, batch: Batch): Promise<SentBatch> {
  const { scripts, schema, context } = batch;
  const message = composeUnits(batch, context);
  const report = createReport(scripts);
  const started = performance.now();
  let sent: Message = message;
  const send = async () => {
    await session.runFiles(message.text, report.take, (notice) => {
      // The whole message is parsed before its first unit runs.
      const from = notice.code === identifierCut ? scripts : report.running();
      context.onNotice(notice, { ...schema, scripts: from });
    });
    if (message.record === null) return;
    // A position in what follows is in no file.
    sent = { ...message, files: [] };
    await session.runFiles(message.record(report.read().begunAt), report.take, (notice) =>
      context.onNotice(notice, { ...schema, scripts }),
    );
  };
  const error = await send().then(
    () => null,
    (raised: unknown) => {
      if (!isServerError(raised)) throw raised;
      return raised;
    },
  );
  return { message: sent, error, ...report.read(), elapsedMs: performance.now() - started };
}

/** Collects the rows with which a message reports how far it is. */
export function createReport(scripts: readonly Script[]) {
  const keys = scripts.map(({ migration }) => historyKey(migration));
  const durations = new Map<string, number>();
  let isWaiting = false;
  let begun: number | null = null;
  const begunAt: string[] = [];
  return {
    take(row: Row) {
      if (waitingColumn in row) isWaiting = true;
      if (waitedColumn in row) isWaiting = false;
      // A file may return columns of these names, but the files begin one after the other, and a snapshot before them.
      const next = begun === null ? 0 : begun + 1;
      const begins = begunColumn in row && row[begunColumn] === keys[next];
      if (begins) begun = next;
      const isTimed = begins || (begun === null && loadingColumn in row);
      if (isTimed && typeof row[begunAtColumn] === 'string') begunAt.push(row[begunAtColumn]);
      takeDuration(row, durations);
    },
    /** The scripts that a notice can come from. */
    running: () => (begun === null ? scripts : scripts.slice(begun, begun + 1)),
    read: () => ({ isWaiting, begun, begunAt, durations }),
  };
}

/** How many units of a message that failed are committed, and how long they took. */
export async function readCommitted(
  session: Session,
  { scripts, schema, context }: Batch,
  begunAt: readonly string[],
): Promise<{ readonly committed: number; readonly durations: Durations }> {
  const undoes = scripts.some(({ migration }) => migration.undoes === true);
  const query = undoes
    ? stillRecorded(schema, context)
    : recordDurations(schema, context, begunAt) + recordedByRun(schema, context);
  const note = `${begin(context)}${query}COMMIT`;
  const recorded = new Set<unknown>();
  const durations = new Map<string, number>();
  await session.run(note, (row) => {
    takeDuration(row, durations);
    if (recordedColumn in row) recorded.add(row[recordedColumn]);
  });
  const first = scripts.findIndex(({ migration }) => recorded.has(historyKey(migration)) === undoes);
  return { committed: first === -1 ? scripts.length : first, durations };
}

function takeDuration(row: Row, durations: Map<string, number>): void {
  const reported = durationOf(row);
  if (reported !== null) durations.set(reported.key, reported.ms);
}
