import { existsSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, checkServerIdentity as checkIdentity } from 'node:tls';
import type postgres from 'postgres';
import type { ConnectionTarget } from '../core/connection-string.ts';
import { SqlmigError } from '../errors.ts';

/** One server of a target, as the driver wants it. */
export type ClientOptions = Pick<
  postgres.Options<Record<string, never>>,
  'host' | 'port' | 'path' | 'user' | 'password' | 'database' | 'ssl'
>;

/**
 * What the driver needs to reach one host of a target: files of certificates and passwords are read here.
 * @throws SqlmigError `config-invalid` for a file that cannot be read.
 */
export async function clientOptions(
  target: ConnectionTarget,
  { host, port }: ConnectionTarget['hosts'][number],
): Promise<ClientOptions> {
  const user = target.user ?? accountName();
  const database = target.database ?? user;
  const password = target.password ?? (await passwordFromFile(target, { host, port, user, database }));
  const isSocket = host.startsWith('/') || host.startsWith('@');
  return {
    // As a list, so that the driver does not look for a port in an IPv6 address.
    ...({ host: [host], port: [port] } as unknown as Pick<ClientOptions, 'host' | 'port'>),
    ...(isSocket && { path: `${host}/.s.PGSQL.${port}` }),
    user,
    database,
    ...(password !== null && { password }),
    ssl: isSocket ? false : sslOptions(target, host),
  };
}

function sslOptions(target: ConnectionTarget, host: string): NonNullable<ClientOptions['ssl']> {
  const { sslRootCert, sslCert, sslKey } = target;
  const isLocal = ['localhost', '127.0.0.1', '::1'].includes(host);
  const mode = target.sslMode ?? (isLocal ? 'disable' : 'prefer');
  if (mode === 'disable' || mode === 'allow') return false;
  const certificates: ConnectionOptions = {
    ...(sslRootCert !== null && sslRootCert !== 'system' && { ca: readPem('sslrootcert', sslRootCert) }),
    ...(sslCert !== null && { cert: readPem('sslcert', sslCert) }),
    ...(sslKey !== null && { key: readPem('sslkey', sslKey) }),
  };
  if (mode === 'prefer') return 'prefer';
  // With root certificates at hand libpq checks them under "require" too.
  if (mode === 'require' && sslRootCert === null) return { ...certificates, rejectUnauthorized: false };
  if (mode === 'verify-full') {
    // The driver names no server where the host is an address: Node would take "localhost" for it.
    const checkServerIdentity: ConnectionOptions['checkServerIdentity'] = (_, certificate) =>
      checkIdentity(host, certificate);
    return { ...certificates, rejectUnauthorized: true, checkServerIdentity };
  }
  return { ...certificates, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

function readPem(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SqlmigError('config-invalid', `${name}: cannot read ${file} (${code})`, { cause: error });
  }
}

/** The password that ~/.pgpass or PGPASSFILE has for a server; `null` where there is none. */
async function passwordFromFile(
  target: ConnectionTarget,
  server: { host: string; port: number; user: string; database: string },
): Promise<string | null> {
  const file = target.passFile ?? join(homedir(), '.pgpass');
  if (!existsSync(file)) return null;
  // The package knows a file by this variable alone.
  process.env.PGPASSFILE = file;
  const { default: pgpass } = await import('pgpass');
  return new Promise((resolve) => pgpass(server, (password) => resolve(password ?? null)));
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
