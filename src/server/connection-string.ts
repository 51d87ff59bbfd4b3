import { SqlmigError } from '../errors.ts';
import { isAdoString, readAdoString } from './ado-string.ts';
import { type Env, libpqParameters } from './connection-parameters.ts';
import { isUrl, readUrl } from './connection-url.ts';
import { isConninfo, readConninfo } from './conninfo.ts';
import { readService, type ServiceFile } from './service-file.ts';
import { ignoredWarnings, type UrlParameters } from './url-parameters.ts';

/** A server by name; a host with a slash is the folder of a socket. */
export interface TargetHost {
  readonly host: string;
  /** The address to connect to in place of the name (`hostaddr`). */
  readonly address: string | null;
  readonly port: number;
}

/** How to reach a database; nothing is opened or read yet. */
export interface ConnectionTarget {
  /** Tried in this order. */
  readonly hosts: readonly TargetHost[];
  readonly user: string | null;
  /** A function returns the password of each new session. */
  readonly password: string | (() => unknown) | null;
  readonly database: string | null;
  /** As in libpq; `null` if not set: then `disable` for this machine, else `prefer`. */
  readonly sslMode: SslMode | null;
  /** TLS from the first byte, without asking for it. */
  readonly sslDirect: boolean;
  /** Files: root certificates (or `system`), own certificate, its key; and the key's password. */
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly sslPassword: string | null;
  /** Versions of TLS that are allowed; `null` leaves them to Node. */
  readonly sslMinVersion: TlsVersion | null;
  readonly sslMaxVersion: TlsVersion | null;
  /** The login must be bound to the server's certificate, so that a man in the middle cannot relay it. */
  readonly channelBinding: boolean;
  /** TLS of a program's own client: options of Node, `prefer`, or `false` for none; `null` to use the settings above. */
  readonly tls: object | 'prefer' | false | null;
  /** Opens the socket of a new session instead of connecting to `hosts`; `null` if sqlmig opens it. */
  readonly openSocket: (() => Promise<object>) | null;
  /** Startup parameters, such as `options`. */
  readonly startup: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number | null;
  /** Only a server that accepts writes is used. */
  readonly readWrite: boolean;
  readonly passFile: string | null;
  /** The URL says that a pooler answers (`pgbouncer=true`, as for Prisma). */
  readonly saysPooled: boolean;
  /** The schema that a URL for Prisma names. */
  readonly schema: string | null;
  /** One sentence for each setting of the connection string that is ignored. */
  readonly warnings: readonly string[];
}

/** As in libpq (PostgreSQL documentation, SSL support). */
export type SslMode = (typeof sslModes)[number];
const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** A version of TLS. */
export type TlsVersion = (typeof tlsVersions)[number];
const tlsVersions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

/** The value of a parameter, and where it was set, in words. */
interface Setting {
  readonly value: string;
  readonly where: string;
}

type Settings = ReadonlyMap<string, Setting>;

/** The service that a database URL or else PGSERVICE names; `null` without one. */
export function serviceOf(url: string | null, env: Env): string | null {
  return serviceNamed(readText(url), env);
}

/**
 * Reads a database URL or a keyword/value string as libpq does. Missing parameters come from its service or
 * PGSERVICE, then from the `PG*` variables. `null` reads only the variables; `files` are the service files in the
 * order in which they are read.
 * @throws SqlmigError `config-invalid` for an invalid URL or an unsupported parameter. It quotes nothing of the URL
 *   except the name of a known parameter and the service.
 */
