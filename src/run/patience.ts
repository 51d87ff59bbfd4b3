import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../db/session.ts';
import { SqlmigError, sqlstates } from '../errors.ts';

// A server that restarts is back in seconds; what it refuses in between is tried again this long.
const patienceMs = 20_000;
const noticeEveryMs = 10_000;

/**
 * Opens sessions of one run. The first one is tried for `waitMs`, for a server that is not up or known by name yet; once
 * the database was reached, a refused connection is tried again, by all lanes together no longer than twenty seconds.
 * A refused login ends it at once. `tell` hears of the wait now and then.
 */
export function createPatience(
  signal: AbortSignal,
  waitMs: number,
  tell: (message: string) => void,
): (open: () => Promise<Session>) => Promise<Session> {
  let reached = false;
  let failingSince: number | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  return async (open) => {
    for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
      try {
        const session = await open();
        reached = true;
        failingSince = null;
        return session;
      } catch (error) {
        const most = reached ? patienceMs : waitMs;
        if (signal.aborted || !mayPass(error)) throw error;
        failingSince ??= performance.now();
        if (performance.now() - failingSince >= most) throw error;
        if (performance.now() - toldAt > noticeEveryMs) {
          toldAt = performance.now();
          tell(`waiting for the database: ${error.message}`);
        }
        await delay(pause, undefined, { signal }).catch(() => {});
      }
    }
  };
}

/** True for what a server that starts explains. No room for another session is not waited for: other lanes go on. */
function mayPass(error: unknown): error is SqlmigError {
  if (!(error instanceof SqlmigError) || error.code !== 'connection-failed') return false;
  const states: readonly (string | undefined)[] = [
    sqlstates.tooManyConnections,
    sqlstates.invalidCatalogName,
  ];
  return !states.includes(error.details.sqlstate);
}
