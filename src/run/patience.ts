import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../db/session.ts';
import { SqlmigError, sqlstates } from '../errors.ts';

// A server that restarts is back in seconds; what it refuses in between is tried again this long.
const patienceMs = 20_000;

/**
 * Opens sessions of one run. The very first try decides whether the run can begin at all; once the database was
 * reached, a refused connection is tried again, by all lanes together no longer than twenty seconds.
 */
export function createPatience(signal: AbortSignal): (open: () => Promise<Session>) => Promise<Session> {
  let reached = false;
  let failingSince: number | null = null;
  return async (open) => {
    for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
      try {
        const session = await open();
        reached = true;
        failingSince = null;
        return session;
      } catch (error) {
        if (!reached || signal.aborted || !mayPass(error)) throw error;
        failingSince ??= performance.now();
        if (performance.now() - failingSince > patienceMs) throw error;
        await delay(pause, undefined, { signal }).catch(() => {});
      }
    }
  };
}

/** True for what a restart explains. No room for another session is not waited for: other lanes go on. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof SqlmigError) || error.code !== 'connection-failed') return false;
  return error.details.sqlstate !== sqlstates.tooManyConnections;
}
