import { beforeEach, expect, test } from 'vitest';
import { createTenant, status, up, verify } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const query = 'select schema_name from tenants order by 1';
const files = {
  'sql/public/1_tenants.sql': `create table tenants (schema_name name primary key); insert into tenants values ('acme')`,
  'sql/tenant/1_a.sql': 'create table a ()',
};

/** A project whose public files are applied. */
async function applied(tenants: unknown) {
  const p = project({ url: db.url, tenants }, files);
  expect(await sqlmig(['up', '--public'], p.dir)).toMatchObject({ code: 0 });
  return p;
}

const schemas = () =>
  db.query(`select nspname::text as n from pg_namespace where nspname in ('acme', 'initech')`);

test('a tenant that the query does not list is created, and said to be one that no run migrates: exit 1', async () => {
  const p = await applied({ query });
  const created = await sqlmig(['tenant', 'create', 'initech'], p.dir);
  expect(created).toMatchObject({ code: 1, stdout: 'initech  1 migration applied  at 1\n' });
  expect(created.stderr).toContain(
    'error[unlisted-tenant]: the query in "tenants" of the config does not list',
  );
  expect(created.stderr).toContain('now:  initech is at 1, and no run will migrate it again');
  expect(created.stderr).toContain('--unlisted');
  const again = await sqlmig(['tenant', 'create', 'initech', '--if-not-exists', '--json'], p.dir);
  expect(again.code).toBe(1);
  expect(JSON.parse(again.stdout)).toMatchObject({
    schema: 'initech',
    state: 'up-to-date',
    error: { code: 'unlisted-tenant', schema: 'initech', database: db.name },
  });
  expect(await sqlmig(['tenant', 'create', 'initech', '--unlisted', '--if-not-exists'], p.dir)).toMatchObject(
    { code: 0 },
  );
  expect(await sqlmig(['tenant', 'create', 'acme', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
});

test.for([{ list: ['acme'] }, { pattern: 'a%' }] as const)(
  'where creating it cannot change the list, nothing is created: %j',
  async (tenants) => {
    const p = await applied(tenants);
    const { code, stderr } = await sqlmig(['tenant', 'create', 'initech'], p.dir);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('unlisted-tenant') });
    expect(stderr).toContain('nothing was created');
    expect(await schemas()).toEqual([]);
    expect(await sqlmig(['tenant', 'create', 'acme'], p.dir)).toMatchObject({ code: 0 });
    expect(await sqlmig(['tenant', 'create', 'initech', '--unlisted'], p.dir)).toMatchObject({ code: 0 });
  },
);

test('a function is read again; without "tenants" every schema with a history is a tenant', async () => {
  const p = await applied({ list: [] });
  p.remove('sqlmig.config.json');
  p.write({
    'sqlmig.config.mjs': `export default { url: '${db.url}', tenants: () => ['acme'] }`,
  });
  expect(await createTenant(await p.config(), { name: 'acme' })).not.toHaveProperty('error');
  expect(await createTenant(await p.config(), { name: 'initech' })).toMatchObject({
    error: { code: 'unlisted-tenant' },
  });
  p.remove('sqlmig.config.mjs');
  p.write({ 'sqlmig.config.json': JSON.stringify({ url: db.url }) });
  expect(await createTenant(await p.config(), { name: 'umbrella' })).not.toHaveProperty('error');
});

test.for(['initech', `it's "x"; drop table tenants; --`, '$1', 'back\\slash\\', 'ünïcode 名'])(
  'the config may tell how to register a tenant: %s',
  async (name) => {
    const register = 'insert into tenants (schema_name) values ($1);';
    const p = await applied({ query, register });
    const config = await p.config();
    expect(await createTenant(config, { name })).not.toHaveProperty('error');
    expect(await createTenant(config, { name, ifNotExists: true })).toMatchObject({ state: 'up-to-date' });
    expect(await db.query(`select schema_name::text as n from tenants where schema_name <> 'acme'`)).toEqual([
      { n: name },
    ]);
    expect((await up(config, { select: all })).schemas.map(({ schema }) => schema)).toContain(name);
  },
);

test('twenty sign-ups of one tenant at once register it once', async () => {
  const p = await applied({ query, register: 'insert into tenants values ($1)' });
  const config = await p.config();
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => createTenant(config, { name: 'initech', ifNotExists: true })),
  );
  expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(await db.query('select count(*)::int as n from tenants')).toEqual([{ n: 2 }]);
});

