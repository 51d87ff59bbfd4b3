import { SqlmigError } from '../errors.ts';

/** A parameter that a framework or driver writes into connection strings, and libpq does not know. */
interface FrameworkParameter {
  /** How sqlmig uses it, in words. */
  readonly does: string;
  /** The parameters of libpq that it stands for, and their values. Throws for an unknown value. */
  readonly means?: (value: string) => readonly (readonly [name: string, value: string])[];
  /** The warning for a value that is ignored. */
  readonly warning?: (value: string) => string | null;
}

const none = (why: string): FrameworkParameter => ({ does: `no effect: ${why}` });
const pool = none('sqlmig manages its own connections');
const limits = none('sqlmig has its own time limits');
const prepared = none('sqlmig uses no prepared statements');
const utf8 = none('files are UTF-8, and so is the session');
const client = none('it concerns only its driver or provider');
const otherTool = none('it concerns only the other migration tool');
const path: FrameworkParameter = {
  does: 'no effect, with a warning unless it is `public`: `searchPath` in the config sets the path of tenant files',
  warning: (value) =>
    value === 'public' ? null : 'it has no effect; searchPath in the config sets the path of tenant files',
};
const switches: Readonly<Record<string, string>> = {
  ...{ '': 'require', true: 'require', '1': 'require', on: 'require' },
  ...{ false: 'disable', '0': 'disable', off: 'disable' },
  ...{ '{"rejectUnauthorized":true}': 'verify-full', '{"rejectUnauthorized":false}': 'no-verify' },
};

const named = (names: string, parameter: FrameworkParameter) =>
  names.split(' ').map((name) => [name, parameter] as const);

/** The parameters of frameworks, drivers and providers, by their names in a connection string. */
export const frameworkParameters: ReadonlyMap<string, FrameworkParameter> = new Map([
  ...named('ssl', {
    does: '`true` is `sslmode=require`, `false` is `disable`; values of `sslmode` are accepted too',
    means: (value) => [['sslmode', switches[value.replace(/\s/g, '')] ?? knownMode(value)]],
  }),
  ...named('sslaccept', {
    does: '`strict` is `sslmode=verify-full`; `accept_invalid_certs` has no effect',
    means: (value) => (value === 'strict' ? [['sslmode', 'verify-full']] : []),
  }),
  ...named('uselibpqcompat', none('`sslmode` means the same as in libpq anyway')),
  ...named('sslfactory sslResponseTimeout', client),
  ...named('channelBinding', { does: '`channel_binding`', means: (value) => [['channel_binding', value]] }),
  ...named('gssEncMode', {
    does: '`gssencmode`, where `allow` is `prefer`',
    means: (value) => [['gssencmode', value === 'allow' ? 'prefer' : value]],
  }),
  ...named('targetServerType', {
    does: '`target_session_attrs`: `primary` or `master` is `read-write`, `any` is `any`',
    means: (value) => [
      ['target_session_attrs', value === 'primary' || value === 'master' ? 'read-write' : value],
    ],
  }),
  ...named('connectTimeout loginTimeout', {
    does: '`connect_timeout`',
    means: (value) => [['connect_timeout', value]],
  }),
  ...named('unix_sock', {
    does: '`host` and `port`',
    means: (value) => {
      const [, folder = value, port = ''] = /^(.*)\/\.s\.PGSQL\.(\d+)$/s.exec(value) ?? [];
      return [['host', folder], ...(port === '' ? [] : [['port', port] as const])];
    },
  }),
  ...named('socket_dir', { does: '`host`', means: (value) => [['host', value]] }),
  ...named('schema', { does: 'must be the name of the public schema' }),
  ...named('pgbouncer', { does: '`true` means that the URL connects to a pooler' }),
  ...named('search_path schema_search_path currentSchema', path),
  ...named(
    'pool pool_size pool_timeout pool_count max max_connections min_connections connection_limit',
    pool,
  ),
  ...named('pool_max_conns pool_min_conns pool_min_idle_conns pool_health_check_period', pool),
  ...named('pool_max_conn_lifetime pool_max_conn_lifetime_jitter pool_max_conn_idle_time', pool),
  ...named('max_overflow pool_recycle pool_pre_ping conn_max_age conn_health_checks', pool),
  ...named('reaping_frequency checkout_timeout idle_timeout max_lifetime queue_target queue_interval', pool),
  ...named('timeout socket_timeout socketTimeout query_timeout command_timeout cancelSignalTimeout', limits),
  ...named('statement_timeout lock_timeout idle_in_transaction_session_timeout', limits),
  ...named('prepare prepared_statements statement_limit statement_cache_size', prepared),
  ...named('prepared_statement_cache_size prepareThreshold preparedStatementCacheQueries', prepared),
  ...named('preparedStatementCacheSizeMiB statement_cache_capacity statement-cache-capacity', prepared),
  ...named('description_cache_capacity default_query_exec_mode preferQueryMode', prepared),
  ...named('binary_parameters binaryTransfer', prepared),
  ...named('encoding charset charSet', utf8),
  ...named('ApplicationName', none('sqlmig names its sessions after the run')),
  ...named('adapter supa workaround fetch_types advisory_locks min_messages variables', client),
  ...named('reWriteBatchedInserts defaultRowFetchSize stringtype tcpKeepAlive tcpNoDelay', client),
  ...named('hostRecheckSeconds loadBalanceHosts assumeMinServerVersion autosave', client),
  ...named('x-migrations-table x-migrations-table-quoted x-statement-timeout', otherTool),
  ...named('x-multi-statement x-multi-statement-max-size', otherTool),
]);

function knownMode(value: string): string {
  if (/^(?:disable|allow|prefer|require|verify-ca|verify-full|no-verify)$/.test(value)) return value;
  throw new SqlmigError('config-invalid', 'ssl in the database URL has an unknown value', {
    hint: 'it is true, false, or a value of sslmode such as require or verify-full',
  });
}
