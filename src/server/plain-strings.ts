import { SqlmigError } from '../errors.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import type { Server } from './session.ts';

/**
 * Refuses sessions with settings that sqlmig cannot choose if a backslash in a string is not an ordinary character: a
 * message is read as a whole before its first statement can set anything.
 * @throws SqlmigError `server-setting`.
 */
export function requirePlainStrings({ standardStrings, login }: Server): void {
  if (standardStrings) return;
  const message = 'standard_conforming_strings is off, so a backslash in a string would start an escape';
  throw new SqlmigError('server-setting', message, {
    state: 'nothing was touched',
    hint: `alter role ${quoteIdentifier(login)} set standard_conforming_strings = on, or use a URL that bypasses the pooler`,
  });
}
