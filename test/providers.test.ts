import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../src/project/config.ts';
import { openSession } from '../src/server/session.ts';
import { certificate, hasOpenssl, tlsServer } from './setup/certificate.ts';
import type { OwnServer } from './setup/cluster.ts';

// As consoles and documentation print them; HOST, PORT, SOCKETS and CERTFILE are those of the test's server.
const printed: Readonly<Record<string, string>> = {
  Heroku: 'postgres://u3a9:pb7c@HOST:PORT/d4k2',
  Neon: 'postgresql://neondb_owner:npg_x1@HOST:PORT/neondb?sslmode=require&channel_binding=require',
  'Neon, its psql command':
    "psql 'postgresql://neondb_owner:npg_x1@HOST:PORT/neondb?sslmode=require&channel_binding=require'",
  'Neon, for .NET':
    'Host=HOST;Port=PORT;Database=neondb;Username=neondb_owner;Password=npg_x1;SSL Mode=VerifyCA;Root Certificate=CERTFILE;Channel Binding=Require',
  'Neon, for Java':
    'jdbc:postgresql://HOST:PORT/neondb?user=neondb_owner&password=npg_x1&sslmode=require&channelBinding=require',
  'Supabase, direct': 'postgresql://postgres.abcdefgh:S1@HOST:PORT/d4k2',
  'Supabase, pooler': 'postgresql://postgres.abcdefgh:S1@HOST:PORT/d4k2?pgbouncer=true',
  'Supabase, .NET': 'User Id=postgres.abcdefgh;Password=S1;Server=HOST;Port=PORT;Database=d4k2',
  'Supabase, JDBC': 'jdbc:postgresql://HOST:PORT/d4k2?user=postgres.abcdefgh&password=S1',
  'Supabase, .env':
    'DATABASE_URL="postgresql://postgres.abcdefgh:S1@HOST:PORT/d4k2?pgbouncer=true&connection_limit=1"',
  Vercel: 'postgres://u3a9:pb7c@HOST:PORT/d4k2?sslmode=require&supa=base-pooler.x',
  Render: 'postgresql://u3a9:pb7c@HOST:PORT/d4k2',
  Railway: 'postgresql://u3a9:pb7c@HOST:PORT/d4k2',
  'Fly.io': 'postgres://u3a9:pb7c@HOST:PORT/d4k2?sslmode=disable',
  DigitalOcean: 'postgresql://doadmin:AVNS_1@HOST:PORT/d4k2?sslmode=require',
  'Aiven and Timescale': 'postgres://doadmin:AVNS_1@HOST:PORT/d4k2?sslmode=require',
  'Amazon RDS, psql':
    'psql "host=HOST port=PORT dbname=d4k2 user=u3a9 password=pb7c sslmode=verify-full sslrootcert=CERTFILE"',
  'Amazon RDS, JDBC':
    'jdbc:postgresql://HOST:PORT/d4k2?user=u3a9&password=pb7c&ssl=true&sslmode=verify-full&sslrootcert=CERTFILE',
  'Azure, ADO.NET': 'Server=HOST;Database=d4k2;Port=PORT;User Id=u3a9;Password=pb7c;Ssl Mode=Require;',
  'Azure, JDBC': 'jdbc:postgresql://HOST:PORT/d4k2?user=u3a9&password=pb7c&sslmode=require',
  'Azure, libpq': 'host=HOST port=PORT dbname=d4k2 user=u3a9 password=pb7c sslmode=require',
  'Google Cloud SQL': 'postgresql://u3a9:pb7c@/d4k2?host=SOCKETS&port=PORT',
  'Google Cloud SQL, Prisma': 'postgresql://u3a9:pb7c@localhost/d4k2?host=SOCKETS&port=PORT',
  'Google Cloud SQL, pg8000': 'postgresql+pg8000://u3a9:pb7c@/d4k2?unix_sock=SOCKETS/.s.PGSQL.PORT',
  Phoenix: 'ecto://u3a9:pb7c@HOST:PORT/d4k2',
  'Phoenix, with TLS': 'ecto://u3a9:pb7c@HOST:PORT/d4k2?ssl=true&pool_size=10',
  Rails: 'postgresql://u3a9:pb7c@HOST:PORT/d4k2?pool=5&encoding=unicode&prepared_statements=false',
  Django: 'postgres://u3a9:pb7c@HOST:PORT/d4k2?conn_max_age=600&sslmode=require',
  'django-environ': 'psql://u3a9:pb7c@HOST:PORT/d4k2',
  GeoDjango: 'postgis://u3a9:pb7c@HOST:PORT/d4k2',
  Prisma:
    'postgresql://u3a9:pb7c@HOST:PORT/d4k2?schema=public&connection_limit=5&pool_timeout=2&sslmode=require&sslaccept=accept_invalid_certs',
  SQLAlchemy: 'postgresql+psycopg://u3a9:pb7c@HOST:PORT/d4k2',
  asyncpg: 'postgresql+asyncpg://u3a9:pb7c@HOST:PORT/d4k2?ssl=require&prepared_statement_cache_size=0',
  'node-postgres': 'postgres://u3a9:pb7c@HOST:PORT/d4k2?sslmode=no-verify',
  'Spring and R2DBC': 'r2dbc:postgresql://u3a9:pb7c@HOST:PORT/d4k2',
  'golang-migrate': 'pgx5://u3a9:pb7c@HOST:PORT/d4k2?sslmode=disable&x-migrations-table=versions',
  pgx: 'postgres://u3a9:pb7c@HOST:PORT/d4k2?sslmode=verify-ca&sslrootcert=CERTFILE&pool_max_conns=10',
  Npgsql:
    'Host=HOST;Port=PORT;Username=u3a9;Password=pb7c;Database=d4k2;Pooling=true;Minimum Pool Size=0;Include Error Detail=true',
};