test.for([
  ['insert into nowhere values ($1)', '42P01', 'relation "nowhere" does not exist'],
  ['insert into tenants values ($1); select 1 / 0', '22012', 'division by zero'],
  ['select $1', undefined, 'does not list "initech"'],
] as const)(
  'a statement that does not register it is an error of the outcome: %s',
  async ([register, sqlstate, why]) => {
    const p = await applied({ query, register });
    const { error, state } = await createTenant(await p.config(), { name: 'initech' });
    expect(state).toBe('applied');
    expect(error).toMatchObject({ code: 'unlisted-tenant', message: expect.stringContaining(why) });
    expect(error?.sqlstate).toBe(sqlstate);
    expect(error?.hint).toContain('"register"');
    expect(await db.query('select count(*)::int as n from tenants')).toEqual([{ n: 1 }]);
  },
);

test('a statement without $1 is a mistake in the config', async () => {
  const p = project({ url: db.url, tenants: { query, register: `insert into tenants values ('x')` } }, files);
  expect(await sqlmig(['status'], p.dir)).toMatchObject({ code: 2, stderr: expect.stringContaining('$1') });
});

test('status and verify name what has our history and is not in the list', async () => {
  const p = await applied({ query });
  await db.query(`insert into tenants values ('old_1'), ('old_2'), ('kept')`);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['status', '--check'], p.dir)).toMatchObject({ code: 0 });
  await db.query(`delete from tenants where schema_name like 'old%'`);
  // Another project's public schema, another tool's history and an unreadable schema are none of ours.
  await db.query(`create schema other; create table other.schema_migrations (like public.schema_migrations);
    insert into other.schema_migrations select * from public.schema_migrations;
    create schema rails; create table rails.schema_migrations (version varchar primary key)`);

  const found = await sqlmig(['verify', '--json'], p.dir);
  expect(found.code).toBe(1);
  expect(JSON.parse(found.stdout)).toMatchObject({
    ok: false,
    findings: ['old_1', 'old_2'].map((schema) => ({
      kind: 'unlisted',
      database: db.name,
      schema,
      scope: 'tenant',
      message: expect.any(String),
    })),
  });
  expect((await sqlmig(['verify'], p.dir)).stdout).toMatch(/^unlisted: .*\n {2}in 2 tenants: old_1, old_2\n/);

  p.write({ 'sql/tenant/2_b.sql': 'create table b ()' });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  const { stdout, code } = await sqlmig(['status', '--check'], p.dir);
  expect(code).toBe(1);
  expect(stdout).toContain('tenant  at 1     1 pending   unlisted  old_1, old_2\n');
  const config = await p.config();
  expect((await status(config)).schemas.filter(({ findings }) => findings.length > 0)).toMatchObject([
    { schema: 'old_1', version: '1', pending: 1, findings: [{ kind: 'unlisted' }] },
    { schema: 'old_2' },
  ]);
  // Only where all were asked for; what is left out by name is in the list.
  expect(await verify(config, { select: { kind: 'tenants', names: ['acme'] } })).toMatchObject({ ok: true });
  expect(await verify(config, { select: { kind: 'all', except: ['kept'] } })).toMatchObject({
    findings: [{ schema: 'old_1' }, { schema: 'old_2' }],
  });
});

test('a history that the role may not read is somebody else’s', async () => {
  const p = await applied({ query });
  await sqlmig(['up', '--all'], p.dir);
  await createTenant(await p.config(), { name: 'theirs', unlisted: true });
  const role = `reader_${db.name}`;
  await db.query(`create role ${role} login password 'x'; grant usage on schema public, acme to ${role};
    grant select on all tables in schema public, acme to ${role}`);
  try {
    const url = Object.assign(new URL(db.url), { username: role, password: 'x' }).href;
    expect(await sqlmig(['verify', '--url', url], p.dir)).toMatchObject({ code: 0 });
    expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 1 });
  } finally {
    await db.query(`drop owned by ${role}; drop role ${role}`);
  }
});

test('a schema with tables but no files to apply is reported as not managed yet, not as empty', async () => {
  const p = await applied({ query });
  await db.query('create schema taken; create table taken.users ()');
  p.remove('sql/tenant/1_a.sql');
  const { code, stdout, stderr } = await sqlmig(['tenant', 'create', 'taken', '--if-not-exists'], p.dir);
  expect({ code, stdout }).toEqual({ code: 1, stdout: 'taken  up-to-date  not managed yet\n' });
  expect(stderr).toContain('now:  taken is not managed yet, and no run will migrate it');
});
