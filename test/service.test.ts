import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const files = { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_t.sql': 'create table t ()' };

/** A project with a service file in its folder, which is HOME as well. */
async function withServices() {
  const [shop, other] = [await freshDatabase(), await freshDatabase()];
  const { hostname, port, username, password } = new URL(shop.url);
  const section = (name: string, { name: dbname }: TestDatabase) =>
    `[${name}]\nhost=${hostname}\nport=${port}\nuser=${username}\npassword=${decodeURIComponent(password)}\ndbname=${dbname}\n`;
  const p = project(
    { tenants: { list: ['acme'] } },
    { ...files, '.pg_service.conf': `# ours\n${section('other', other)}\n${section('prod', shop)}` },
  );
  const where = (db: TestDatabase) => `database ${db.name} on ${hostname}:${port}`;
  return { shop, other, p, where, section, place: `${hostname}:${port}` };
}

/** Where psql would go; `null` where it is not installed. */
function psql(args: readonly string[], cwd: string, env: Record<string, string>): string | null {
  try {
    return execFileSync('psql', ['-XAtc', 'select current_database()', ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return 'an error';
  }
}

test('PGSERVICE, service= and what each beats lead to the database that psql goes to', async () => {
  const { shop, other, p, where, section, place } = await withServices();
  const folder = join(p.dir, 'etc');
  mkdirSync(folder);
  p.write({
    'mine.conf': section('prod', other),
    'etc/pg_service.conf': section('system', other) + section('prod', other),
  });
  const cases: readonly (readonly [TestDatabase | null, Record<string, string>, string?])[] = [
    [shop, { PGSERVICE: 'prod' }],
    [other, { PGSERVICE: 'other' }],
    [shop, { PGSERVICE: 'prod', PGDATABASE: 'postgres', PGHOST: 'no.such.host.invalid', PGUSER: 'no' }],
    [other, { PGSERVICE: 'prod', PGSERVICEFILE: join(p.dir, 'mine.conf') }],
    [other, { PGSERVICE: 'system', PGSYSCONFDIR: folder }],
    [shop, { PGSERVICE: 'prod', PGSYSCONFDIR: folder }],
    [other, { PGSERVICE: 'system', PGSYSCONFDIR: folder, PGSERVICEFILE: join(p.dir, 'mine.conf') }],
    [shop, { PGSERVICE: 'other' }, 'postgresql://?service=prod'],
    [other, { PGSERVICE: 'prod' }, `postgresql://${place}/${other.name}`],
    [shop, { PGSERVICE: 'prod' }, `postgresql://${place}`],
    [null, { PGSERVICE: 'pro' }],
    [null, { PGSERVICE: 'prod', PGSERVICEFILE: join(p.dir, 'nowhere') }],
    [null, { PGSERVICE: 'prod', PGHOSTADDR: '127.0.0.1', PGGSSENCMODE: 'require' }],
  ];
  for (const [expected, env, url] of cases) {
    const { stdout, code } = await sqlmig(['status', ...(url ? ['--url', url] : [])], p.dir, env);
    const line = expected === null ? '' : where(expected);
    expect([env, url, stdout.split('\n')[0], code]).toEqual([env, url, line, expected === null ? 2 : 0]);
    const there = psql(url ? [url] : [], p.dir, env);
    if (there !== null) expect([env, url, there]).toEqual([env, url, expected?.name ?? 'an error']);
  }
});

test('DATABASE_URL beats PGSERVICE in what it says, and the service fills the rest', async () => {
  const { other, p, where, place } = await withServices();
  const env = { PGSERVICE: 'prod', DATABASE_URL: `postgres://${place}/${other.name}` };
  const { stdout } = await sqlmig(['status'], p.dir, env);
  expect(stdout.split('\n')[0]).toBe(where(other));
});

test('an unknown service names itself and the files; a wrong line its place alone; nothing is touched', async () => {
  const { p } = await withServices();
  const unknown = await sqlmig(['up', '--all'], p.dir, { PGSERVICE: 'prd', PGSYSCONFDIR: p.dir });
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
  expect(unknown.stderr).toContain(
    `error[config-invalid]: no service "prd" in ${join(p.dir, '.pg_service.conf')} or ${join(p.dir, 'pg_service.conf')} (not found)`,
  );
  p.write({ '.pg_service.conf': '[prod]\nhost=127.0.0.1\npassword s3cret\n' });
  const wrong = await sqlmig(['up', '--all', '--json'], p.dir, { PGSERVICE: 'prod' });
  expect(wrong.code).toBe(2);
  expect(wrong.stdout).toContain('.pg_service.conf:3: ');
  expect(wrong.stdout + wrong.stderr).not.toContain('s3cret');
});

test('what is not about the database of the variables does not depend on them', async () => {
  const { p } = await withServices();
  const env = { PGSERVICE: 'nowhere', PGREQUIREAUTH: 'none', PGHOSTADDR: '10.255.255.1' };
  expect(await sqlmig(['new', '--tenant', 'x'], p.dir, env)).toMatchObject({ code: 0 });
});

test('PGTARGETSESSIONATTRS=any, PGTZ and PGGEQO do what they do to psql', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url },
    {
      'sql/public/1_p.sql':
        "create table p as select current_setting('TimeZone') tz, current_setting('geqo') geqo",
    },
  );
  const env = {
    PGTARGETSESSIONATTRS: 'any',
    PGTZ: 'Asia/Tokyo',
    PGGEQO: 'off',
    PGSSLNEGOTIATION: 'postgres',
  };
  expect(await sqlmig(['up', '--all'], p.dir, env)).toMatchObject({ code: 0 });
  expect(await db.query('select * from p')).toEqual([{ tz: 'Asia/Tokyo', geqo: 'off' }]);
});

test('up, plan and status begin with the database and its host', async () => {
  const db = await freshDatabase();
  const { hostname, port } = new URL(db.url);
  const line = `database ${db.name} on ${hostname}:${port}`;
  const p = project({ tenants: { list: ['acme'] } }, files);
  const url = db.url.replace(`${hostname}:${port}`, `127.0.0.1:1,${hostname}:${port}`);
  const first = (text: string) => text.split('\n')[0];
  expect(first((await sqlmig(['plan', '--url', url], p.dir)).stdout)).toBe(line);
  const { stdout, stderr } = await sqlmig(['up', '--all', '--url', url], p.dir);
  expect([first(stderr), first(stdout)]).not.toEqual([line, line]);
  expect(first(stderr)).toBe(line);
  expect(first((await sqlmig(['status', '--url', url], p.dir)).stdout)).toBe(line);
  const quiet = await sqlmig(['up', '--all', '--quiet', '--url', url], p.dir);
  expect(quiet).toMatchObject({ code: 0, stderr: '' });
  const log = await sqlmig(['up', '--all', '--log-format', 'json', '--url', url], p.dir);
  expect(JSON.parse(first(log.stderr) ?? '')).toMatchObject({
    type: 'run-started',
    database: db.name,
    host: `${hostname}:${port}`,
  });
  for (const command of ['plan', 'status']) {
    expect(JSON.parse((await sqlmig([command, '--json', '--url', url], p.dir)).stdout)).toMatchObject({
      host: `${hostname}:${port}`,
      database: db.name,
    });
  }
});
