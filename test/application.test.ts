import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import postgres from 'postgres';
import { beforeAll, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import {
  asTenant,
  currentTenant,
  forTenant,
  forTenantsOf,
  type TransactionOf,
  tenantOfHost,
  tenantOfPath,
} from '../src/application/index.ts';
import { quoteIdentifier, quoteLiteral } from '../src/sql/quote.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';

/** A library as the tests use it: one statement at a time, by its text. */
interface Library {
  readonly db: object;
  run(transaction: never, text: string): Promise<unknown>;
  end(): Promise<unknown>;
}

// Without their declarations: those of Drizzle need packages that are not installed.
const load = (name: string) => import(/* @vite-ignore */ name);

interface Drizzle {
  execute(text: string): Promise<unknown>;
}

const connections = 4;
const poolOf = (url: string) => {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  // A session that a test terminates while it is idle.
  pool.on('error', () => {});
  return pool;
};
const sqlOf = (url: string) => postgres(url, { max: connections, onnotice: () => {} });

const libraries: Readonly<Record<string, (url: string) => Library | Promise<Library>>> = {
  'postgres.js'(url) {
    const db = sqlOf(url);
    return { db, run: (sql: postgres.Sql, text) => sql.unsafe(text), end: () => db.end() };
  },
  pg(url) {
    const db = poolOf(url);
    return { db, run: (client: pg.PoolClient, text) => client.query(text), end: () => db.end() };
  },
  async 'Drizzle over pg'(url) {
    const pool = poolOf(url);
    const db = (await load('drizzle-orm/node-postgres')).drizzle(pool);
    return { db, run: async (tx: Drizzle, text) => tx.execute(text), end: () => pool.end() };
  },
  async 'Drizzle over postgres.js'(url) {
    const sql = sqlOf(url);
    const db = (await load('drizzle-orm/postgres-js')).drizzle(sql);
    return { db, run: async (tx: Drizzle, text) => tx.execute(text), end: () => sql.end() };
  },
  async Kysely(url) {
    const { CompiledQuery, Kysely, PostgresDialect } = await load('kysely');
    const db = new Kysely({ dialect: new PostgresDialect({ pool: poolOf(url) }) });
    const run = (trx: typeof db, text: string) => trx.executeQuery(CompiledQuery.raw(text));
    return { db, run, end: () => db.destroy() };
  },
  async Knex(url) {
    const db = (await load('knex')).default({ client: 'pg', connection: url, pool: { max: connections } });
    const run = async (trx: typeof db, text: string) => trx.raw(text.replaceAll('?', '\\?'));
    return { db, run, end: () => db.destroy() };
  },
};

const tenants = ['acme', 'O"Brien; drop schema acme', "it's \\ ?", 'Ünïcode Ltd', '42'];
let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  const notes = 'create table notes (owner text, request int)';
  await db.query(notes);
  for (const name of tenants.map(quoteIdentifier))
    await db.query(
      `create schema ${name}; set search_path = ${name}; ${notes}; create table schema_migrations ()`,
    );
  await db.query('reset search_path; create schema auth; create table auth.notes ()');
});

const insert = (owner: string, request: number) =>
  `insert into notes values (${quoteLiteral(owner)}, ${request})`;

/** The rows of a tenant or of public, as `owner request`. */
async function notesOf(schema: string): Promise<string[]> {
  const rows = await db.query(`select owner, request from ${quoteIdentifier(schema)}.notes order by request`);
  return rows.map(({ owner, request }) => `${owner} ${request}`);
}

