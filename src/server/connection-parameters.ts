/** How sqlmig treats a libpq parameter. */
type Treatment =
  /** As libpq does. */
  | { readonly kind: 'honored' }
  /** It would change nothing that sqlmig does. */
  | { readonly kind: 'no-effect'; readonly why: string }
  /** Refused, except for values that ask for what sqlmig does anyway. */
  | { readonly kind: 'refused'; readonly unless: readonly string[]; readonly hint: string };

/** A libpq parameter and its environment variable, if it has one. */
interface LibpqParameter {
  readonly variable: string | null;
  readonly treatment: Treatment;
}

const honored: Treatment = { kind: 'honored' };
const noEffect = (why: string): Treatment => ({ kind: 'no-effect', why });
const refused = (unless: readonly string[], hint: string): Treatment => ({ kind: 'refused', unless, hint });

const tcp = noEffect('tuning of the TCP connection');
const gssapi = noEffect('sqlmig never uses GSSAPI');
const oauth = refused([], 'sqlmig cannot log in with OAuth; remove it and use a password or a certificate');
const keys = refused([], 'sqlmig cannot log in with SCRAM keys; remove it and use a password');

/** Every parameter of libpq in PostgreSQL 18, by its name in a connection string or a service file. */
export const libpqParameters: ReadonlyMap<string, LibpqParameter> = new Map(
  (
    [
      ['service', 'PGSERVICE', honored],
      ['host', 'PGHOST', honored],
      ['hostaddr', 'PGHOSTADDR', honored],
      ['port', 'PGPORT', honored],
      ['dbname', 'PGDATABASE', honored],
      ['user', 'PGUSER', honored],
      ['password', 'PGPASSWORD', honored],
      ['passfile', 'PGPASSFILE', honored],
      ['options', 'PGOPTIONS', honored],
      ['connect_timeout', 'PGCONNECT_TIMEOUT', honored],
      ['target_session_attrs', 'PGTARGETSESSIONATTRS', honored],
      ['sslmode', 'PGSSLMODE', honored],
      ['sslnegotiation', 'PGSSLNEGOTIATION', honored],
      ['sslrootcert', 'PGSSLROOTCERT', honored],
      ['sslcert', 'PGSSLCERT', honored],
      ['sslkey', 'PGSSLKEY', honored],
      ['sslpassword', null, honored],
      ['ssl_min_protocol_version', 'PGSSLMINPROTOCOLVERSION', honored],
      ['ssl_max_protocol_version', 'PGSSLMAXPROTOCOLVERSION', honored],
      ['client_encoding', 'PGCLIENTENCODING', noEffect('files are UTF-8, and so is the session')],
      ['application_name', 'PGAPPNAME', noEffect('sqlmig names its sessions after the run')],
      ['fallback_application_name', null, noEffect('sqlmig names its sessions after the run')],
      ['keepalives', null, tcp],
      ['keepalives_idle', null, tcp],
      ['keepalives_interval', null, tcp],
      ['keepalives_count', null, tcp],
      ['tcp_user_timeout', null, tcp],
      ['sslcompression', 'PGSSLCOMPRESSION', noEffect('TLS is never compressed')],
      ['load_balance_hosts', 'PGLOADBALANCEHOSTS', noEffect('several hosts are tried in their order')],
      ['krbsrvname', 'PGKRBSRVNAME', gssapi],
      ['gsslib', 'PGGSSLIB', gssapi],
      ['gssdelegation', 'PGGSSDELEGATION', gssapi],
      ['channel_binding', 'PGCHANNELBINDING', honored],
      ['require_auth', 'PGREQUIREAUTH', refused([], 'remove it, and use sslmode=verify-full')],
      ['requirepeer', 'PGREQUIREPEER', refused([], 'remove it, and guard the folder of the socket')],
      [
        'gssencmode',
        'PGGSSENCMODE',
        refused(['disable', 'prefer'], 'remove it, and use sslmode=verify-full'),
      ],
      ['sslcertmode', 'PGSSLCERTMODE', refused(['allow'], 'remove it; sslcert alone says what is sent')],
      ['sslcrl', 'PGSSLCRL', refused([], 'sqlmig cannot check revocation lists; remove it')],
      ['sslcrldir', 'PGSSLCRLDIR', refused([], 'sqlmig cannot check revocation lists; remove it')],
      ['sslsni', 'PGSSLSNI', refused(['1'], 'the host name is always sent; remove it')],
      ['sslkeylogfile', null, refused([], 'sqlmig writes no keys; remove it')],
      [
        'min_protocol_version',
        'PGMINPROTOCOLVERSION',
        refused(['3.0'], 'sqlmig speaks version 3.0 of the protocol; remove it'),
      ],
      [
        'max_protocol_version',
        'PGMAXPROTOCOLVERSION',
        refused(['3.0', '3.2', 'latest'], 'sqlmig speaks version 3.0 of the protocol; remove it'),
      ],
      [
        'replication',
        null,
        refused(['false', 'off', 'no', '0'], 'a replication connection runs no SQL; remove it'),
      ],
      ['scram_client_key', null, keys],
      ['scram_server_key', null, keys],
      ['oauth_issuer', null, oauth],
      ['oauth_client_id', null, oauth],
      ['oauth_client_secret', null, oauth],
      ['oauth_scope', null, oauth],
    ] as const
  ).map(([name, variable, treatment]) => [name, { variable, treatment }]),
);

/** The libpq variables without a parameter, and how sqlmig treats them. */
export const otherLibpqVariables: ReadonlyMap<string, Treatment> = new Map([
  ['PGSERVICEFILE', honored],
  ['PGSYSCONFDIR', honored],
  ['PGREQUIRESSL', honored],
  ['PGTZ', honored],
  ['PGGEQO', honored],
  ['PGDATESTYLE', noEffect('it would change what dates in the files mean')],
  ['PGLOCALEDIR', noEffect('messages are the server’s and sqlmig’s own')],
  ['PGOAUTHDEBUG', noEffect('sqlmig cannot log in with OAuth')],
]);

/** Variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The variables without those of libpq, for what must not depend on them. */
export function withoutLibpq(env: Env): Env {
  const ofLibpq = new Set<string>([
    ...otherLibpqVariables.keys(),
    ...[...libpqParameters.values()].flatMap(({ variable }) => variable ?? []),
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ofLibpq.has(name)));
}
