import { SqlmigError } from '../errors.ts';
import { withDeadline } from './deadline.ts';

/** What a second session says of the backend of a first one. */
export type BackendState =
  /** It works on a message. */
  | 'works'
  /** It is gone, or waits for us. */
  | 'idle'
  /** The server answers, but cannot tell. */
  | 'untold'
  /** The server does not answer. */
  | 'unreachable';

/** What a watch over one session needs to know. */
export interface Watched {
  /** Since when the server owes an answer and has said nothing; `null` while nothing runs. */
  readonly silentSince: () => number | null;
  /** Asks about the backend over a connection of its own. */
  readonly ask: () => Promise<BackendState>;
  /** Ends the session, with the reason. */
  readonly lose: (reason: string) => void;
}

/** A message is asked about once it has been silent for so long, and then again and again. */
export const silentAfterMs = 30_000;
const mostUnreachable = 3;

/**
 * Watches over a session until the function that it gives is called. A connection whose other end is gone, or that a
 * proxy has forgotten, looks just like one on which a file runs for hours without a word; only the server knows.
 */
export function watch({ silentSince, ask, lose }: Watched, afterMs = silentAfterMs): () => void {
  let asking = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let unreachable = 0;
  let suspectSince: number | null = null;

  const look = async () => {
    const since = silentSince();
    if (since === null) return;
    const state = await ask().catch(() => 'unreachable' as const);
    // It was heard while we asked.
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
      return lose(`no word from the server for ${seconds} s, and it cannot be reached any more`);
    // An answer may have been on its way when the server was asked, so it is asked twice.
    if (state === 'idle' && wasSuspect)
      lose(`no word from the server for ${seconds} s, and its backend is not at work any more`);
  };
  const timer = setInterval(
    () => {
      const [since, now] = [silentSince(), performance.now()];
      if (since === null || asking || now - since < afterMs) return;
      if (suspectSince !== since && now - askedAt < afterMs) return;
      asking = true;
      void look().finally(() => {
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

/** What a session that `open` gives says of a backend; `null`: nobody knows which one it is. */
export async function stateOfBackend(
  pid: number | null,
  open: () => Promise<Asking>,
  { connectTimeoutMs, signal }: { readonly connectTimeoutMs: number; readonly signal?: AbortSignal },
): Promise<BackendState> {
  let session: Asking;
  try {
    session = await open();
  } catch (error) {
    // A refusal, such as for want of room, is an answer.
    return error instanceof SqlmigError && error.details.sqlstate !== undefined ? 'untold' : 'unreachable';
  }
  try {
    if (pid === null) return 'untold';
    // One that cannot get rid of its rows is not at work either.
    const asking =
      session.read(`select state = 'active' and wait_event is distinct from 'ClientWrite' as works
from pg_stat_activity where pid = ${pid}`);
    const [row] = await withDeadline(asking, connectTimeoutMs, signal);
    return row?.works === true ? 'works' : 'idle';
  } finally {
    session.abandon();
  }
}
