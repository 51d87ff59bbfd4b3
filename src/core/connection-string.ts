import { SqlmigError } from '../errors.ts';

/** What is said of a database: nothing is opened or read yet. */
export interface ConnectionTarget {
  /** Tried in this order; a host with a slash is the folder of a socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string | null;
  readonly password: string | null;
  readonly database: string | null;
  /** As in libpq; `null` where nobody said: then `disable` on this machine, else `prefer`. */
  readonly sslMode: SslMode | null;
  /** Files: root certificates, own certificate, its key. */
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  /** Startup parameters, such as `options`. */
  readonly startup: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number | null;
  /** Only a server that takes writes will do. */
  readonly readWrite: boolean;
  readonly passFile: string | null;
  /** The URL says that a pooler answers (`pgbouncer=true`, as for Prisma). */
  readonly saysPooled: boolean;
  /** The schema that a URL for Prisma names. */
  readonly schema: string | null;
}

/** As in libpq (PostgreSQL documentation, SSL support). */
export type SslMode = (typeof sslModes)[number];
const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

type Env = Readonly<Record<string, string | undefined>>;

// Parameters of libpq and the variables that stand for them where the URL does not say.
const variables: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  dbname: 'PGDATABASE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  passfile: 'PGPASSFILE',
};
// They change nothing that matters here: tuning of libpq, and extras of other tools about their own pools.
const withoutEffect: ReadonlySet<string> = new Set([
  ...['keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_count', 'tcp_user_timeout'],
  ...[
    'client_encoding',
    'application_name',
    'fallback_application_name',
    'gssencmode',
    'sslcompression',
    'sslsni',
  ],
  ...['connection_limit', 'pool_timeout', 'socket_timeout', 'statement_cache_size', 'pgbouncer', 'schema'],
]);

/**
 * Reads a connection string as people have them; what it does not say comes from the `PG*` variables. `null` is
 * the variables alone.
 * @throws SqlmigError `config-invalid`, without any password, for what is no such string or asks for what sqlmig cannot do.
 */
export function parseConnection(url: string | null, env: Env): ConnectionTarget {
  const parts = url === null ? { userInfo: '', hosts: '', database: '', query: '' } : split(url);
  const query = new URLSearchParams(parts.query);
  const fromEnv = (name: string) => env[variables[name] ?? ''] || null;
  const said = (name: string, fromUrl: string | null = null) =>
    fromUrl ?? (query.get(name) || null) ?? fromEnv(name);
  const [user, password] = credentials(parts.userInfo);
  for (const name of query.keys()) refuseUnknown(name);
  const mode = said('sslmode');
  if (mode !== null && !isSslMode(mode)) throw invalid(`sslmode is ${sslModes.join(', ')}, not "${mode}"`);
  if (query.get('channel_binding') === 'require') {
    throw invalid(
      'channel_binding=require is more than the driver can do',
      'leave it away, and use sslmode=verify-full',
    );
  }
  const attributes = said('target_session_attrs') ?? 'any';
  if (!['any', 'read-write', 'primary'].includes(attributes)) {
    throw invalid(
      `target_session_attrs=${attributes} is no server that can be migrated`,
      'use read-write, or leave it away',
    );
  }
  const options = said('options');
  const seconds = said('connect_timeout');
  return {
    hosts: hostList(parts.hosts || said('hostaddr') || said('host') || 'localhost', said('port')),
    user: said('user', user),
    password: said('password', password),
    database: said('dbname', decoded(parts.database) || null),
    sslMode: mode,
    sslRootCert: said('sslrootcert'),
    sslCert: said('sslcert'),
    sslKey: said('sslkey'),
    startup: options === null ? {} : { options },
    connectTimeoutMs: seconds === null || !/^\d+$/.test(seconds) ? null : Number(seconds) * 1000 || null,
    readWrite: attributes !== 'any',
    passFile: said('passfile'),
    saysPooled: query.get('pgbouncer') === 'true',
    schema: query.get('schema'),
  };
}

/** Hosts, port and database of a target for messages: never user or password. */
export function describeTarget({ hosts, database }: ConnectionTarget): string {
  const where = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  return database === null ? where : `${where}/${database}`;
}

function split(url: string): { userInfo: string; hosts: string; database: string; query: string } {
  // The last @ ends the password, which may hold others.
  const found = /^postgres(?:ql)?:(?:\/\/)?(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(
    url.trim(),
  );
  if (found === null) {
    throw invalid(
      'the database URL is not a valid URL',
      'it looks like postgres://user:password@host:5432/database; write / and ? in a password as %2F and %3F',
    );
  }
  const [, userInfo = '', hosts = '', database = '', query = ''] = found;
  return { userInfo, hosts, database, query };
}

function credentials(userInfo: string): [string | null, string | null] {
  const colon = userInfo.indexOf(':');
  const user = colon === -1 ? userInfo : userInfo.slice(0, colon);
  const password = colon === -1 ? '' : userInfo.slice(colon + 1);
  return [decoded(user) || null, decoded(password) || null];
}

/** Text with its %XX read; a % that begins none stands for itself. */
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

function hostList(text: string, ports: string | null): ConnectionTarget['hosts'] {
  const given = (ports ?? '5432').split(',');
  return text.split(',').map((entry, i) => {
    // An IPv6 address is in brackets, unless it stands alone.
    const [, bracketed, plain, own] = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(entry) ?? ['', entry];
    const port = own || given[i] || given[0] || '5432';
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw invalid(`"${port}" is not a port number`);
    return { host: bracketed ?? (decoded(plain ?? '') || 'localhost'), port: Number(port) };
  });
}

function isSslMode(text: string): text is SslMode {
  return sslModes.some((mode) => mode === text);
}

function refuseUnknown(name: string): void {
  if (Object.hasOwn(variables, name) || withoutEffect.has(name)) return;
  if (name === 'channel_binding') return;
  const hint = `settings of the server go into options=-c%20name%3Dvalue; known are ${Object.keys(variables).join(', ')}`;
  throw invalid(`"${name}" in the database URL is a parameter that sqlmig does not know`, hint);
}

function invalid(message: string, hint?: string): SqlmigError {
  return new SqlmigError('config-invalid', message, { hint });
}