/** Logs in with the value of DATABASE_URL as a command would; returns user, database and whether TLS was used. */
async function loginWith(DATABASE_URL: string, cwd: string): Promise<unknown> {
  const { database } = await loadConfig({ cwd, env: { DATABASE_URL } });
  const connection = { target: database.target, applicationName: 'test', connectTimeoutMs: 60_000 };
  const session = await openSession(connection);
  const [row] = await session.run(
    'select current_user, current_database() as db, ssl from pg_stat_ssl where pid = pg_backend_pid()',
  );
  await session.close();
  return row;
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-providers-'));
  chmodSync(dir, 0o777);
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A server with sockets and TLS, and what stands for it in a text. */
async function serverIn(dir: string): Promise<{ server: OwnServer; at: (text: string) => string }> {
  const own = certificate('-newkey', 'rsa:2048');
  const server = await tlsServer(own, { unix_socket_directories: dir });
  const { port } = new URL(server.url);
  const at = (text: string) =>
    text
      .replaceAll('HOST', 'localhost')
      .replaceAll('PORT', port)
      .replaceAll('SOCKETS', dir)
      .replaceAll('CERTFILE', own.cert);
  return { server, at };
}

test.skipIf(!hasOpenssl)(
  'connection strings as providers and frameworks print them reach the database',
  async () => {
    const dir = folder();
    const { server, at } = await serverIn(dir);
    const users = { u3a9: 'pb7c', neondb_owner: 'npg_x1', 'postgres.abcdefgh': 'S1', doadmin: 'AVNS_1' };
    for (const [user, password] of Object.entries(users))
      await server.query(`create role "${user}" login password '${password}'`);
    for (const database of ['d4k2', 'neondb']) await server.query(`create database ${database}`);
    for (const [provider, text] of Object.entries(printed)) {
      const user = Object.keys(users).find((name) => text.includes(name));
      const ssl = /ssl.?mode=(?:require|verify|no-verify)|ssl=(?:true|require)/i.test(text);
      const db = /neondb(?!_)/.test(text) ? 'neondb' : 'd4k2';
      const reached = await loginWith(at(text), dir).catch((error) => error.message);
      expect({ provider, reached }).toEqual({ provider, reached: { current_user: user, db, ssl } });
    }
  },
);

const special = 'p@:/?#[]!$&\'()*+,;=%25 %"\\<>^`{|}~ü€';
const encoded = encodeURIComponent(special);
const quoted = special.replace(/[\\']/g, '\\$&');
const doubled = special.replaceAll('"', '""');

// How the same password is written, and with what around it.
const written: Readonly<Record<string, string>> = {
  'in a URL, all encoded': `postgres://odd:${encoded}@HOST:PORT/postgres`,
  'in a URL, only what has to be': `postgres://odd:${special.replace(/[/?%]/g, encodeURIComponent)}@HOST:PORT/postgres`,
  'as a parameter': `postgres://HOST:PORT/postgres?user=odd&password=${encoded}`,
  'in a list of libpq': `host=HOST port=PORT dbname=postgres user=odd password='${quoted}'`,
  'in JDBC': `jdbc:postgresql://HOST:PORT/postgres?user=odd&password=${encoded}`,
  'in ADO.NET': `Host=HOST;Port=PORT;Database=postgres;Username=odd;Password="${doubled}"`,
  'with quotes of an env file': `"'postgres://odd:${encoded}@HOST:PORT/postgres'"`,
  'with its variable': `export DATABASE_URL=postgres://odd:${encoded}@HOST:PORT/postgres\r\n`,
  'with a byte order mark': `\uFEFFpostgres://odd:${encoded}@HOST:PORT/postgres\n`,
  'over a socket': `postgres://odd:${encoded}@SOCKETS_ENCODED:PORT/postgres`,
  'to several hosts': `postgres://odd:${encoded}@HOST:1,HOST:PORT/postgres?target_session_attrs=read-write`,
  'to an IPv6 address': `postgres://odd:${encoded}@[::1]:1,HOST:PORT/postgres`,
  'with options': `postgres://odd:${encoded}@HOST:PORT/postgres?options=-c%20work_mem%3D8MB%20-c%20geqo%3Doff`,
};

test.skipIf(!hasOpenssl)(
  'a password of special characters reaches the server however it is written',
  async () => {
    const dir = folder();
    const { server, at } = await serverIn(dir);
    await server.query(`create role odd login password '${special.replaceAll("'", "''")}'`);
    for (const [how, text] of Object.entries(written)) {
      const url = at(text.replace('SOCKETS_ENCODED', encodeURIComponent(dir)));
      const reached = await loginWith(url, dir).catch((error) => error.message);
      expect({ how, reached }).toMatchObject({ how, reached: { current_user: 'odd' } });
    }
    for (const empty of [
      'postgres://odd:@HOST:PORT/postgres',
      'Host=HOST;Port=PORT;Username=odd;Password=;Database=postgres',
    ])
      await expect(loginWith(at(empty), dir)).rejects.toMatchObject({ code: 'login-refused' });
  },
);
