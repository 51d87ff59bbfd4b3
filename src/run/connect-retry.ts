import { setTimeout as delay } from 'node:timers/promises';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { Session } from '../server/session.ts';

// A server that restarts is back in seconds; what it refuses in between is tried again this long.
const patienceMs = 20_000;
const noticeEveryMs = 10_000;

/**
 * Opens sessions of one run. The first one is tried for `waitMs`, for a server that is not up or known by name yet, or a
 * database that is still to be created; once the database was reached, a refused connection is tried again, by all concurrency
 * together no longer than twenty seconds. For a session that the run cannot do without (`needed`) it also waits for room
 * on the server, for twenty seconds or `waitMs`, since other runners end. A refused login ends it at once. `tell` hears
 * of the wait now and then.
 */
export function createConnectRetry(
  signal: AbortSignal,
  waitMs: number,
  tell: (message: string) => void,
): (open: () => Promise<Session>, needed: boolean) => Promise<Session> {
  let reached = false;
  let failingSince: number | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  return async (open, needed) => {
    for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
      try {
        const session = await open();
        reached = true;
        failingSince = null;
        return session;
      } catch (error) {
        if (signal.aborted || !mayPass(error, needed)) throw error;
        failingSince ??= performance.now();
        const most = mostMs(error, reached, waitMs);
        if (performance.now() - failingSince >= most) throw error;
        if (performance.now() - toldAt > noticeEveryMs) {
          toldAt = performance.now();
          tell(`waiting for the database: ${error.message}`);
        }
        // Not all runners at the same moment.
        const after = hasNoRoom(error) ? pause * (0.5 + Math.random()) : pause;
        await delay(after, undefined, { signal }).catch(() => {});
      }
    }
  };
}

/** True where a server has no room for another session. */
export function hasNoRoom(error: unknown): error is SqlmigError {
  return (
    error instanceof SqlmigError &&
    error.code === 'connection-failed' &&
    error.details.sqlstate === sqlstates.tooManyConnections
  );
}

/** True for what a server that starts, or is full for a moment, explains. */
function mayPass(error: unknown, needed: boolean): error is SqlmigError {
  if (hasNoRoom(error)) return needed;
  return error instanceof SqlmigError && error.code === 'connection-failed';
}

/** How long what a server refuses may go on. A database that is still to be created is waited for as a server is. */
function mostMs(error: SqlmigError, reached: boolean, waitMs: number): number {
  const { sqlstate } = error.details;
  if (hasNoRoom(error)) return Math.max(patienceMs, waitMs);
  if (!reached) return waitMs;
  return sqlstate === sqlstates.invalidCatalogName ? 0 : patienceMs;
}