test.each(Object.keys(libraries))('%s: 100 requests at once over 4 connections stay apart', async (name) => {
  await db.query(
    `truncate ${['public', ...tenants].map((schema) => `${quoteIdentifier(schema)}.notes`).join()}`,
  );
  const library = await libraries[name]?.(db.url);
  if (library === undefined) throw new Error(name);
  onTestFinished(async () => void (await library.end()));
  const write = (tx: never, tenant: string, i: number) => library.run(tx, insert(tenant, i));
  const late: Promise<unknown>[] = [];
  const request = async (i: number) => {
    const tenant = tenants[i % tenants.length] ?? '';
    await forTenant(library.db as never, tenant, async (tx: never) => {
      await write(tx, tenant, i);
      const kind = Math.floor(i / tenants.length) % 6;
      if (kind === 1) throw new Error('refused');
      if (kind === 2) await library.run(tx, 'select 1 / 0');
      if (kind === 3) await library.run(tx, `select pg_cancel_backend(pg_backend_pid()), pg_sleep(9)`);
      // Ends while others still run.
      if (kind === 4) {
        const others = [1, 2, 3].map((n) => write(tx, tenant, 1000 * n + i));
        late.push(...others.map((other) => other.catch(() => {})));
        await Promise.all([library.run(tx, 'select 1 / 0'), ...others]);
      }
      // Continues after the request is over.
      if (kind === 5) late.push(lateWrites((n) => write(tx, tenant, 10_000 * n + i)));
    });
  };
  const ends = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => request(i)));
  await Promise.all(late);
  const done = ends.flatMap((end, i) => (end.status === 'fulfilled' ? [i] : []));
  for (const [at, tenant] of tenants.entries()) {
    const own = done.filter((i) => i % tenants.length === at);
    expect(own.length).toBeGreaterThan(5);
    expect(await notesOf(tenant)).toEqual(own.map((i) => `${tenant} ${i}`));
  }
  expect(await notesOf('public')).toEqual([]);
});

/** Writes that nothing waits for: some before the request is over, some after. All of them fail, or are rolled back. */
async function lateWrites(write: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 1; n <= 3; n++) {
    await delay(n);
    await Promise.resolve()
      .then(() => write(n))
      .catch(() => {});
  }
}

/** As these libraries declare transactions. */
interface Declared {
  readonly kysely: {
    transaction(): { execute<T>(work: (trx: { readonly k: 1 }) => Promise<T>): Promise<T> };
  };
  readonly knex: {
    transaction(config?: object): Promise<{ readonly x: 1 }>;
    transaction<T>(work: (trx: { readonly x: 1 }) => Promise<T> | undefined, config?: object): Promise<T>;
  };
  readonly prisma: {
    $transaction<P extends Promise<unknown>[]>(steps: [...P], options?: object): Promise<P>;
    $transaction<R>(work: (tx: { readonly p: 1 }) => Promise<R>, options?: object): Promise<R>;
  };
}

test('the function receives the type that the library has for a transaction', () => {
  expectTypeOf<TransactionOf<postgres.Sql>>().toEqualTypeOf<postgres.TransactionSql>();
  expectTypeOf<TransactionOf<pg.Pool>>().toEqualTypeOf<pg.PoolClient>();
  expectTypeOf<TransactionOf<Declared['kysely']>>().toEqualTypeOf<{ readonly k: 1 }>();
  expectTypeOf<TransactionOf<Declared['knex']>>().toEqualTypeOf<{ readonly x: 1 }>();
  expectTypeOf<TransactionOf<Declared['prisma']>>().toEqualTypeOf<{ readonly p: 1 }>();
});

test('a request has a tenant in its host or path, or none', () => {
  const hosts = [
    'acme.example.com',
    'ACME.Example.com.:80',
    'example.com',
    'a.b.example.com',
    'acmeexample.com',
    null,
  ];
  expect(hosts.map((host) => tenantOfHost(host, 'Example.com'))).toEqual([
    'acme',
    'acme',
    null,
    null,
    null,
    null,
  ]);
  const paths = ['/t/acme/x?t=1', '/t/a%20b', '/t/', '/x/acme', '/t/%', '/t/../acme', 'http://other/t/acme'];
  expect(paths.map((path) => tenantOfPath(path, '/t/'))).toEqual([
    'acme',
    'a b',
    null,
    null,
    null,
    null,
    'acme',
  ]);
});

test.each(Object.keys(libraries))('%s: an error at the commit is passed on', async (name) => {
  const library = await libraries[name]?.(db.url);
  if (library === undefined) throw new Error(name);
  onTestFinished(async () => void (await library.end()));
  const twice = forTenant(library.db as never, 'acme', async (tx: never) => {
    await library.run(tx, 'create table once (n int unique deferrable initially deferred)');
    await library.run(tx, 'insert into once values (1), (1)');
  });
  const error = await twice.catch((reason: Error) => reason.cause ?? reason);
  expect(error).toMatchObject({ code: '23505' });
});

