import { beforeEach, expect, test } from 'vitest';
import { createTenant, plan, up, verify } from '../src/index.ts';
import type { Settings } from '../src/project/settings.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const tenants = numbered('t', 24);
// As the generators of Ecto, Prisma and Drizzle, and hand-written sets write them.
const text = `-- Enable extensions
CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA "public";
create extension pgcrypto;
CREATE EXTENSION IF NOT EXISTS "pg_trgm" WITH SCHEMA public CASCADE;

CREATE TABLE users (id uuid primary key default uuid_generate_v4(), email citext, unique (email));
CREATE INDEX users_trgm ON users USING gin ((email::text) gin_trgm_ops);
`;
const wanted = ['citext', 'pg_trgm', 'pgcrypto', 'uuid-ossp'];
const inPublic = `select extname as name from pg_extension where extnamespace = 'public'::regnamespace order by 1`;

function projectOf(files: Record<string, string>, settings: Omit<Settings, 'tenants'> = {}) {
  return project({ url: db.url, tenants: { list: tenants }, concurrency: 8, ...settings }, files);
}

async function expectUsers(): Promise<void> {
  const [row] = await db.query(`select count(*)::int as n from pg_class where relname = 'users'`);
  expect(row).toEqual({ n: tenants.length });
}

test('absent: nothing is touched, and every statement is named with the ways out', async () => {
  const p = projectOf({ 'sql/public/1_p.sql': 'create table p ();', 'sql/tenant/1_users.sql': text });
  const command = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(command.code).toBe(2);
  const config = await p.config();
  for (const run of [() => up(config, { select: all }), () => plan(config)]) {
    const error = await run().catch((thrown) => thrown);
    expect(error.all).toMatchObject([
      {
        code: 'extension-missing',
        details: {
          file: 'sql/tenant/1_users.sql',
          line: 2,
          column: 1,
          state: 'nothing was touched',
          hint: expect.stringMatching(/"extensions": \["citext"\].*create extension "citext";$/),
        },
      },
      { details: { line: 2, column: 40, hint: expect.stringContaining('sqlmig new uuid_ossp --public') } },
      { details: { line: 3 } },
      { details: { line: 4 } },
    ]);
  }
  expect(await db.query(`select to_regclass('public.p') as p, to_regnamespace('t_1') as t`)).toEqual([
    { p: null, t: null },
  ]);
  const { findings } = await verify(config);
  expect(findings.filter((found) => 'rule' in found && found.rule === 'extension-missing')).toHaveLength(4);
});

test.for([
  ['the database', {}, {}],
  [
    'a pending public file',
    { 'sql/public/1_x.sql': wanted.map((name) => `create extension "${name}";`).join('\n') },
    {},
  ],
  [
    'a block of a pending public file',
    {
      'sql/public/1_x.sql': `do $$ begin ${wanted.map((name) => `create extension if not exists "${name}";`).join(' ')} end $$;`,
    },
    {},
  ],
  ['the config', {}, { extensions: wanted }],
] as const)('present by %s: skipped in 24 tenants at once, and said once', async ([by, files, settings]) => {
  if (by === 'the database') await db.query(wanted.map((name) => `create extension "${name}";`).join('\n'));
  const p = projectOf({ ...files, 'sql/tenant/1_users.sql': text }, settings as never);
  const config = await p.config();
  const { warnings } = await plan(config);
  expect(warnings).toMatchObject([
    {
      rule: 'extension-skipped',
      file: 'sql/tenant/1_users.sql',
      line: 2,
      column: 1,
      message: expect.stringContaining(
        'citext is in public; uuid-ossp is in public; pgcrypto is in public; pg_trgm is in public',
      ),
    },
  ]);
  const rehearsal = await up(config, { select: all, rehearse: true });
  expect(rehearsal.schemas.flatMap(({ error }) => error ?? [])).toEqual([]);
  const command = await sqlmig(['up', '--all'], p.dir);
  expect(command).toMatchObject({ code: 0 });
  expect(command.stderr.match(/CREATE EXTENSION is skipped/g)).toHaveLength(1);
  await expectUsers();
  expect((await db.query(inPublic)).map(({ name }) => name)).toEqual(wanted);
  expect((await verify(config)).ok).toBe(true);
  expect(await createTenant(config, { name: 'late', unlisted: true })).toMatchObject({ state: 'applied' });
});

