import { SqlmigError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** What a second session reports about the backend of a first one. */
type BackendState =
  /** It is running a message. */
  | 'works'
  /** It is gone, or waits for the client. */
  | 'idle'
  /** The server answers, but the state of the backend is unknown. */
  | 'unknown'
  /** The server does not answer. */
  | 'unreachable';

/** What watching one session takes. */
interface Watched {
  /** Since when the server owes an answer and has said nothing; `null` while nothing runs. */
  readonly silentSince: () => number | null;
  /** Asks about the backend over a connection of its own. */
  readonly ask: () => Promise<BackendState>;
  /** Ends the session, with the reason. */
  readonly lose: (reason: string) => void;
}

/** How long a message may go unanswered before it is checked, again and again, on a second connection. */
export const silentAfterMs = 30_000;
const mostUnreachable = 3;

/**
 * Watches a session until the returned function is called. A connection whose other end is gone, or that a proxy has
 * dropped, looks like one on which a file runs silently for hours; only the server knows.
 */
export function watch({ silentSince, ask, lose }: Watched, afterMs = silentAfterMs): () => void {
  let asking = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let unreachable = 0;
  let suspectSince: number | null = null;

  const check = async () => {
    const since = silentSince();
    if (since === null) return;
    const state = await ask().catch(() => 'unreachable' as const);
    // The server answered in the meantime.
    if (silentSince() !== since) {
      unreachable = 0;
      suspectSince = null;
      return;
    }
    unreachable = state === 'unreachable' ? unreachable + 1 : 0;
    const wasSuspect = suspectSince === since;
    suspectSince = state === 'idle' ? since : null;
    const seconds = Math.round((performance.now() - since) / 1000);
    if (unreachable >= mostUnreachable)
      return lose(`no answer from the server for ${seconds} s, and it can no longer be reached`);
    // The answer may have been in transit, so the server is asked twice.
    if (state === 'idle' && wasSuspect)
      lose(`no answer from the server for ${seconds} s, and its backend is no longer active`);
  };
  const timer = setInterval(
    () => {
      const [since, now] = [silentSince(), performance.now()];
      if (since === null || asking || now - since < afterMs) return;
      if (suspectSince !== since && now - askedAt < afterMs) return;
      asking = true;
      void check().finally(() => {
        asking = false;
        askedAt = performance.now();
      });
    },
    Math.min(2_000, afterMs),
  );
  timer.unref();
  return () => clearInterval(timer);
}

/** What asking takes of a session. */
interface Asking {
  read(text: string): Promise<readonly { readonly [column: string]: unknown }[]>;
  abandon(): void;
}

/** What a session from `open` reports about a backend; `null` is an unknown backend. */
export async function stateOfBackend(
  pid: number | null,
  open: () => Promise<Asking>,
  { connectTimeoutMs, signal }: { readonly connectTimeoutMs: number; readonly signal?: AbortSignal },
): Promise<BackendState> {
  let session: Asking;
  try {
    session = await open();
  } catch (error) {
    // A refusal, such as too many connections, is an answer.
    return error instanceof SqlmigError && error.details.sqlstate !== undefined ? 'unknown' : 'unreachable';
  }
  try {
    if (pid === null) return 'unknown';
    // A backend whose rows are not read is not active either.
    const asking =
      session.read(`select state = 'active' and wait_event is distinct from 'ClientWrite' as works
from pg_stat_activity where pid = ${pid}`);
    const [row] = await withDeadline(asking, connectTimeoutMs, signal);
    return row?.works === true ? 'works' : 'idle';
  } finally {
    session.abandon();
  }
}
