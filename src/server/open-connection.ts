import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { SqlmigError } from '../errors.ts';
import type { Env } from './connection-parameters.ts';
import { type ConnectionTarget, isReadWrite, isSocket, type TargetHost } from './connection-string.ts';

/** The connection of a program: `sql` of postgres.js, or a `Pool` or `Client` of pg. */
export type OpenConnection =
  | { readonly options: { readonly host: readonly string[]; readonly port: readonly number[] } }
  | { readonly connect: (...args: never[]) => unknown; readonly query: (...args: never[]) => unknown };

/** The options of postgres.js that say how to connect, with the defaults that it has filled in. */
interface PostgresJsOptions {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
  readonly user: string;
  readonly database: string;
  readonly pass: string | (() => unknown);
  readonly ssl?: unknown;
  readonly sslnegotiation?: string | null;
  readonly connection: Readonly<Record<string, unknown>>;
  readonly connect_timeout?: number;
  readonly target_session_attrs?: string;
  readonly socket?: (options: PostgresJsOptions) => Duplex | Promise<Duplex>;
}

/** `connectionParameters` of a client of pg. */
interface PgParameters {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly database?: string;
  readonly password?: string | ((parameters: PgParameters) => unknown) | null;
  readonly options?: string;
  readonly ssl?: unknown;
  readonly sslnegotiation?: string;
  /** In seconds; 0 is no limit. */
  readonly connect_timeout?: string | number;
}

interface PgClient {
  readonly connectionParameters: PgParameters;
}

type OpenStream = (options: object) => Duplex & { connect?(...to: unknown[]): unknown };

interface PgPool {
  readonly options: { readonly stream?: OpenStream };
  readonly Client: new (options: object) => unknown;
}

/** True for what `targetOfConnection` can read. */
export function isOpenConnection(value: unknown): value is OpenConnection {
  return isPostgresJs(value) || isPgPool(value) || isPgClient(value);
}

/**
 * The target of a program's own pool or client, over which nothing is sent. sqlmig opens its own sessions there,
 * because a migration needs sessions that no other code uses, and its settings must not remain in those of the program.
 * @throws SqlmigError `config-invalid` for a client that connects only to standbys, or over a socket without the usual
 * name, and for a pool whose clients are not those of pg.
 */
export function targetOfConnection(connection: OpenConnection, env: Env): ConnectionTarget {
  if (isPostgresJs(connection)) return targetOfPostgresJs(connection.options);
  const passFile = env.PGPASSFILE || null;
  if (isPgClient(connection)) return { ...targetOfPg(connection.connectionParameters, null), passFile };
  const { Client, options } = connection as unknown as PgPool;
  // A new client evaluates connection string, environment and defaults as pg does. It opens nothing until it connects,
  // except that the `stream` function might.
  const descriptors = { ...Object.getOwnPropertyDescriptors(options), stream: { value: undefined } };
  const client = new Client(Object.create(Object.prototype, descriptors));
  if (!isPgClient(client)) {
    throw new SqlmigError('config-invalid', 'the Client of the connection is not one of pg', {
      hint: 'pass a Pool or Client of pg, or a url',
    });
  }
  return { ...targetOfPg(client.connectionParameters, options.stream ?? null), passFile };
}

function isPostgresJs(value: unknown): value is { readonly options: PostgresJsOptions } {
  const { options } = Object(value) as { readonly options?: Partial<PostgresJsOptions> };
  const hasHosts = Array.isArray(options?.host) && Array.isArray(options.port);
  return hasHosts && typeof options.connection === 'object' && options.connection !== null;
}

function isPgPool(value: unknown): boolean {
  const { options, Client } = Object(value) as Partial<PgPool>;
  return typeof options === 'object' && typeof Client === 'function';
}

function isPgClient(value: unknown): value is PgClient {
  const { connectionParameters } = Object(value) as Partial<PgClient>;
  return typeof connectionParameters === 'object' && typeof connectionParameters.host === 'string';
}

// Limits of the program's own queries, and parameters that sqlmig sets itself.
const notTaken = /_timeout$|^(?:application_name|client_encoding|user|database|replication)$/;

function targetOfPostgresJs(options: PostgresJsOptions): ConnectionTarget {
  const { user, database, pass, ssl, connection, socket, target_session_attrs: attributes } = options;
  const startup = Object.entries(connection).filter(([name, value]) => value && !notTaken.test(name));
  return {
    ...base,
    hosts: hostsOf(options),
    user,
    database,
    password: pass,
    sslDirect: options.sslnegotiation === 'direct',
    tls: tlsOf(ssl, ssl === 'require' || ssl === 'allow'),
    startup: Object.fromEntries(startup.map(([name, value]) => [name, String(value)])),
    connectTimeoutMs: Number(options.connect_timeout) * 1000 || null,
    readWrite: isReadWrite(
      attributes ? { value: attributes, where: 'target_session_attrs of the connection' } : undefined,
    ),
    openSocket: socket ? async () => socket(options) : null,
  };
}

function hostsOf({ host, port, path }: PostgresJsOptions): TargetHost[] {
  const hosts = host.map((name, i) => ({ host: name, address: null, port: Number(port[i] ?? port[0]) }));
  if (!path || hosts.some(({ host }) => isSocket(host))) return hosts;
  const [, folder, number] = /^(.+)\/\.s\.PGSQL\.(\d+)$/.exec(path) ?? [];
  if (folder !== undefined) return [{ host: folder, address: null, port: Number(number) }];
  throw new SqlmigError(
    'config-invalid',
    'the path of the connection is not that of a socket of PostgreSQL',
    {
      hint: 'its name ends with .s.PGSQL. and the port; pass another connection, or a url',
    },
  );
}

function targetOfPg(parameters: PgParameters, stream: OpenStream | null): ConnectionTarget {
  const { host, port, user, database, password, options, ssl } = parameters;
  return {
    ...base,
    hosts: [{ host, address: null, port }],
    user: user ?? null,
    database: database ?? null,
    password: typeof password === 'function' ? () => password(parameters) : (password ?? null),
    sslDirect: parameters.sslnegotiation === 'direct',
    tls: tlsOf(ssl, false),
    startup: options ? { options } : {},
    connectTimeoutMs: Number(parameters.connect_timeout) * 1000 || null,
    openSocket: stream && (() => connected(stream({ ssl }), parameters)),
  };
}

async function connected(stream: ReturnType<OpenStream>, { host, port }: PgParameters): Promise<Duplex> {
  stream.connect?.(...(isSocket(host) ? [`${host}/.s.PGSQL.${port}`] : [port, host]));
  await once(stream, 'connect');
  return stream;
}

/** TLS as both drivers understand their option `ssl`. */
function tlsOf(ssl: unknown, unchecked: boolean): NonNullable<ConnectionTarget['tls']> | false {
  if (!ssl) return false;
  if (ssl === 'prefer') return 'prefer';
  if (unchecked) return { rejectUnauthorized: false };
  if (typeof ssl !== 'object') return {};
  const { key } = ssl as ConnectionOptions;
  // pg hides the key.
  return { ...ssl, ...(key !== undefined && { key }) };
}

/** Settings that neither driver has. */
const base = {
  sslMode: null,
  sslRootCert: null,
  sslCert: null,
  sslKey: null,
  sslPassword: null,
  sslMinVersion: null,
  sslMaxVersion: null,
  channelBinding: false,
  readWrite: false,
  passFile: null,
  saysPooled: false,
  schema: null,
  warnings: [],
} as const;
