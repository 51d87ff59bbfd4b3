import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { userInfo } from 'node:os';
import { type ConnectionOptions, checkServerIdentity as checkIdentity } from 'node:tls';
import type postgres from 'postgres';
import { SqlmigError } from '../errors.ts';
import { type ConnectionTarget, isSocket, type TargetHost } from './connection-string.ts';
import { readPasswordFile } from './password-file.ts';

/** One server of a target, as the driver wants it. */
export type ClientOptions = Pick<
  postgres.Options<Record<string, never>>,
  'host' | 'port' | 'path' | 'user' | 'database' | 'ssl'
> & {
  readonly password?: string;
  readonly sslnegotiation: 'direct' | null;
  /** See `ConnectionTarget`. */
  readonly openSocket: ConnectionTarget['openSocket'];
  /** The login must be bound to the server's certificate. */
  readonly channelBinding: boolean;
};

/** How to reach one host of a target. */
interface HostOptions {
  readonly options: ClientOptions;
  /** Why the password file was ignored; `null` if it was not. */
  readonly ignoredPasswordFile: string | null;
}

/** A target whose password is known. */
export type SettledTarget = ConnectionTarget & { readonly password: string | null };

/**
 * What the driver needs to reach one host of a target: the certificate and password files are read here.
 * @throws SqlmigError `config-invalid` for a certificate file that cannot be read.
 */
export function clientOptions(target: SettledTarget, { host, address, port }: TargetHost): HostOptions {
  const user = target.user ?? accountName();
  const database = target.database ?? user;
  const { password, ignored } =
    target.password === null
      ? readPasswordFile(target.passFile, { host, port, user, database })
      : { password: target.password, ignored: null };
  const options: ClientOptions = {
    // As a list, so that the driver does not parse a port out of an IPv6 address.
    ...({ host: [address ?? host], port: [port] } as unknown as Pick<ClientOptions, 'host' | 'port'>),
    ...(isSocket(host) && { path: `${host}/.s.PGSQL.${port}` }),
    user,
    database,
    ...(password !== null && { password }),
    ssl: isSocket(host) ? false : sslOptions(target, host, address ?? host),
    sslnegotiation: target.sslDirect ? 'direct' : null,
    channelBinding: target.channelBinding,
    openSocket: target.openSocket,
  };
  return { options, ignoredPasswordFile: ignored };
}

function sslOptions(
  target: ConnectionTarget,
  host: string,
  address: string,
): NonNullable<ClientOptions['ssl']> {
  if (target.tls !== null) return typeof target.tls === 'object' ? checkedTls(target.tls, host) : target.tls;
  const { sslRootCert, sslCert, sslKey, sslPassword, sslMinVersion, sslMaxVersion } = target;
  const isLocal = [host, address].every((name) => ['localhost', '127.0.0.1', '::1'].includes(name));
  const mode = target.sslMode ?? (isLocal && !target.channelBinding ? 'disable' : 'prefer');
  if (mode === 'disable' || mode === 'allow') return false;
  const certificates: ConnectionOptions = {
    ...(sslRootCert !== null && sslRootCert !== 'system' && { ca: readPem('sslrootcert', sslRootCert) }),
    ...(sslCert !== null && { cert: readPem('sslcert', sslCert) }),
    ...(sslKey !== null && { key: readPem('sslkey', sslKey) }),
    ...(sslPassword !== null && { passphrase: sslPassword }),
    ...(sslMinVersion !== null && { minVersion: sslMinVersion }),
    ...(sslMaxVersion !== null && { maxVersion: sslMaxVersion }),
    ...(isIP(host) === 0 && { servername: host }),
  };
  if (mode === 'prefer') {
    refuseLost(target);
    return 'prefer';
  }
  // With root certificates at hand libpq checks them under "require" too.
  if (mode === 'require' && sslRootCert === null) return { ...certificates, rejectUnauthorized: false };
  if (mode === 'verify-full') return checkedTls(certificates, host);
  return { ...certificates, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

/** TLS that checks the server's certificate and name, unless `options` say otherwise. */
function checkedTls(options: ConnectionOptions, host: string): ConnectionOptions {
  const name = options.servername ?? host;
  return {
    rejectUnauthorized: true,
    // The driver passes no server name if the host is an address, and Node would check "localhost" instead.
    checkServerIdentity: (_, certificate) => checkIdentity(name, certificate),
    ...options,
  };
}

/** With `prefer` the driver takes no further settings of TLS. @throws SqlmigError `config-invalid` if there are any. */
function refuseLost({ sslCert, sslKey, sslMinVersion, sslMaxVersion }: ConnectionTarget): void {
  const lost = Object.entries({
    sslcert: sslCert,
    sslkey: sslKey,
    ssl_min_protocol_version: sslMinVersion,
    ssl_max_protocol_version: sslMaxVersion,
  }).find(([, value]) => value !== null);
  if (lost === undefined) return;
  throw new SqlmigError('config-invalid', `${lost[0]} needs a stronger sslmode than prefer, the default`, {
    hint: 'use sslmode=require, verify-ca or verify-full',
  });
}

function readPem(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SqlmigError('config-invalid', `cannot read the file that ${name} names (${code})`, {
      cause: error,
    });
  }
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    throw new SqlmigError('config-invalid', 'the database URL names no user, and this account has no name', {
      hint: 'write the user into the URL, or set PGUSER',
      cause: error,
    });
  }
}
