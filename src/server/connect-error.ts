import postgres from 'postgres';
import { SqlmigError, sqlstates } from '../errors.ts';

/** The error for a failed connect to the server called `where`; `ignoredPasswordFile` says why that file was ignored. */
export function connectError(error: unknown, where: string, ignoredPasswordFile: string | null): SqlmigError {
  if (error instanceof SqlmigError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const refused: string[] = [sqlstates.invalidPassword, sqlstates.invalidAuthorization];
  if (code !== undefined && refused.includes(code)) {
    return new SqlmigError('login-refused', `${where} refused the login: ${message}`, {
      sqlstate: code,
      hint: ignoredPasswordFile ?? 'check user and password of the URL, and pg_hba.conf of the server',
      cause: error,
    });
  }
  const isState = error instanceof postgres.PostgresError;
  return new SqlmigError('connection-failed', `cannot connect to ${where}: ${message}`, {
    sqlstate: isState ? code : undefined,
    hint: hintFor(message ?? '', code),
    cause: error,
  });
}

function hintFor(message: string, code: string | undefined): string {
  if (code === sqlstates.invalidCatalogName)
    return 'create it with sqlmig db create; --wait 60s waits until it exists';
  if (code === sqlstates.tooManyConnections)
    return 'sqlmig needs one connection: raise the limit, end idle sessions, or wait longer with --wait 60s';
  if (/channel.binding|SCRAM-SHA-256-PLUS/i.test(message))
    return 'channel_binding=require refuses logins that a man in the middle could relay; without it, use sslmode=verify-full';
  if (/secure TLS|SSL|TLS|certificate|self.signed/i.test(message)) {
    return 'the server and sslmode do not agree: sslmode=disable uses no TLS, require checks no certificates, verify-full needs sslrootcert for a private authority';
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'check the host of the URL; --wait 60s waits for it';
  return 'check that the server is up and the URL is right; --wait 60s waits for it';
}
