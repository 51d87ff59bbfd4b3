import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { certificateHash } from '../src/server/certificate-hash.ts';
import { parseConnection } from '../src/server/connection-string.ts';
import { openSession } from '../src/server/session.ts';
import { type Certificate, certificate, hasOpenssl, tlsServer } from './setup/certificate.ts';

const rsa = ['-newkey', 'rsa:2048'];
const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'];
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

test.skipIf(!hasOpenssl).for([
  ['sha256', [...rsa, '-sha256']],
  ['sha256', [...rsa, '-sha1']],
  ['sha384', [...rsa, '-sha384']],
  ['sha512', [...rsa, '-sha512', ...pss]],
  ['sha512', [...curve, '-sha512']],
  [null, ['-newkey', 'ed25519']],
] as const)('the hash of a certificate is %s: %j', ([algorithm, args]) => {
  const { raw } = new X509Certificate(readFileSync(certificate(...args).cert));
  const hash = certificateHash(raw)?.toString('hex') ?? null;
  if (algorithm === null) expect(hash).toBe(null);
  else {
    const file = certificateFile(raw);
    expect(hash).toBe(
      execFileSync('openssl', ['dgst', `-${algorithm}`, '-r', file], { encoding: 'utf8' }).split(' ')[0],
    );
  }
});

function certificateFile(raw: Buffer): string {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-der-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'server.der');
  execFileSync('tee', [file], { input: raw, stdio: ['pipe', 'ignore', 'ignore'] });
  return file;
}

async function loginTo(url: string): Promise<string> {
  const connection = { target: parseConnection(url, {}), applicationName: 'test', connectTimeoutMs: 60_000 };
  try {
    const session = await openSession(connection);
    // More than one chunk in both directions.
    const [row] = await session.run(
      `select length('${'x'.repeat(300_000)}') as n, repeat('y', 300000) as text`,
    );
    await session.close();
    return `in: ${row?.n} ${String(row?.text).length}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Speaks TLS with a certificate of its own, and hands the rest to `serve`; returns the URL. */
async function between(url: string, own: Certificate, serve: (client: TLSSocket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const identity = { cert: readFileSync(own.cert), key: readFileSync(own.key) };
  const tls = createTlsServer(identity, (client) => {
    client.on('error', () => {});
    serve(client);
  });
  const server = createServer((plain) => {
    sockets.add(plain);
    plain.on('error', () => {});
    plain.once('data', () => {
      plain.write('S');
      tls.emit('connection', plain);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return Object.assign(new URL(url), { port: String(port) }).href;
}

/** Passes a TLS connection on to a server over another one. */
function passOn(client: TLSSocket, { port }: URL): void {
  const plain = connect(Number(port), '127.0.0.1');
  plain.on('error', () => {});
  plain.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  plain.once('data', () => {
    const upstream = connectTls({ socket: plain, rejectUnauthorized: false });
    upstream.on('error', () => {});
    client.pipe(upstream).pipe(client);
    upstream.once('close', () => client.destroy());
  });
}

test.skipIf(!hasOpenssl)('channel_binding=require logs in, and not through another TLS server', async () => {
  const [own, others] = [certificate(...rsa, '-sha384'), certificate(...rsa)];
  const server = await tlsServer(own);
  const bound = (url: string, query = 'sslmode=require&channel_binding=require') =>
    loginTo(`${url}?${query}`);
  expect(await bound(server.url)).toBe('in: 300000 300000');
  expect(await bound(server.url, 'channel_binding=require')).toBe('in: 300000 300000');
  expect(await bound(server.url, 'sslmode=disable&channel_binding=require')).toContain('needs TLS');
  const wrong = Object.assign(new URL(server.url), { password: 's3cret' }).href;
  expect(await bound(wrong)).toContain('refused the login');
  const none = Object.assign(new URL(server.url), { password: '' }).href;
  expect(await bound(none)).toContain('needs a password');
  await server.query(`create role odd login password 'p\u00e4\u00df\u00a0\u2168'`);
  const odd = Object.assign(new URL(server.url), { username: 'odd', password: 'p\u00e4\u00df IX' }).href;
  expect(await bound(odd)).toBe('in: 300000 300000');

  const proxied = await between(server.url, others, (client) => passOn(client, new URL(server.url)));
  expect(await bound(proxied, 'sslmode=require')).toBe('in: 300000 300000');
  expect(await bound(proxied)).toMatch(/refused the login|cannot connect/);
});

test.skipIf(!hasOpenssl).for([
  ['lets everyone in', [0, 0, 0, 0], 'the server accepted the login without channel binding'],
  ['asks for a password', [0, 0, 0, 3], 'the server asks for a login without channel binding'],
  [
    'knows no binding',
    [0, 0, 0, 10, ...Buffer.from('SCRAM-SHA-256\0\0')],
    'the server does not offer SCRAM-SHA-256-PLUS',
  ],
  ['challenges too early', [0, 0, 0, 11, ...Buffer.from('r=x,s=eA==,i=1')], 'does not belong to this login'],
  ['proves too early', [0, 0, 0, 12, ...Buffer.from('v=')], 'did not prove'],
] as const)('a server that %s is refused', async ([, body, message]) => {
  const head = Buffer.from([0x52, 0, 0, 0, 4 + body.length]);
  const url = await between('postgres://u:s3cret@127.0.0.1/db', certificate(...rsa), (client) => {
    client.once('data', () => client.write(Buffer.concat([head, Buffer.from(body)])));
  });
  expect(await loginTo(`${url}?sslmode=require&channel_binding=require`)).toContain(message);
});
