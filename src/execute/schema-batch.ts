import { durationOf } from '../protocol/durations.ts';
import { composeBatch } from '../protocol/message.ts';
import type { Unit, UnitContext } from '../protocol/unit-context.ts';
import type { Row } from '../server/answer.ts';
import { identifierCut } from '../server/notice.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';

/** A schema and the one script to apply to it. */
export type BatchPart = Omit<Unit, 'context'>;

/**
 * Sends the units of several schemas in one message, each in its own transaction. Returns the milliseconds that each
 * took, in order, for those that are certainly committed. The next one may be committed as well, and the one after it may
 * have failed; the others have not begun. To learn why it failed, send it alone.
 * @throws SessionLost if the outcome of all of them is unknown.
 */
export async function applyBatch(
  session: Session,
  parts: readonly BatchPart[],
  shared: UnitContext,
): Promise<readonly number[]> {
  const context = { ...shared, ownSession: session.hasSettings };
  const durations = new Map<string, number>();
  const known = () => {
    const took = parts.map(({ schema }) => durations.get(schema.schema));
    const end = took.indexOf(undefined);
    return (end === -1 ? took : took.slice(0, end)) as number[];
  };
  const text = composeBatch(parts, context);
  try {
    const take = (row: Row) => {
      const reported = durationOf(row);
      if (reported !== null) durations.set(reported.schema, reported.ms);
    };
    await session.runFiles(text, take, (notice) => {
      // The whole message is parsed before its first unit runs.
      const from = notice.code === identifierCut ? parts : parts.slice(durations.size).slice(0, 1);
      for (const { schema, script } of from) context.onNotice(notice, { ...schema, scripts: [script] });
    });
    return known();
  } catch (error) {
    if (!isServerError(error)) throw error;
    // A unit reports its duration before its commit, and the commit may have failed.
    return known().slice(0, -1);
  }
}