const opened = () => {
  const sql = sqlOf(db.url);
  onTestFinished(() => sql.end());
  return sql;
};
const pathOf = async (sql: postgres.Sql | postgres.TransactionSql) =>
  (await sql`select current_setting('search_path') as path`)[0]?.path;

test('a name that is no tenant runs nothing, and nothing is left in the session', async () => {
  const sql = opened();
  const work = async () => expect.unreachable();
  const refused = (name: unknown) => forTenant(sql, name as string, work);
  for (const name of [
    '',
    'x'.repeat(64),
    'pg_catalog',
    'information_schema',
    'public',
    null,
    undefined,
    7,
    {},
  ])
    await expect(refused(name)).rejects.toMatchObject({ code: 'bad-tenant-name' });
  await expect(refused('nosuch')).rejects.toMatchObject({ code: 'unknown-tenant' });
  // A schema without a history is none of the tenants.
  for (const name of ['auth', 'acme"; drop schema acme cascade; --'])
    await expect(refused(name)).rejects.toMatchObject({ code: 'unknown-tenant', details: { schema: name } });
  await db.query(`create role ${db.name}; grant ${db.name} to current_user`);
  onTestFinished(async () => void (await db.query(`drop role ${db.name}`)));
  const weak = postgres(db.url, { max: 1, connection: { options: `-c role=${db.name}` } });
  await expect(forTenant(weak, 'acme', work)).rejects.toMatchObject({ code: 'server-refused' });
  await weak.end();
  await expect(forTenant({} as never, 'acme', work)).rejects.toMatchObject({ code: 'bad-usage' });
  await expect(forTenant(new pg.Client(), 'acme', work)).rejects.toMatchObject({ code: 'bad-usage' });
  expect(await pathOf(sql)).toBe('"$user", public');
});

test('the path is that of tenant files, and ends with the transaction, behind a pooler too', async ({
  skip,
}) => {
  const missing = poolerMissing();
  const url = missing === null ? await startPooler(db.url, 'transaction', 1) : db.url;
  const sql = postgres(url, { max: 2, prepare: false, onnotice: () => {} });
  onTestFinished(() => sql.end());
  await sql`set search_path = public`;
  const forOther = forTenantsOf({ publicSchema: 'auth', searchPath: ['tenant', 'more', 'public'] });
  expect(await forTenant(sql, tenants[1] ?? '', (tx) => pathOf(tx))).toBe(
    '"O""Brien; drop schema acme", "public"',
  );
  expect(await forOther(sql, 'acme', (tx) => pathOf(tx))).toBe('"acme", "more", "auth"');
  await expect(forOther(sql, 'auth', pathOf)).rejects.toMatchObject({ code: 'bad-tenant-name' });
  expect(await pathOf(sql)).toBe('public');
  expect(() => forTenantsOf({ searchPath: ['public'] })).toThrow('begins with "tenant"');
  if (missing !== null) skip(`skipped: ${missing}`);
});

test('a nested call for the same tenant joins the transaction, and one for another is an error', async () => {
  const sql = opened();
  const pool = poolOf(db.url);
  onTestFinished(() => pool.end());
  const pid = async (tx: postgres.TransactionSql) =>
    (await tx`select pg_backend_pid() as pid, txid_current() as id`)[0];
  const other = { code: 'other-tenant' };
  await forTenant(sql, 'acme', async (tx) => {
    const here = await pid(tx);
    expect(await forTenant(sql, 'acme', pid)).toEqual(here);
    expect(await forTenant(sql, pid)).toEqual(here);
    expect(await forTenant(tx, 'acme', pid)).toEqual(here);
    expect(await tx.savepoint((inner) => pid(inner))).toEqual(here);
    await expect(forTenant(sql, '42', pid)).rejects.toMatchObject(other);
    await expect(forTenant(pool, '42', async () => {})).rejects.toMatchObject(other);
    await expect(forTenant(tx, '42', pid)).rejects.toMatchObject(other);
    expect(() => asTenant('42', () => {})).toThrow('runs for the tenant "acme"');
    // Another pool has its own transaction.
    const { rows } = await forTenant(pool, 'acme', (client) =>
      client.query('select pg_backend_pid() as pid'),
    );
    expect(rows[0].pid).not.toBe(here?.pid);
  });
  expect(currentTenant()).toBe(null);
  await expect(forTenant(sql, pid)).rejects.toMatchObject({ code: 'no-tenant' });
  // What a call has left behind is free to use another tenant once the call has ended.
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  let left: Promise<string | null> | undefined;
  await forTenant(sql, 'acme', async () => {
    left = promise.then(() => forTenant(sql, '42', async () => currentTenant()));
  });
  resolve();
  expect(await left).toBe('42');
});

