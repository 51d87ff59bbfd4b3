import { setTimeout as delay } from 'node:timers/promises';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { Session } from '../server/session.ts';

// A server that restarts is back within seconds.
const retryMs = 20_000;
const noticeEveryMs = 10_000;

/**
 * Opens the sessions of one run and retries connections that a starting server refuses. It retries the first session for
 * `waitMs`, even if the host name does not resolve or the database does not exist. Once it has reached the database, it
 * retries refused connections for twenty seconds, counted over all workers. A `needed` session also waits for a free
 * connection slot, for twenty seconds or `waitMs`, since other runs end. Any other error ends the wait at once.
 */
export function createConnectRetry(
  signal: AbortSignal,
  waitMs: number,
  warn: (message: string) => void,
): (open: () => Promise<Session>, needed: boolean) => Promise<Session> {
  let reached = false;
  let failingSince: number | null = null;
  let warnedAt = Number.NEGATIVE_INFINITY;
  return async (open, needed) => {
    for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
      try {
        const session = await open();
        reached = true;
        failingSince = null;
        return session;
      } catch (error) {
        if (signal.aborted || !isTransient(error, needed)) throw error;
        failingSince ??= performance.now();
        const limitMs = retryLimitMs(error, reached, waitMs);
        if (performance.now() - failingSince >= limitMs) throw error;
        if (performance.now() - warnedAt > noticeEveryMs) {
          warnedAt = performance.now();
          warn(`waiting for the database: ${error.message}`);
        }
        // Runs that were refused together must not retry together.
        const after = hasNoRoom(error) ? pause * (0.5 + Math.random()) : pause;
        await delay(after, undefined, { signal }).catch(() => {});
      }
    }
  };
}

/** True if the server refused a session because all connection slots are in use. */
export function hasNoRoom(error: unknown): error is SqlmigError {
  return (
    error instanceof SqlmigError &&
    error.code === 'connection-failed' &&
    error.details.sqlstate === sqlstates.tooManyConnections
  );
}

/** True for errors that end once the server has started, or has a free connection slot. */
function isTransient(error: unknown, needed: boolean): error is SqlmigError {
  if (hasNoRoom(error)) return needed;
  return error instanceof SqlmigError && error.code === 'connection-failed';
}

/** How long to retry after this error. */
function retryLimitMs(error: SqlmigError, reached: boolean, waitMs: number): number {
  const { sqlstate } = error.details;
  if (hasNoRoom(error)) return Math.max(retryMs, waitMs);
  if (!reached) return waitMs;
  return sqlstate === sqlstates.invalidCatalogName ? 0 : retryMs;
}
