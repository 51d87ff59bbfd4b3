import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../src/embedded/free-port.ts';
import { certificate, hasOpenssl, tlsServer } from './setup/certificate.ts';
import { spawnSqlmig, start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-connection-'));
  chmodSync(dir, 0o777);
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const files = { 'sql/public/1_p.sql': 'create table p ()' };

test('a socket, by URL and by PGHOST; the password from a file', async () => {
  const dir = folder();
  const server = await ownServer({ unix_socket_directories: dir });
  const { port, password } = new URL(server.url);
  const p = project({}, files);
  const passFile = join(dir, 'pgpass');
  writeFileSync(passFile, `*:*:*:postgres:${decodeURIComponent(password)}\n`, { mode: 0o600 });
  const env = { PGPASSFILE: passFile };
  const url = `postgres://postgres@${encodeURIComponent(dir)}:${port}/postgres`;
  expect(await spawnSqlmig(['up', '--all', '--url', url], p.dir, env)).toMatchObject({ code: 0 });
  const variables = { ...env, PGHOST: dir, PGPORT: port, PGUSER: 'postgres' };
  expect(await spawnSqlmig(['status', '--check'], p.dir, variables)).toMatchObject({ code: 0 });
  // The driver has no such value, and must not see it.
  const anyServer = { ...variables, PGTARGETSESSIONATTRS: 'any' };
  expect(await spawnSqlmig(['status', '--check'], p.dir, anyServer)).toMatchObject({ code: 0 });
  expect(await spawnSqlmig(['status'], p.dir, { ...variables, PGPASSFILE: '/nowhere' })).toMatchObject({
    code: 3,
  });
  chmodSync(passFile, 0o644);
  const { code, stderr } = await spawnSqlmig(['status'], p.dir, variables);
  expect(code).toBe(3);
  expect(stderr).toContain(`hint: the password file ${passFile} has group or world access`);
});

test('several hosts: the first that answers', async () => {
  const db = await freshDatabase();
  const { username, password, port, pathname } = new URL(db.url);
  const p = project({}, files);
  const url = `postgres://${username}:${password}@127.0.0.1:1,127.0.0.1:${port}${pathname}?target_session_attrs=read-write`;
  expect(await spawnSqlmig(['up', '--all', '--url', url], p.dir)).toMatchObject({ code: 0 });
});

test.skipIf(!hasOpenssl)('sslmode: certificates are checked as far as it says', async () => {
  const { cert, key } = certificate('-newkey', 'rsa:2048');
  const server = await tlsServer({ cert, key });
  const p = project({}, files);
  const connectWith = (host: string, query: string) => {
    const url = Object.assign(new URL(server.url), { hostname: host, search: query });
    return spawnSqlmig(['status', '--url', url.href], p.dir);
  };
  for (const query of ['?sslmode=require', '?sslmode=prefer', '?sslmode=disable'])
    expect(await connectWith('localhost', query)).toMatchObject({ code: 0 });
  expect(await connectWith('localhost', '?sslmode=verify-full')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('sslrootcert'),
  });
  const ca = `&sslrootcert=${encodeURIComponent(cert)}`;
  expect(await connectWith('localhost', `?sslmode=verify-full${ca}`)).toMatchObject({ code: 0 });
  expect(await connectWith('127.0.0.1', `?sslmode=verify-full${ca}`)).toMatchObject({ code: 3 });
  expect(await connectWith('127.0.0.1', `?sslmode=verify-ca${ca}`)).toMatchObject({ code: 0 });
  const addressed = `${ca}&hostaddr=127.0.0.1`;
  expect(await connectWith('localhost', `?sslmode=verify-full${addressed}`)).toMatchObject({ code: 0 });
  expect(await connectWith('no.such.host.invalid', `?sslmode=verify-ca${addressed}`)).toMatchObject({
    code: 0,
  });
  expect(await connectWith('no.such.host.invalid', `?sslmode=verify-full${addressed}`)).toMatchObject({
    code: 3,
  });
  const direct = '?sslmode=require&sslnegotiation=direct';
  expect(await connectWith('localhost', direct)).toMatchObject({ code: 0 });
  expect(await connectWith('localhost', `${direct}&ssl_min_protocol_version=TLSv1.3`)).toMatchObject({
    code: 0,
  });
  expect(await connectWith('localhost', `${direct}&ssl_max_protocol_version=TLSv1.1`)).toMatchObject({
    code: 3,
  });
  expect(await connectWith('localhost', '?sslmode=prefer&ssl_min_protocol_version=TLSv1.3')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('ssl_min_protocol_version needs a stronger sslmode'),
  });
  expect(await connectWith('localhost', '?sslrootcert=system')).toMatchObject({ code: 3 });
  expect(await connectWith('localhost', '?sslmode=require&sslrootcert=/nowhere.pem')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot read the file that sslrootcert names (ENOENT)'),
  });
});

