import { SqlmigError } from '../errors.ts';
import { collectParameters, type UrlParameters } from './url-parameters.ts';

/** True for a string of libpq's keywords, such as `host=db dbname=shop`. */
export function isConninfo(text: string): boolean {
  return /^\w+\s*=/.test(text);
}

/**
 * The settings of a string of keywords and values, read as libpq does (PostgreSQL documentation, Keyword/Value Connection
 * Strings).
 * @throws SqlmigError `config-invalid`, which repeats nothing of it but the name of a known parameter.
 */
export function readConninfo(text: string): UrlParameters {
  // A value without quotes ends at a blank, and a backslash takes any character as it is.
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s\\'])(?:\\.|[^\s\\])*|))(?=\s|$)/suy;
  const parameters: [string, string][] = [];
  for (let end = 0; text.slice(end).trim() !== ''; end = pair.lastIndex) {
    pair.lastIndex = end;
    const [, name = '', quoted, plain = ''] = pair.exec(text) ?? [];
    if (name === '') {
      throw new SqlmigError('config-invalid', 'the connection string is not a list of name=value', {
        hint: "it looks like host=db port=5432 dbname=shop user=app; quote a value with spaces as '...', with a \\ before ' and \\ in it",
      });
    }
    parameters.push([name, (quoted ?? plain).replace(/\\(.)/gsu, '$1')]);
  }
  return collectParameters(parameters);
}
