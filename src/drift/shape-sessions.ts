import { asSqlmigError } from '../execute/failure.ts';
import type { Run } from '../run/run.ts';
import { SessionLost } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import type { ReadWith } from '../structure/schema-differences.ts';

const mostTries = 3;

/**
 * Reads with a new session each time, and once more if it is lost. If the server has no room for another session, it waits
 * until one of its own has ended.
 */
export function createShapeReading(run: Run): ReadWith {
  const open = new Set<Promise<void>>();
  const openSession = async (): Promise<Session> => {
    for (;;) {
      try {
        return await run.openSession();
      } catch (error) {
        if (open.size === 0) throw error;
        await Promise.race(open);
      }
    }
  };
  return async (read) => {
    for (let tries = 1; ; tries++) {
      const session = await openSession();
      let end = () => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      open.add(ended);
      try {
        return await read(session);
      } catch (error) {
        if (!(error instanceof SessionLost) || tries === mostTries) throw asSqlmigError(error);
      } finally {
        await session.close();
        open.delete(ended);
        end();
      }
    }
  };
}