test('what asTenant starts is for its tenant, in parallel with others', async () => {
  const sql = opened();
  const request = (tenant: string) =>
    asTenant(tenant, async () => {
      await delay(Math.random() * 5);
      const [row] = await forTenant(sql, (tx) => tx`select current_schema() as schema`);
      await expect(forTenant(sql, tenant === '42' ? 'acme' : '42', async () => {})).rejects.toMatchObject({
        code: 'other-tenant',
      });
      return [tenant, currentTenant(), row?.schema];
    });
  const names = Array.from({ length: 20 }, (_, i) => tenants[i % tenants.length] ?? '');
  expect(await Promise.all(names.map(request))).toEqual(names.map((name) => [name, name, name]));
  expect(() => asTenant('pg_x', () => {})).toThrow('belongs to PostgreSQL');
});

test('a transaction that has ended takes no statement, and one that is open does not end early', async () => {
  const sql = opened();
  const pool = poolOf(db.url);
  onTestFinished(() => pool.end());
  const kept: {
    sql?: postgres.TransactionSql;
    query?: postgres.PendingQuery<postgres.Row[]>;
    client?: pg.PoolClient;
  } = {};
  await forTenant(sql, 'acme', async (tx) => {
    kept.sql = tx;
    kept.query = tx`insert into notes values ('late')`;
    await expect(tx.savepoint((inner) => inner`commit`)).rejects.toMatchObject({ code: 'bad-usage' });
  }).catch(() => {});
  await forTenant(pool, 'acme', async (client) => {
    kept.client = client;
    expect(() => client.query({ text: ' ROLLBACK work' })).toThrow('itself');
    await client.query('savepoint a; rollback to a');
  });
  const over = { code: 'transaction-over', details: { schema: 'acme' } };
  const { sql: late, query, client } = kept;
  if (!late || !query || !client) throw new Error('nothing was kept');
  await expect(query).rejects.toMatchObject(over);
  await expect(late`select 1`).rejects.toMatchObject(over);
  await expect(late.savepoint((inner) => inner`select 1`)).rejects.toMatchObject(over);
  await expect(forTenant(late, 'acme', async () => {})).rejects.toMatchObject(over);
  expect(() => client.query('select 1')).toThrow('has ended');
  // PostgreSQL rolls this back although COMMIT is sent.
  const hidden = forTenant(pool, 'acme', (tx) => tx.query('select 1 / 0').catch(() => 'hidden'));
  await expect(hidden).rejects.toMatchObject(over);
});

test('a connection that is lost ends the call, and later calls get a new one', async () => {
  const sql = sqlOf(db.url);
  // postgres.js waits for the sessions that it has lost.
  onTestFinished(() => sql.end({ timeout: 0 }));
  const pool = poolOf(db.url);
  onTestFinished(() => pool.end());
  const end = 'select pg_terminate_backend(pg_backend_pid())';
  const show = 'show search_path';
  await expect(forTenant(pool, 'acme', (client) => client.query(end))).rejects.toThrow();
  expect((await forTenant(pool, 'acme', (client) => client.query(show))).rows).toHaveLength(1);
  expect(pool.totalCount).toBe(1);
  await expect(forTenant(sql, 'acme', (tx) => tx.unsafe(end))).rejects.toThrow();
  let late: Promise<unknown> | undefined;
  const continues = forTenant(sql, 'acme', (tx) => {
    late = tx.savepoint((inner) => inner.unsafe(end).catch(() => delay(20).then(() => inner.unsafe(show))));
    return late;
  });
  await expect(continues).rejects.toThrow();
  await expect(late).rejects.toThrow();
  let rows: unknown = null;
  // The first statement of a new session may still fail with the error of the lost one.
  while (rows === null) rows = await forTenant(sql, 'acme', (tx) => tx.unsafe(show)).catch(() => null);
  expect(rows).toEqual([{ search_path: '"acme", "public"' }]);
});
