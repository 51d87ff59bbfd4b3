import { SqlmigError } from '../errors.ts';
import type { Session } from './session.ts';
import { settingOrigin } from './setting-origin.ts';

/**
 * Refuses to write to a standby, or to a server whose default_transaction_read_only is on.
 * @throws SqlmigError `read-only`.
 */
export async function refuseReadOnly(session: Session, how: 'refuse' | 'ignore'): Promise<void> {
  const { readOnly, host } = session.server;
  if (readOnly === 'standby') {
    throw new SqlmigError('read-only', `${host} is a standby, which cannot be written to`, {
      state: 'nothing was touched',
      hint: 'connect to the primary; a URL with several hosts and target_session_attrs=read-write finds it',
    });
  }
  if (readOnly === null || how === 'ignore') return;
  const origin = await settingOrigin(session, 'default_transaction_read_only');
  const message = `default_transaction_read_only is on, set for ${origin}`;
  throw new SqlmigError('read-only', message, {
    state: 'nothing was touched',
    hint: 'wait until it is off, or write anyway with --ignore-read-only',
  });
}
