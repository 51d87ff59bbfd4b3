import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import pg from 'pg';
import postgres from 'postgres';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadConfig, type OpenConnection, plan, up } from '../src/index.ts';
import { clientOptions } from '../src/server/client-options.ts';
import { targetOfConnection } from '../src/server/open-connection.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

/** What a program opened, and is closed after the test. */
function sqlOf(options: postgres.Options<Record<string, never>> = {}): postgres.Sql {
  const sql = postgres(db.url, { onnotice: () => {}, ...options });
  onTestFinished(() => sql.end());
  return sql;
}

function poolOf(options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: db.url, ...options });
  onTestFinished(() => pool.end());
  return pool;
}

async function clientOf(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: db.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

test('a pool whose clients are not those of pg is refused', async () => {
  const connection = { options: {}, Client: class {}, connect() {}, query() {} };
  await expect(loadConfig({ connection })).rejects.toMatchObject({
    code: 'config-invalid',
    message: 'the Client of the connection is not one of pg',
  });
});

/** Migrates some tenants of their own over a connection. */
async function migrateOver(connection: OpenConnection, name: string) {
  const p = project(
    {
      publicSchema: `${name}_public`,
      url: 'postgres://127.0.0.1:1/none',
      directUrl: 'postgres://127.0.0.1:1/none',
    },
    {
      'sql/public/1_plans.sql': 'create table plans (code text);\n',
      'sql/tenant/1_users.sql': 'create table users (id int);\n',
      'sql/tenant/2_index.sql': 'create index concurrently on users (id);\n',
    },
  );
  const warnings: string[] = [];
  const config = await loadConfig({
    cwd: p.dir,
    env: { DATABASE_URL: 'postgres://127.0.0.1:1/none' },
    connection,
    overrides: { tenants: { list: numbered(name, 4) } },
    onWarning: (message) => warnings.push(message),
  });
  const result = await up(config, { select: all });
  expect(result.schemas.flatMap(({ error }) => error ?? [])).toEqual([]);
  expect(result).toMatchObject({ ok: true, applied: 5 });
  expect(warnings).toEqual([
    `the connection overrides url in ${p.dir}/sqlmig.config.json, so directUrl there has no effect`,
  ]);
  return result;
}

test('sql of postgres.js: its own sessions stay as they are, and it stays open', async () => {
  const sql = sqlOf({ max: 1, connection: { application_name: 'app' } });
  const session = () =>
    sql`select pg_backend_pid() as pid, current_setting('application_name') as app, current_setting('search_path') as path`;
  const before = await session();
  // The only session of the pool is busy all the time.
  const reserved = await sql.reserve();
  await migrateOver(sql, 'js');
  reserved.release();
  expect(await session()).toEqual(before);
});

test('a pool and a client of pg: neither is used or closed', async () => {
  const pool = poolOf({ max: 1 });
  const held = await pool.connect();
  try {
    await migrateOver(pool, 'pool');
    await migrateOver(held, 'held');
  } finally {
    held.release();
  }
  expect([pool.totalCount, pool.ended]).toEqual([1, false]);
  const client = await clientOf();
  await migrateOver(client, 'client');
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('a function for the password is asked for each session, and its error is the reason', async () => {
  const url = new URL(db.url);
  const password = decodeURIComponent(url.password);
  let asked = 0;
  const give = async () => {
    asked += 1;
    return password;
  };
  const pooled = { host: url.hostname, port: Number(url.port), user: url.username, database: db.name };
  const pool = (given: () => Promise<string>) =>
    poolOf({ ...pooled, connectionString: undefined, password: given });
  const open = [sqlOf({ password: give }), pool(give)];
  for (const [i, connection] of open.entries()) {
    const before = asked;
    await migrateOver(connection, `asked_${i}`);
    expect(asked - before).toBeGreaterThan(1);
  }
  const fail = async () => {
    throw new Error('no token');
  };
  const config = await loadConfig({ cwd: project({}).dir, env: {}, connection: pool(fail) });
  await expect(up(config, { select: all })).rejects.toMatchObject({
    code: 'connection-failed',
    message: `cannot connect to ${url.host}: the password function failed: no token`,
  });
});

test('sockets that the program opens itself', async () => {
  const { hostname, port } = new URL(db.url);
  let opened = 0;
  const open = () => {
    opened += 1;
    return createConnection({ host: hostname, port: Number(port) });
  };
  const nowhere = { host: 'nowhere.invalid', port: 1 };
  const socket = () =>
    new Promise((resolve, reject) => {
      const made = open();
      made.once('connect', () => resolve(made)).once('error', reject);
    });
  const withUser = { username: 'postgres', password: decodeURIComponent(new URL(db.url).password) };
  await migrateOver(sqlOf({ ...nowhere, ...withUser, socket } as object), 'socket');
  expect(opened).toBeGreaterThan(1);
  opened = 0;
  // As connectors of clouds do it: it is connecting already.
  const stream = () => Object.assign(open(), { connect: () => {} });
  await migrateOver(poolOf({ stream: stream as never }), 'stream');
  expect(opened).toBeGreaterThan(1);
});

test('what the program sets for its sessions: options count, and limits of its queries do not', () => {
  const connection = { TimeZone: 'Asia/Tokyo', statement_timeout: 5, application_name: 'app' } as const;
  const { startup } = targetOfConnection(sqlOf({ connection }), {});
  expect(startup).toEqual({ TimeZone: 'Asia/Tokyo' });
  const options = '-c TimeZone=Asia/Tokyo';
  const pool = poolOf({ options, statement_timeout: 5, application_name: 'app' });
  expect(targetOfConnection(pool, {}).startup).toEqual({ options });
});

const ca = 'PEM';
test.for<[ssl: boolean | object, tls: unknown]>([
  [false, false],
  [true, { rejectUnauthorized: true }],
  [
    { ca, key: 'secret' },
    { rejectUnauthorized: true, ca, key: 'secret' },
  ],
  [{ rejectUnauthorized: false }, { rejectUnauthorized: false }],
])('ssl: %o', ([ssl, tls]) => {
  for (const connection of [sqlOf({ ssl }), poolOf({ ssl })]) {
    const target = targetOfConnection(connection, {});
    const host = { host: 'db.example', address: null, port: 1 };
    const { options } = clientOptions({ ...target, password: '' }, host);
    if (tls === false) expect(options.ssl).toBe(false);
    else expect(options.ssl).toMatchObject(tls as object);
  }
});

test.for([
  ['require', { rejectUnauthorized: false }],
  ['prefer', 'prefer'],
  ['verify-full', {}],
] as const)('ssl: "%s" of postgres.js', ([ssl, tls]) => {
  expect(targetOfConnection(sqlOf({ ssl }), {}).tls).toEqual(tls);
});

test('a socket by its path', () => {
  const hosts = (options: postgres.Options<never>) => targetOfConnection(sqlOf(options as object), {}).hosts;
  const expected = [{ host: '/tmp', address: null, port: 5433 }];
  expect(hosts({ host: '/tmp', port: 5433 })).toEqual(expected);
  expect(hosts({ path: '/tmp/.s.PGSQL.5433' })).toEqual(expected);
  expect(() => hosts({ path: '/tmp/mine' })).toThrow('the path of the connection');
});

test.for([
  ['a URL', 'postgres://u:secret@h/db'],
  ['null', null],
  ['an object', { host: 'h' }],
  ['options of another library', { options: { host: ['h'], port: [1] } }],
  ['a function', () => {}],
])('%s is no connection', async ([, connection]) => {
  const load = loadConfig({ cwd: tmpdir(), env: {}, connection: connection as never });
  await expect(load).rejects.toMatchObject({
    code: 'bad-usage',
    message: expect.stringMatching(/^option connection takes sql of postgres\.js, or a Pool or Client of pg/),
  });
  await expect(load).rejects.not.toThrow('secret');
});

test('a transaction and a reserved session are no connection, and neither goes with a URL', async () => {
  const sql = sqlOf();
  const refused = (connection: unknown, overrides = {}) =>
    expect(
      loadConfig({ cwd: tmpdir(), env: {}, connection: connection as OpenConnection, overrides }),
    ).rejects.toMatchObject({ code: 'bad-usage' });
  await sql.begin((tx) => refused(tx));
  const reserved = await sql.reserve();
  await refused(reserved);
  reserved.release();
  await refused(sql, { url: db.url });
});

test('plan reads over a connection with several hosts', async () => {
  const { hostname, port } = new URL(db.url);
  const { username, password, pathname } = new URL(db.url);
  const several = {
    host: ['127.0.0.1', hostname],
    port: [1, Number(port)],
    username,
    password: decodeURIComponent(password),
    database: pathname.slice(1),
    target_session_attrs: 'read-write',
  };
  const sql = postgres(several as object);
  onTestFinished(() => sql.end());
  const p = project({ historyTable: 'others' }, { 'sql/public/1_a.sql': 'create table a ();' });
  const config = await loadConfig({ cwd: p.dir, env: {}, connection: sql });
  expect(await plan(config)).toMatchObject({ ok: true, database: db.name });
});