test('a URL of Prisma: its extras are right or a clear error', async () => {
  const db = await freshDatabase();
  const p = project({}, files);
  const connectWith = (query: string) => spawnSqlmig(['status', '--url', `${db.url}${query}`], p.dir);
  expect(await connectWith('?schema=public&connection_limit=1')).toMatchObject({ code: 0 });
  expect(await connectWith('?schema=other')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('publicSchema'),
  });
});

test('--wait: a port that is closed, then accepts and closes, then is a server', async () => {
  const server = await ownServer();
  const { port: real } = new URL(server.url);
  const port = await freePort();
  const p = project({}, files);
  const url = Object.assign(new URL(server.url), { port: String(port) }).href;
  const run = start(['up', '--all', '--wait', '60s', '--url', url], p.dir);
  await delay(600);
  let accepted = 0;
  const closing = createServer((socket) => {
    accepted += 1;
    socket.on('error', () => {}).destroy();
  });
  await new Promise<void>((resolve) => closing.listen(port, '127.0.0.1', resolve));
  while (accepted === 0) await delay(20);
  await delay(2_000);
  await new Promise((resolve) => closing.close(resolve));
  // Tries that are refused at once must not become a flood.
  expect(accepted).toBeLessThan(50);
  const { connect } = await import('node:net');
  const proxy = createServer((client) => {
    const upstream = connect(Number(real), '127.0.0.1');
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  const ended = await run.ended;
  proxy.close();
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('waiting for the database') });
});

test('--wait: a database that is still to be created; an unknown variable is named', async () => {
  const db = await freshDatabase();
  const name = `${db.name}_later`;
  const p = project({ url: Object.assign(new URL(db.url), { pathname: `/${name}` }).href }, files);
  expect(await spawnSqlmig(['up', '--all'], p.dir)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('--wait 60s waits until it exists'),
  });
  const run = start(['up', '--all', '--wait', '60s'], p.dir, { SQLMIG_CONCURENCY: 's3cret' });
  let told = '';
  run.process.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  while (!told.includes('waiting for the database') && run.process.exitCode === null) await delay(20);
  await db.query(`create database ${name}`);
  const { code, stderr } = await run.ended;
  await db.query(`drop database ${name} with (force)`);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain(
    'SQLMIG_CONCURENCY is unknown and has no effect; did you mean SQLMIG_CONCURRENCY?',
  );
  expect(stderr).not.toContain('s3cret');
});

test('--wait gives up after its time, and at once where waiting cannot help', async () => {
  const server = await ownServer();
  const p = project({}, files);
  const wrong = Object.assign(new URL(server.url), { password: 's3cret' }).href;
  expect(await spawnSqlmig(['up', '--all', '--wait', '10m', '--url', wrong], p.dir)).toMatchObject({
    code: 3,
  });
  const nobody = `postgres://u:s3cret@127.0.0.1:${await freePort()}/db`;
  const late = await spawnSqlmig(['up', '--all', '--wait', '1s', '--url', nobody], p.dir);
  expect(late).toMatchObject({ code: 3, stderr: expect.stringContaining('error[connection-failed]') });
  expect(late.stderr).not.toContain('s3cret');
  expect(
    await spawnSqlmig(['up', '--all', '--wait', '1s', '--url', 'postgres://no.such.host.invalid/db'], p.dir),
  ).toMatchObject({
    code: 3,
  });
});
