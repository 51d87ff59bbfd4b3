import { SqlmigError } from '../errors.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import type { Server } from './session.ts';

/**
 * Refuses sessions whose settings are not ours to choose where a backslash in a string does not stand for itself: a
 * message is read as a whole before its first statement can set anything.
 * @throws SqlmigError `server-setting`.
 */
export function requirePlainStrings({ standardStrings, login }: Server): void {
  if (standardStrings) return;
  const message = 'standard_conforming_strings is off, so that a backslash in a string would not mean itself';
  throw new SqlmigError('server-setting', message, {
    state: 'nothing was touched',
    hint: `alter role ${quoteIdentifier(login)} set standard_conforming_strings = on, or give a URL that bypasses the pooler`,
  });
}
