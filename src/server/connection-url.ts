import { SqlmigError } from '../errors.ts';
import { libpqParameters } from './connection-parameters.ts';

// Extras of other tools: of their own pools, but for `schema` and `pgbouncer`.
const extras: ReadonlySet<string> = new Set([
  ...['schema', 'pgbouncer'],
  ...['connection_limit', 'pool_timeout', 'socket_timeout', 'statement_cache_size'],
]);

// Whatever is wrong, the reason may be a character of the password, and any part of the URL a part of it.
const encodeHint =
  'it looks like postgres://user:password@host:5432/database; in a password write / as %2F, ? as %3F, @ as %40 and % as %25';

/**
 * What a database URL says, by names of libpq's parameters and of extras of other tools; values are decoded, hosts and
 * ports separated by commas. A parameter of the query beats the same in the part before it, and the last one counts.
 * @throws SqlmigError `config-invalid`, which repeats nothing of the URL but the name of a known parameter.
 */
export function readUrl(url: string): ReadonlyMap<string, string> {
  const { userInfo, hosts, database, query } = split(url.trim());
  const [user, password] = cut(userInfo, ':');
  const places = hosts.split(',').map(place);
  const ports = places.map(({ port }) => port);
  const said = new Map<string, string>();
  const say = (name: string, value: string) => {
    if (value.includes('\0')) throw refuse('the database URL has a NUL character (%00)');
    said.set(name, value);
  };
  if (user !== '') say('user', decoded(user));
  if (password !== '') say('password', decoded(password));
  if (hosts !== '') say('host', places.map(({ host }) => decoded(host)).join(','));
  if (ports.some((port) => port !== '')) say('port', ports.join(','));
  if (database !== '') say('dbname', decoded(database));
  for (const part of query.split('&').filter((text) => text !== '')) {
    const [name, value] = cut(part, '=').map(decoded) as [string, string];
    const [known, meant] = asLibpq(name, value);
    if (!libpqParameters.has(known) && !extras.has(known)) throw unknown();
    say(known, meant);
  }
  return said;
}

function split(url: string): { userInfo: string; hosts: string; database: string; query: string } {
  const found = /^postgres(?:ql)?:(?:\/\/)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url);
  if (found === null) throw refuse('the database URL is not a valid URL');
  const [, authority = '', database = '', query = ''] = found;
  // The part before it may be a user and half a password, not a host and its port.
  const hidesPassword = /[:@]/.test(authority) && query.includes('@');
  if (database.includes('@') || hidesPassword) {
    throw refuse(
      'the database URL has an @ after a / or ?, so its password may have one of these characters',
    );
  }
  // The last @ ends the password, which may hold others.
  const at = authority.lastIndexOf('@');
  return { userInfo: authority.slice(0, Math.max(at, 0)), hosts: authority.slice(at + 1), database, query };
}

/** One host with its port; an IPv6 address is in brackets unless it has no port. */
function place(text: string): { host: string; port: string } {
  if (/^[\da-f]*:[\da-f:.]*:[\da-f:.]*$/i.test(text)) return { host: text, port: '' };
  const found = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(text);
  if (found === null)
    throw refuse('the database URL has too many colons after its user; put an IPv6 address in brackets');
  const [, bracketed, plain, port = ''] = found;
  return { host: bracketed ?? plain ?? '', port: decoded(port) };
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Text with %XX decoded; any other % is kept. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([\da-f]{2})/gi, (all, hex: string) => {
      const code = Number.parseInt(hex, 16);
      return code < 0x80 ? String.fromCharCode(code) : all;
    });
  }
}

/** Two names that libpq takes for `sslmode`: JDBC's and an old one of its own. */
function asLibpq(name: string, value: string): [string, string] {
  if (name === 'ssl' && value === 'true') return ['sslmode', 'require'];
  if (name === 'requiressl') return ['sslmode', value.startsWith('1') ? 'require' : 'prefer'];
  return [name, value];
}

function unknown(): SqlmigError {
  const known = [...libpqParameters].filter(([, { treatment }]) => treatment.kind === 'honored');
  return new SqlmigError('config-invalid', 'the database URL has a parameter that sqlmig does not know', {
    hint: `settings of the server go into options=-c%20name%3Dvalue, and a ? in a password is %3F; known are ${known.map(([name]) => name).join(', ')}`,
  });
}

function refuse(message: string): SqlmigError {
  return new SqlmigError('config-invalid', message, { hint: encodeHint });
}