export function parseConnection(
  url: string | null,
  env: Env,
  files: readonly ServiceFile[] = [],
): ConnectionTarget {
  const fromUrl = readText(url);
  const settings = resolveSettings(fromUrl, env, files);
  refuseUnsupported(settings);
  const text = (name: string) => settings.get(name)?.value ?? null;
  const verifiesNothing = text('sslmode') === noVerify;
  const sslRootCert = verifiesNothing ? null : text('sslrootcert');
  const sslMode = verifiesNothing ? 'require' : sslModeOf(settings);
  const options = text('options');
  return {
    hosts: hostsOf(settings),
    user: text('user'),
    password: text('password'),
    database: text('dbname'),
    sslMode,
    sslDirect: isDirect(settings, sslMode),
    sslRootCert,
    sslCert: text('sslcert'),
    sslKey: text('sslkey'),
    sslPassword: text('sslpassword'),
    sslMinVersion: oneOf(tlsVersions, settings.get('ssl_min_protocol_version')),
    sslMaxVersion: oneOf(tlsVersions, settings.get('ssl_max_protocol_version')),
    channelBinding:
      oneOf(['disable', 'prefer', 'require'] as const, settings.get('channel_binding')) === 'require',
    tls: null,
    openSocket: null,
    startup: { ...(options !== null && { options }), ...startupOf(env) },
    connectTimeoutMs: timeoutOf(settings),
    readWrite: isReadWrite(settings.get('target_session_attrs')),
    passFile: text('passfile'),
    saysPooled: fromUrl.get('pgbouncer') === 'true',
    schema: fromUrl.get('schema') ?? null,
    warnings: [...(verifiesNothing ? [noVerifyWarning] : []), ...ignoredWarnings(fromUrl)],
  };
}

/** A host with its port for messages, or the path of its socket. */
export function describeHost({ host, address, port }: TargetHost): string {
  if (isSocket(host)) return `${host}/.s.PGSQL.${port}`;
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return address === null || address === host ? where : `${where} (${address})`;
}

/** True for the folder of a socket, or one in the abstract namespace. */
export function isSocket(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@');
}

// A value of node-postgres.
const noVerify = 'no-verify';
const noVerifyWarning =
  'sslmode=no-verify encrypts without checking the certificate of the server; verify-full checks it';

/** The settings of a connection string; none for `null`. */
function readText(text: string | null): UrlParameters {
  if (text === null) return new Map();
  const bare = withoutWrapping(text);
  if (isAdoString(bare)) return readAdoString(bare);
  return isConninfo(bare) ? readConninfo(bare) : readUrl(bare);
}

