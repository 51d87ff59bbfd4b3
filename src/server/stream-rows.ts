import { pipeline } from 'node:stream/promises';
import type { Session } from './session.ts';

/** One end of a stream of rows: a session, and its COPY. */
export interface CopySide {
  readonly session: Session;
  readonly text: string;
}

/** Which side failed first, and its error. The other side is rolled back as well. */
export interface CopyFailure {
  readonly side: 'from' | 'to';
  readonly error: unknown;
}

/**
 * Passes the rows of one server's COPY to another's, as fast as the slower one is. Memory does not grow with the rows.
 * Returns the number of rows when both commands have ended. Never throws.
 */
export async function streamRows(from: CopySide, to: CopySide): Promise<number | CopyFailure> {
  const failures = createFailures();
  const out = await from.session.copyOut(from.text).catch(failures.note('from'));
  if (out === null) return failures.first(0);
  const into = await to.session.copyIn(to.text).catch(failures.note('to'));
  if (into === null) {
    // The server would wait until the rows are read.
    from.session.abandon();
    await out.ended.catch(() => {});
    return failures.first(0);
  }
  // A side that fails breaks its stream, and with it the other one; `ended` tells later, after a ROLLBACK.
  if (out.stream.errored === null) out.stream.once('error', failures.broken('from'));
  else failures.broken('from')();
  into.stream.once('error', failures.broken('to'));
  let isRead = false;
  const stop = () => {
    const why = new Error('the other server ended the copy');
    into.stream.destroy(why);
    out.stream.destroy(why);
    // The server would wait until the rest is read.
    if (!isRead && failures.side() === 'to') from.session.abandon();
  };
  const read = out.ended.catch(failures.note('from')).then((end) => {
    isRead = true;
    if (end === null) stop();
  });
  const written = into.ended.catch(failures.note('to')).then((rows) => {
    if (rows === null) stop();
    return rows ?? 0;
  });
  const [, rows] = await Promise.all([read, written, pipeline(out.stream, into.stream).catch(() => {})]);
  return failures.first(rows);
}

/** Collects what fails on both sides. */
function createFailures() {
  const errors = new Map<CopyFailure['side'], unknown>();
  let side: CopyFailure['side'] | null = null;
  const broken = (which: CopyFailure['side']) => () => {
    side ??= which;
  };
  return {
    side: () => side,
    /** Notes that a side fails, before its error is known. */
    broken,
    note: (which: CopyFailure['side']) => (error: unknown) => {
      broken(which)();
      if (!errors.has(which)) errors.set(which, error);
      return null;
    },
    /** The first failure, or the given number of rows. */
    first: (rows: number): number | CopyFailure =>
      side === null ? rows : { side, error: errors.get(side) ?? [...errors.values()][0] },
  };
}
