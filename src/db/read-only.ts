import { SqlmigError } from '../errors.ts';
import type { Server } from './session.ts';

/**
 * Refuses to write to a server that cannot take it, or that somebody has asked us not to write to.
 * @throws SqlmigError `read-only`.
 */
export function refuseReadOnly({ readOnly, host, database }: Server, how: 'refuse' | 'ignore'): void {
  if (readOnly === 'standby') {
    throw new SqlmigError('read-only', `${host} is a standby, which cannot be written to`, {
      state: 'nothing was touched',
      hint: 'connect to the primary; a URL with several hosts and target_session_attrs=read-write finds it',
    });
  }
  if (readOnly === null || how === 'ignore') return;
  const message = `default_transaction_read_only is on for this role or for the database "${database}"`;
  throw new SqlmigError('read-only', message, {
    state: 'nothing was touched',
    hint: 'wait until it is switched off, or write all the same with --ignore-read-only',
  });
}
