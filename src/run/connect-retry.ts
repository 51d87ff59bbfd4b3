import { setTimeout as delay } from 'node:timers/promises';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { Session } from '../server/session.ts';

// A server that restarts is back within seconds.
const retryMs = 20_000;
const noticeEveryMs = 10_000;

/**
 * Opens the sessions of one run and retries what a server that starts refuses. The first session is retried for `waitMs`,
 * also while the host name does not resolve or the database does not exist. Once the database was reached, refused
 * connections are retried for twenty seconds, counted over all workers. A session that the run `needed` also waits for
 * room on the server, for twenty seconds or `waitMs`, since other runners end. Any other error ends the wait at once.
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
        if (signal.aborted || !mayPass(error, needed)) throw error;
        failingSince ??= performance.now();
        const most = mostMs(error, reached, waitMs);
        if (performance.now() - failingSince >= most) throw error;
        if (performance.now() - warnedAt > noticeEveryMs) {
          warnedAt = performance.now();
          warn(`waiting for the database: ${error.message}`);
        }
        // Runners that were refused together must not come back together.
        const after = hasNoRoom(error) ? pause * (0.5 + Math.random()) : pause;
        await delay(after, undefined, { signal }).catch(() => {});
      }
    }
  };
}

/** True if the server refused a session because it has no room for another one. */
export function hasNoRoom(error: unknown): error is SqlmigError {
  return (
    error instanceof SqlmigError &&
    error.code === 'connection-failed' &&
    error.details.sqlstate === sqlstates.tooManyConnections
  );
}

/** True for errors that pass when the server has started, or has room again. */
function mayPass(error: unknown, needed: boolean): error is SqlmigError {
  if (hasNoRoom(error)) return needed;
  return error instanceof SqlmigError && error.code === 'connection-failed';
}

/** How long such an error is retried. */
function mostMs(error: SqlmigError, reached: boolean, waitMs: number): number {
  const { sqlstate } = error.details;
  if (hasNoRoom(error)) return Math.max(retryMs, waitMs);
  if (!reached) return waitMs;
  return sqlstate === sqlstates.invalidCatalogName ? 0 : retryMs;
}
