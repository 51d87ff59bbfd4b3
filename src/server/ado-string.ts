import { SqlmigError } from '../errors.ts';
import { placesOf } from './connection-url.ts';
import { collectParameters, type UrlParameters } from './url-parameters.ts';

// The value of a name: quoted, with a doubled quote for one quote, or anything up to the next semicolon.
const value = /(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^;"'][^;]*|)/.source;
const pair = new RegExp(`\\s*([a-z][\\w ]*?)\\s*=\\s*(${value})\\s*(?:;|$)`, 'isuy');
// A name with a capital or a blank is not libpq's; otherwise the first value ends at a semicolon before a name of
// Npgsql.
const unlikeLibpq = /^(?:\w*[A-Z]\w*|\w+(?: +\w+)+)(?: +\w+)*\s*=/;
const beginning = new RegExp(
  `^\\w+\\s*=\\s*${value.replaceAll('[^;]', '[^;\\s]')}\\s*;\\s*(?:$|([a-z][\\w ]*)=)`,
  'isu',
);

/** True for a string of ADO.NET, such as `Host=db;Database=shop`. */
export function isAdoString(text: string): boolean {
  const [begins, second] = beginning.exec(text) ?? [];
  const isList = begins !== undefined && (second === undefined || meaningOf(second) !== undefined);
  return isList || unlikeLibpq.test(text);
}

/**
 * The settings of a connection string of Npgsql, the driver for .NET (Npgsql documentation, Connection String
 * Parameters).
 * @throws SqlmigError `config-invalid`, whose text repeats nothing of it except the name of a known parameter.
 */
export function readAdoString(text: string): UrlParameters {
  const parameters: (readonly [string, string])[] = [];
  for (let end = 0; text.slice(end).trim() !== ''; end = pair.lastIndex) {
    pair.lastIndex = end;
    const [, name = '', written = ''] = pair.exec(text) ?? [];
    if (name === '') throw invalid('the connection string is not a list of Name=value;');
    const known = meaningOf(name);
    if (known === undefined) throw invalid('the connection string has an unknown parameter');
    parameters.push(...known(unquoted(written.trim())));
  }
  return collectParameters(parameters);
}

function meaningOf(name: string): Meaning | undefined {
  return names.get(name.toLowerCase().replaceAll(' ', ''));
}

function unquoted(text: string): string {
  const [, quote = '', inner = ''] = /^(["'])(.*)\1$/s.exec(text) ?? [];
  return quote === '' ? text : inner.replaceAll(quote + quote, quote);
}

type Meaning = (value: string) => readonly (readonly [name: string, value: string])[];

const as =
  (name: string): Meaning =>
  (value) => [[name, value]];
const word =
  (name: string): Meaning =>
  (value) => [[name, value.toLowerCase()]];
const kebab =
  (name: string): Meaning =>
  (value) => [[name, value.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()]];
const host: Meaning = (value) => (value.startsWith('/') ? [['host', value]] : placesOf(value));
const none: Meaning = () => [];

// Names without blanks, with the libpq parameter of each; parameters that only tune the driver have none.
const names: ReadonlyMap<string, Meaning> = new Map([
  ...each('host server', host),
  ...each('port', as('port')),
  ...each('database db', as('dbname')),
  ...each('username userid user uid', as('user')),
  ...each('password psw pwd', as('password')),
  ...each('passfile', as('passfile')),
  ...each('sslmode', (value) => [
    ['sslmode', value.toLowerCase().replace(/^verify-?(?=ca|full)/, 'verify-')],
  ]),
  ...each('ssl', word('ssl')),
  ...each('sslnegotiation', word('sslnegotiation')),
  ...each('sslcertificate', as('sslcert')),
  ...each('sslkey', as('sslkey')),
  ...each('sslpassword', as('sslpassword')),
  ...each('rootcertificate', as('sslrootcert')),
  ...each('channelbinding', word('channel_binding')),
  ...each('gssencryptionmode', word('gssencmode')),
  ...each('timeout', as('connect_timeout')),
  ...each('options', as('options')),
  ...each('searchpath', as('search_path')),
  ...each('targetsessionattributes', kebab('target_session_attrs')),
  // Without them the certificate is checked as strictly as sslmode says.
  ...each('trustservercertificate persistsecurityinfo integratedsecurity', none),
  ...each('applicationname encoding clientencoding timezone protocol enlist', none),
  ...each('pooling minpoolsize maxpoolsize minimumpoolsize maximumpoolsize multiplexing', none),
  ...each('connectionidlelifetime connectionlifetime connectionpruninginterval noresetonclose', none),
  ...each('commandtimeout internalcommandtimeout cancellationtimeout', none),
  ...each('keepalive tcpkeepalive tcpkeepalivetime tcpkeepaliveinterval', none),
  ...each('includeerrordetail includeerrordetails includefailedbatchedcommand logparameters', none),
  ...each('maxautoprepare autoprepareminusages readbuffersize writebuffersize', none),
  ...each('socketreceivebuffersize socketsendbuffersize writecoalescingbufferthresholdbytes', none),
  ...each('loadtablecomposites loadbalancehosts hostrecheckseconds arraynullabilitymode', none),
  ...each('servercompatibilitymode kerberosservicename includerealm', none),
]);

function each(list: string, meaning: Meaning) {
  return list.split(' ').map((name) => [name, meaning] as const);
}

function invalid(message: string): SqlmigError {
  return new SqlmigError('config-invalid', message, {
    hint: 'it looks like Host=db1;Port=5432;Database=shop;Username=app;Password=secret; put a password with ; in double quotes',
  });
}
