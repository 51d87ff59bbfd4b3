import { quoteIdentifier } from '../sql/quote.ts';
import { withDeadline } from './deadline.ts';
import type { Session } from './session.ts';

const timeoutMs = 2_000;

/**
 * True if a session certainly keeps its backend from beginning to end, with or without a pooler in between. An equal
 * pg_backend_pid() proves nothing: an idle pool in transaction mode assigns the same backend again. But a
 * notification that comes while nothing runs only reaches a client that its backend still belongs to. `open` opens the
 * session in question and reports the channels of its notifications.
 */
export async function staysOnBackend(
  beside: Session,
  open: (onNotification: (channel: string) => void) => Promise<Session>,
  channel: string,
): Promise<boolean> {
  const name = quoteIdentifier(channel);
  let receive = () => {};
  const notified = new Promise<void>((resolve) => {
    receive = resolve;
  });
  const session = await open((of) => {
    if (of === channel) receive();
  });
  try {
    await withDeadline(session.run(`LISTEN ${name}`), timeoutMs);
    // In transaction mode this may be the backend that listens.
    await withDeadline(beside.run(`NOTIFY ${name}; UNLISTEN ${name}`), timeoutMs);
    return await withDeadline(notified, timeoutMs).then(
      () => true,
      () => false,
    );
  } finally {
    await session.run(`UNLISTEN ${name}`).catch(() => {});
    await session.close();
  }
}