/** A connection string without the quotes, `psql` or name of a variable that were copied with it. */
function withoutWrapping(text: string): string {
  const trimmed = text.trim();
  const assigned = /^(?:export\s+)?\w+\s*=\s*(.*)$/s.exec(trimmed)?.[1] ?? '';
  const inner =
    /^psql\s+(.*)$/s.exec(trimmed)?.[1] ??
    /^(["'])(.*)\1$/s.exec(trimmed)?.[2] ??
    (isUrl(assigned.replace(/^["']+/, '')) ? assigned : null);
  return inner === null ? trimmed : withoutWrapping(inner);
}

function serviceNamed(fromUrl: UrlParameters, env: Env): string | null {
  return (fromUrl.get('service') ?? env.PGSERVICE) || null;
}

/**
 * The value of each parameter: the first one set in the URL, the service or a variable. As in libpq, an empty value
 * means the default.
 */
function resolveSettings(fromUrl: UrlParameters, env: Env, files: readonly ServiceFile[]): Settings {
  const settings = new Map<string, Setting>();
  const service = serviceNamed(fromUrl, env);
  const fromService = service === null ? new Map<string, string>() : readService(service, files);
  for (const [name, { variable }] of libpqParameters) {
    const places = [
      { value: fromUrl.get(name), where: `${name} in the database URL` },
      { value: fromService.get(name), where: `${name} of the service "${service}"` },
      { value: variable === null ? undefined : env[variable], where: String(variable) },
    ];
    const { value = '', where = '' } = places.find((place) => place.value !== undefined) ?? {};
    if (value !== '') settings.set(name, { value, where });
  }
  if (!settings.has('sslmode') && env.PGREQUIRESSL?.startsWith('1')) {
    settings.set('sslmode', { value: 'require', where: 'PGREQUIRESSL' });
  }
  return settings;
}

function refuseUnsupported(settings: Settings): void {
  for (const [name, { value, where }] of settings) {
    const treatment = libpqParameters.get(name)?.treatment;
    if (treatment?.kind !== 'refused' || treatment.unless.includes(value)) continue;
    const what = treatment.unless.length === 0 ? where : `this value of ${where}`;
    throw invalid(`sqlmig does not support ${what}`, treatment.hint);
  }
}

function hostsOf(settings: Settings): TargetHost[] {
  const list = (name: string) => settings.get(name)?.value.split(',') ?? null;
  const addresses = list('hostaddr');
  const names = list('host');
  const ports = list('port') ?? ['5432'];
  const hosts = names ?? addresses ?? ['localhost'];
  if (addresses !== null && addresses.length !== hosts.length) {
    throw invalid('host and hostaddr do not name the same number of hosts', 'give one address for each host');
  }
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw invalid(
      'the number of ports does not match the number of hosts',
      'give one port for all hosts, or one for each',
    );
  }
  return hosts.map((host, i) => {
    const port = (ports.length === 1 ? ports[0] : ports[i]) || '5432';
    const number = /^\s*\d{1,5}\s*$/.test(port) ? Number(port) : 0;
    if (number < 1 || number > 65_535) throw notAPort(settings.get('port'));
    const address = addresses?.[i] || null;
    return { host: host || address || 'localhost', address, port: number };
  });
}

function notAPort(setting: Setting | undefined): SqlmigError {
  return invalid(
    `${setting?.where ?? 'the port'} is not a number from 1 to 65535`,
    'in a URL the port follows the host, host:5432; in a password write / as %2F, ? as %3F and @ as %40',
  );
}

function sslModeOf(settings: Settings): SslMode | null {
  const setting = settings.get('sslmode');
  const mode = oneOf(sslModes, setting);
  // As in libpq: without a check of the host name, any certificate of a public authority would be accepted.
  if (settings.get('sslrootcert')?.value !== 'system' || mode === 'verify-full') return mode;
  if (mode === null) return 'verify-full';
  throw invalid(`${setting?.where} is too weak for sslrootcert=system`, 'use sslmode=verify-full');
}

function isDirect(settings: Settings, mode: SslMode | null): boolean {
  const setting = settings.get('sslnegotiation');
  const direct = oneOf(['postgres', 'direct'] as const, setting) === 'direct';
  if (direct && (mode === null || ['disable', 'allow', 'prefer'].includes(mode))) {
    throw invalid(
      `${setting?.where} needs a stronger sslmode`,
      'use sslmode=require, verify-ca or verify-full',
    );
  }
  return direct;
}

/**
 * True if only a server that accepts writes is to be used.
 * @throws SqlmigError `config-invalid` for a `target_session_attrs` that asks for a standby.
 */
export function isReadWrite(setting: Setting | undefined): boolean {
  if (setting === undefined || setting.value === 'any') return false;
  if (setting.value === 'read-write' || setting.value === 'primary') return true;
  throw invalid(
    `${setting.where} is not any, read-write or primary`,
    'a standby cannot be migrated; use read-write, or remove it',
  );
}

function timeoutOf(settings: Settings): number | null {
  const setting = settings.get('connect_timeout');
  if (setting === undefined) return null;
  if (!/^\s*[+-]?\d{1,9}\s*$/.test(setting.value)) {
    throw invalid(`${setting.where} is not a number of seconds`, 'write it like connect_timeout=10');
  }
  // Zero and less mean no limit of its own.
  return Math.max(0, Number(setting.value)) * 1000 || null;
}

/** What libpq asks the server for by variables that are no parameters. */
function startupOf(env: Env): Record<string, string> {
  const asked = { TimeZone: env.PGTZ, geqo: env.PGGEQO };
  return Object.fromEntries(
    Object.entries(asked).flatMap(([name, value]) =>
      value && value.toLowerCase() !== 'default' ? [[name, value]] : [],
    ),
  );
}

function oneOf<T extends string>(known: readonly T[], setting: Setting | undefined): T | null {
  if (setting === undefined) return null;
  const found = known.find((name) => name.toLowerCase() === setting.value.toLowerCase());
  if (found === undefined) throw invalid(`${setting.where} is not one of ${known.join(', ')}`);
  return found;
}

function invalid(message: string, hint?: string): SqlmigError {
  return new SqlmigError('config-invalid', message, { hint });
}
