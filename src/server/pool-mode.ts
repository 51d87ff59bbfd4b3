import { quoteIdentifier } from '../sql/quote.ts';
import { withDeadline } from './deadline.ts';
import type { Session } from './session.ts';

const patienceMs = 2_000;

/**
 * True where it is certain that a session has its backend to itself from beginning to end, whatever stands between. An
 * equal pg_backend_pid() proves nothing: an idle pool in transaction mode gives the same backend again. But a
 * notification that comes while nothing runs only reaches a client that its backend still belongs to. `open` opens the
 * session in question and tells which channels it hears of.
 */
export async function staysOnBackend(
  beside: Session,
  open: (onNotification: (channel: string) => void) => Promise<Session>,
  channel: string,
): Promise<boolean> {
  const name = quoteIdentifier(channel);
  let heard = () => {};
  const notified = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const session = await open((of) => {
    if (of === channel) heard();
  });
  try {
    await withDeadline(session.run(`LISTEN ${name}`), patienceMs);
    // In transaction mode this may be the backend that listens.
    await withDeadline(beside.run(`NOTIFY ${name}; UNLISTEN ${name}`), patienceMs);
    return await withDeadline(notified, patienceMs).then(
      () => true,
      () => false,
    );
  } finally {
    await session.run(`UNLISTEN ${name}`).catch(() => {});
    await session.close();
  }
}
