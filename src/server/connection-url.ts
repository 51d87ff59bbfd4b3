import { SqlmigError } from '../errors.ts';
import { collectParameters, splitAtFirst, type UrlParameters } from './url-parameters.ts';

// The cause may be a character of the password, so any part of the URL may be a part of the password.
const encodeHint =
  'it looks like postgres://user:password@host:5432/database; in a password write / as %2F, ? as %3F, @ as %40 and % as %25';
const prismaHint =
  'use the connection string of the database itself, such as directUrl in the schema of Prisma';
// Of libpq, Ecto, Django (postgis to timescalegis) and golang-migrate (pgx); SQLAlchemy adds its driver. By RFC 3986,
// schemes are case-insensitive.
const scheme = /^(?:postgres(?:ql)?|ecto|postgis|pgsql|psql|timescale(?:gis)?|pgx[45]?)(?:\+[\w.-]+)?:/i;
const jdbcScheme = /^jdbc:(?=postgresql:)/;
// The prefix of the R2DBC drivers of Java, whose URLs are otherwise like those of libpq.
const r2dbc = /^r2dbc:(?:pool:)?/;

/**
 * The settings of a database URL, by parameter names of libpq and other tools; values are decoded, hosts and ports
 * separated by commas. A query parameter overrides the part before it, and the last one counts.
 * @throws SqlmigError `config-invalid`, which repeats nothing of the URL but the name of a known parameter.
 */
export function readUrl(url: string): UrlParameters {
  const isJdbc = jdbcScheme.test(url);
  const { userInfo, hosts, database, query } = isJdbc
    ? splitJdbc(url.replace(jdbcScheme, ''))
    : split(url.replace(r2dbc, ''));
  const [user, password] = splitAtFirst(userInfo, ':');
  const parts = [
    ['user', decoded(user)],
    ['password', decoded(password)],
    ...placesOf(hosts),
    ['dbname', decoded(database)],
  ] as const;
  // Java decodes a query as a form.
  const spaced = isJdbc ? query.replaceAll('+', ' ') : query;
  const parameters = spaced
    .split('&')
    .filter((text) => text !== '')
    .map((part) => splitAtFirst(part, '=').map(decoded) as [string, string]);
  return collectParameters([...parts.filter(([, value]) => value !== ''), ...parameters]);
}

/**
 * The parameters `host` and `port` of hosts with their ports, separated by commas; of the ports only if there is one.
 * @throws SqlmigError `config-invalid`, which repeats none of them.
 */
export function placesOf(hosts: string): (readonly [name: 'host' | 'port', value: string])[] {
  const places = hosts.split(',').map(place);
  const ports = places.map(({ port }) => port);
  return [
    ['host', hosts === '' ? '' : places.map(({ host }) => decoded(host)).join(',')],
    ...(ports.some((port) => port !== '') ? [['port', ports.join(',')] as const] : []),
  ];
}

/** True for a text that begins as a database URL does. */
export function isUrl(text: string): boolean {
  return [scheme, jdbcScheme, r2dbc].some((scheme) => scheme.test(text));
}

interface UrlParts {
  readonly userInfo: string;
  readonly hosts: string;
  readonly database: string;
  readonly query: string;
}

function split(url: string): UrlParts {
  if (/^prisma(?:\+postgres)?:/.test(url))
    throw refuse('the database URL is one of a proxy that only Prisma can use', prismaHint);
  if (!scheme.test(url)) throw refuse('the database URL does not begin with postgres: or postgresql:');
  const found = /^(?:\/\/)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url.replace(scheme, ''));
  if (found === null) throw refuse('the database URL is not a valid URL');
  const [, authority = '', database = '', query = ''] = found;
  // The part before it may be a user and half a password.
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

/** The parts of a JDBC URL, whose user and password are parameters, and which may name a database and no host. */
function splitJdbc(url: string): UrlParts {
  const withHost = url.replace(/^postgresql:(?!\/)/, 'postgresql:///');
  const secrets: string[] = [];
  const hidden = withHost.replace(/(?<=[?&](?:user|password)=)[^&]*/g, (value) => {
    secrets.push(value);
    return '';
  });
  const { query, ...parts } = split(hidden);
  return { ...parts, query: query.replace(/(?<=(?:^|&)(?:user|password)=)/g, () => secrets.shift() ?? '') };
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

function refuse(message: string, hint = encodeHint): SqlmigError {
  return new SqlmigError('config-invalid', message, { hint });
}