test('a schema of the path counts, one that the statement names as well, and another is said', async () => {
  await db.query(
    `create schema extensions; create extension citext schema extensions; create extension hstore schema extensions;`,
  );
  const file = { 'sql/tenant/1_t.sql': 'create extension if not exists citext;\ncreate table t (c citext);' };
  const off = projectOf(file);
  await expect(up(await off.config(), { select: all })).rejects.toMatchObject({
    code: 'extension-missing',
    message: expect.stringContaining('citext is in schema extensions'),
    details: { line: 1, hint: expect.stringContaining('alter extension "citext" set schema "public"') },
  });
  const on = projectOf(file, { searchPath: ['tenant', 'public', 'extensions'] });
  expect(await up(await on.config(), { select: all })).toMatchObject({ ok: true });
  on.write({
    'sql/tenant/2_t.sql': 'create extension hstore schema public;\nalter table t add h hstore;',
    'sql/tenant/3_t.sql': 'create extension if not exists plpgsql;',
  });
  const messages: string[] = [];
  const onEvent = (event: { type: string; message?: string }) => {
    if (event.type === 'warning') messages.push(event.message ?? '');
  };
  expect(await up(await on.config(), { select: all, onEvent: onEvent as never })).toMatchObject({ ok: true });
  expect(messages).toEqual([
    expect.stringMatching(/^sql\/tenant\/2_t.sql:1:1: .*hstore is in extensions, not in public$/),
    expect.stringMatching(/^sql\/tenant\/3_t.sql:1:1: .*plpgsql is in pg_catalog$/),
  ]);

  const named = projectOf({
    'sql/tenant/4_t.sql': 'create extension hstore schema extensions;\ncreate table n (h extensions.hstore);',
  });
  expect(
    await up(await named.config(), { select: { kind: 'tenants', names: ['t_1'] }, outOfOrder: true }),
  ).toMatchObject({ ok: true });
});

test('a pending public file may move it onto the path', async () => {
  await db.query('create schema extensions; create extension citext schema extensions;');
  const p = projectOf({
    'sql/public/1_m.sql': 'alter extension citext set schema public;',
    'sql/tenant/1_t.sql': 'create extension if not exists citext;\ncreate table users (c citext);',
  });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  await expectUsers();
});

test('one that the server has no files of', async () => {
  const p = projectOf({ 'sql/tenant/1_t.sql': '\n  create extension if not exists no_such_thing;' });
  await expect(up(await p.config(), { select: all })).rejects.toMatchObject({
    code: 'extension-missing',
    message: 'extension no_such_thing is not installed on the server',
    details: { line: 2, column: 3 },
  });
  const listed = projectOf({}, { extensions: ['no_such_thing'] });
  await expect(up(await listed.config(), { select: all })).rejects.toMatchObject({
    code: 'extension-missing',
    details: { hint: expect.stringContaining('install its package') },
  });
});

test('a role that may not create one: the right and the statement are named', async () => {
  const role = `${db.name}_role`;
  await db.query(`create role ${role} login password 'secret'; grant create on schema public to ${role};`);
  const url = Object.assign(new URL(db.url), { username: role, password: 'secret' }).href;
  try {
    for (const [name, right] of [
      ['citext', `role ${role} lacks CREATE on database ${db.name}`],
      ['pg_stat_statements', `only a superuser can create it, and role ${role} is not one`],
    ] as const) {
      const p = projectOf({}, { url, extensions: [name] });
      await expect(up(await p.config(), { select: { kind: 'public' } })).rejects.toMatchObject({
        code: 'extension-missing',
        message: `extension ${name} cannot be created: ${right}`,
        details: {
          sqlstate: '42501',
          hint: `let a superuser run in this database: create extension if not exists "${name}" with schema "public" cascade;`,
        },
      });
    }
  } finally {
    await db.query(`drop owned by ${role}; drop role ${role};`);
  }
});

test('statements keep their numbers in a file that is no transaction, and repair skips them as well', async () => {
  await db.query('create extension citext');
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': `-- sqlmig: no-transaction
create table t (c citext);
create extension citext;
insert into t select 1 / count(*) from t;`,
    },
  );
  const config = await p.config();
  const failed = await up(config, { select: all });
  expect(failed.schemas.at(-1)?.error).toMatchObject({ line: 4, statement: 3, statements: 3 });
  await db.query(`insert into acme.t values ('x')`);
  expect(await sqlmig(['repair', 'acme', '1', '--from-statement', '2'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.history('acme')).toEqual({ 1: 1 });
});
