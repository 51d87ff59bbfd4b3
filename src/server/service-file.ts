import { SqlmigError } from '../errors.ts';
import { libpqParameters } from './connection-parameters.ts';

/** A service file of libpq. */
export interface ServiceFile {
  readonly path: string;
  /** `null` if there is no such file. */
  readonly text: string | null;
}

/**
 * The parameters of a service, from the first file that has it.
 * @throws SqlmigError `config-invalid` for a service that no file has, and for what libpq would refuse in its section,
 *   with file and line and nothing of the line.
 */
export function readService(name: string, files: readonly ServiceFile[]): ReadonlyMap<string, string> {
  for (const file of files) {
    const parameters = section(name, file);
    if (parameters !== null) return parameters;
  }
  const places = files.map(({ path, text }) => (text === null ? `${path} (not found)` : path));
  throw new SqlmigError(
    'config-invalid',
    `no service "${name}" in ${places.join(' or ') || 'any file: there is none'}`,
    { hint: 'check PGSERVICE or service= in the database URL; PGSERVICEFILE names another file' },
  );
}

/** The first section of that name; `null` if there is none. As in libpq, other sections are not read. */
function section(name: string, { path, text }: ServiceFile): ReadonlyMap<string, string> | null {
  let parameters: Map<string, string> | null = null;
  for (const [i, raw] of (text ?? '')
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    // A blank of Unicode may belong to a password.
    const line = raw.replace(/^[ \t\v\f]+|[ \t\v\f\r]+$/g, '');
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (parameters !== null) return parameters;
      if (line.startsWith(`[${name}]`)) parameters = new Map();
      continue;
    }
    if (parameters === null) continue;
    const refuse = (why: string) => invalid(`${path}:${i + 1}`, why);
    if (line.includes('\0')) throw refuse('there is a NUL character');
    if (line.startsWith('ldap')) throw refuse('sqlmig cannot look a service up in LDAP');
    const equals = line.indexOf('=');
    if (equals === -1) throw refuse('this is not a [service], a key=value or a comment');
    const key = line.slice(0, equals);
    if (key === 'service') throw refuse('a service cannot name another service');
    if (!libpqParameters.has(key))
      throw refuse('the key is not a parameter of libpq, or has spaces around it');
    // The first one counts.
    if (!parameters.has(key)) parameters.set(key, line.slice(equals + 1));
  }
  return parameters;
}

function invalid(place: string, why: string): SqlmigError {
  return new SqlmigError('config-invalid', `${place}: ${why}`, {
    hint: 'see “The Connection Service File” in the documentation of PostgreSQL',
  });
}
