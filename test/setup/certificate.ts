import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { serverAccount } from '../../src/embedded/account.ts';
import { type OwnServer, ownServer } from './cluster.ts';

/** Whether certificates can be made here. */
export const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** The files of a certificate and its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate that signs itself, for localhost; gone after the test. */
export function certificate(...args: readonly string[]): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-certificate-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [cert, key] = [join(dir, 'server.crt'), join(dir, 'server.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', ...args, '-nodes', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  });
  chmodSync(dir, 0o755);
  return { cert, key };
}

/** Starts a server with a certificate that speaks TLS; `certificate` made it. */
export function tlsServer(
  { cert, key }: Certificate,
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnServer> {
  const { uid, gid } = serverAccount();
  if (uid !== undefined && gid !== undefined) for (const file of [cert, key]) chownSync(file, uid, gid);
  chmodSync(key, 0o600);
  return ownServer({ ssl: 'on', ssl_cert_file: cert, ssl_key_file: key, ...settings });
}
