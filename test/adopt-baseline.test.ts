import { afterEach, expect, test, vi } from 'vitest';
import { type AdoptBaselineOptions, adoptBaseline } from '../src/operations/adopt-baseline.ts';
import { sqlmig, start } from './setup/cli.ts';
import { holdLock, lockObjectOf } from './setup/gate.ts';
import { emptiedDatabase } from './setup/histories.ts';
import { project, type TestProject } from './setup/project.ts';

const { db } = await emptiedDatabase();

const replays = () =>
  db.query(
    `select d.datname as name from pg_database d where d.datname like 'sqlmig\\_replay\\_%' and d.datname = any(array[${seen.map((name) => `'${name}'`).join(', ')}]::name[])`,
  );
// Other test files replay on this server at the same time, so only databases of this file's runs count.
const seen: string[] = [];
afterEach(async () => {
  expect(await replays()).toEqual([]);
});

const publicFiles = {
  'sql/public/0001_plans.sql': 'create table plans (id int primary key, name text not null);',
};
const tenantFiles = {
  'sql/tenant/0001_users.sql': `begin; create table users (id bigserial primary key, email text not null, plan int references plans);
create index users_email on users (email); commit;`,
  'sql/tenant/0002_color.sql': `create type color as enum ('red'); alter type color add value 'green';`,
  'sql/tenant/0003_index.sql': 'create index concurrently users_plan on users (plan);',
  'sql/tenant/0004_phone.sql': 'alter table users add phone text;',
  'sql/tenant/R__red.sql': `create or replace view red as select id, email from users where email like 'red%';`,
};
const tenants = ['acme', 'we"ird Ü', 'globex'];
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

function adopting(files: Record<string, string> = { ...publicFiles, ...tenantFiles }, more = {}) {
  return project({ url: db.url, tenants: { list: tenants }, ...more }, files);
}

/** Builds everything and drops the histories, as in an application whose history is lost. */
async function build({ dir }: TestProject, ...flags: string[]): Promise<void> {
  expect(await sqlmig(['up', '--all', '--quiet', ...flags], dir)).toMatchObject({ code: 0 });
  for (const { schema } of await histories())
    await db.query(`drop table ${quoted(String(schema))}.schema_migrations`);
}

async function adoptAt(version: string, p: TestProject, options: Partial<AdoptBaselineOptions> = {}) {
  const select = { kind: 'all', except: [] } as const;
  return adoptBaseline(await p.config(), { version, select, accept: () => true, ...options });
}

const histories = () =>
  db.query(`select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = 'schema_migrations' order by n.nspname collate "C"`);
const baseline = (version: string, ...more: string[]) => ['adopt', '--baseline', version, '--yes', ...more];

test('records the files that equal schemas were built by', async () => {
  const p = adopting();
  await build(p);
  expect(await sqlmig(baseline('4', '--all'), p.dir)).toEqual({
    code: 0,
    signal: null,
    stderr: expect.stringMatching(/^database \S+ on \S+\n$/),
    stdout: `public: 1 public file up to 0001 recorded as applied
acme, we"ird Ü, globex: 5 tenant files up to 0004 recorded as applied, including 1 repeatable
adopted  4 schemas: public, acme, we"ird Ü, globex
`,
  });
  const rows = await db.query(
    `select version, name, state, scope, statements, done_statements, applied_by like 'baseline; adopted by %' as by from "we""ird Ü".schema_migrations order by version`,
  );
  expect(rows).toHaveLength(5);
  expect(rows[2]).toEqual({
    ...{ version: '3', name: 'index', state: 'applied', scope: 'tenant' },
    ...{ statements: 1, done_statements: 1, by: true },
  });
  expect(await sqlmig(['verify', '--check-pending'], p.dir)).toMatchObject({ code: 0 });
  p.write({ 'sql/tenant/0005_more.sql': 'create table more ()' });
  const up = JSON.parse((await sqlmig(['up', '--all', '--json'], p.dir)).stdout);
  expect(up).toMatchObject({ ok: true, applied: 3 });
  expect(up.schemas[1].migrations).toMatchObject([{ name: 'more' }]);
  expect(await sqlmig(baseline('4', '--all'), p.dir)).toMatchObject({
    code: 0,
    stdout: 'unchanged, with a history: public, acme, we"ird Ü, globex\nthere is nothing to record\n',
  });
});

test('of two long definitions, the parts where they begin to differ are shown', async () => {
  const body = `begin /* ${'a long comment '.repeat(30)} */ return`;
  const file = `create function f() returns int language plpgsql as $$ ${body} 1; end $$;`;
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_f.sql': file });
  await db.query(
    `create schema acme; create table acme.t (); ${file.replace('f()', 'acme.f()').replace('return 1', 'return 2')}`,
  );
  const { stdout } = await sqlmig(baseline('1'), p.dir);
  expect(stdout).toMatch(/body in the files: ….* return 1; end\n.*body in the database: ….* return 2; end\n/);
});

test('lists differences once for all schemas that have them, and records only what is accepted', async () => {
  const p = adopting();
  await build(p);
  await db.query(`drop index acme.users_email; alter table globex.users alter phone type varchar(20);
    alter table "we""ird Ü".users alter phone type varchar(20), add constraint named check (id > 0) not valid;
    create table globex.extra (id int primary key); update pg_index set indisvalid = false where indexrelid = 'acme.users_plan'::regclass;
    alter table public.plans add note text; create function acme.f() returns int language sql as 'select 1'`);
  const refused = await sqlmig(baseline('4'), p.dir);
  expect(refused.stdout).toBe(`public: 1 public file up to 0001 recorded as applied
acme, we"ird Ü, globex: 5 tenant files up to 0004 recorded as applied, including 1 repeatable
public: not in the files: column plans.note
  type: text
acme: not in the files: function f()
  arguments: ; result: integer; language: sql; behavior: volatile; cost: 100; body: select 1
acme: missing index users.users_email (sql/tenant/0001_users.sql)
  CREATE INDEX users_email ON users USING btree (email)
acme: invalid index users.users_plan (sql/tenant/0003_index.sql)
  state in the files: none
  state in the database: invalid
we"ird Ü: not in the files: constraint users.named
  CHECK (id > 0) NOT VALID
we"ird Ü, globex: different column users.phone (sql/tenant/0004_phone.sql)
  type in the files: text
  type in the database: character varying(20)
globex: not in the files: table extra
nothing was changed
hint: correct the schemas or the files, or accept the differences with --accept-differences
`);
  expect(refused.code).toBe(1);
  expect(await histories()).toEqual([]);
  const { stdout, code } = await sqlmig(
    baseline('4', '--tenants', 'acme', '--json', '--accept-differences'),
    p.dir,
  );
  expect({ code, json: JSON.parse(stdout) }).toMatchObject({
    code: 0,
    json: {
      ok: true,
      accepted: true,
      differences: [{ kind: 'extra-object', object: 'plans.note', schemas: ['public'] }, {}, {}, {}],
      schemas: [{ schema: 'public' }, { schema: 'acme', state: 'adopted' }],
    },
  });
  expect(await histories()).toEqual([{ schema: 'acme' }, { schema: 'public' }]);
});

test('an obstacle in one schema changes none', async () => {
  const p = project(
    { url: db.url, tenants: { list: [...tenants, 'empty', 'gone', 'knex', 'ecto', 'begun'] } },
    { ...publicFiles, ...tenantFiles },
  );
  await db.query(`create table plans (); create schema acme; create table acme.users (); create schema empty; create schema globex; create schema "we""ird Ü";
    create table globex.a (); create table "we""ird Ü".a (); create schema knex; create table knex.users (); create schema begun;
    create table knex.knex_migrations (id serial primary key, name varchar(255), batch int, migration_time timestamptz);
    create schema ecto; create table ecto.schema_migrations (version bigint primary key, inserted_at timestamp(0))`);
  await sqlmig(['up', '--tenants', 'begun', '--to', '1', '--quiet'], p.dir);
  await db.query(
    'drop table if exists public.schema_migrations; create table begun.t (); create table if not exists begun.schema_migrations (version bigint)',
  );
  const result = await adoptAt('4', p);
  expect(result).toMatchObject({ accepted: false, schemas: [], differences: [] });
  expect(result.refused).toEqual([
    {
      schema: 'empty',
      message: 'it is empty',
      hint: 'exclude it with --except-tenants empty; up creates its objects',
    },
    {
      schema: 'gone',
      message: 'it does not exist',
      hint: 'exclude it with --except-tenants gone; up creates its objects',
    },
    {
      schema: 'knex',
      message: 'it has the history of knex (knex_migrations)',
      hint: 'import it with: sqlmig adopt --history',
    },
    {
      schema: 'ecto',
      message: 'it has the history of Ecto (schema_migrations)',
      hint: 'import it with: sqlmig adopt --history',
    },
    expect.objectContaining({ schema: 'begun' }),
  ]);
  expect(await sqlmig(baseline('4'), p.dir)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('nothing was changed'),
  });
});

test('a history of ours that lacks a version is refused, and that of public left alone', async () => {
  const p = adopting();
  await sqlmig(['up', '--all', '--to', '2', '--quiet'], p.dir);
  await db.query('drop table globex.schema_migrations');
  p.write({ 'sql/public/0003_more.sql': 'create table more ()' });
  expect((await adoptAt('4', p)).refused).toEqual([
    expect.objectContaining({
      schema: 'acme',
      message:
        'it already has a history (at 0002) without sql/tenant/0003_index.sql, sql/tenant/0004_phone.sql',
      hint: 'apply them with: sqlmig up --to 4 --all',
    }),
    expect.objectContaining({ schema: 'we"ird Ü' }),
  ]);
  expect(await adoptAt('2', p)).toMatchObject({
    unchanged: ['public', 'acme', 'we"ird Ü'],
    differences: [],
    schemas: [{ schema: 'globex', state: 'adopted' }],
  });
  expect((await adoptAt('3', p, { select: { kind: 'public' } })).refused).toMatchObject([
    { schema: 'public', hint: 'apply them with: sqlmig up --to 3 --public' },
  ]);
});

test('below the newest version, repeatables are left to the next up', async () => {
  const p = adopting({ ...publicFiles, ...tenantFiles }, { publicSchema: 'shared' });
  await build(p, '--to', '3');
  await db.query('create view acme.red as select 1 as old; alter table acme.users alter email drop not null');
  const result = await adoptAt('3', p, { acceptDifferences: true });
  expect(result.differences).toMatchObject([
    { object: 'users.email', file: 'sql/tenant/0001_users.sql', schemas: ['acme'] },
  ]);
  expect(result.baselines).toMatchObject([
    { schema: 'shared', version: '0001', files: 1 },
    { schema: 'acme', scope: 'tenant', version: '0003', files: 3, repeatables: 0 },
    {},
    {},
  ]);
  expect(result.accepted).toBe(true);
});

test('a replay reaches no further than its database, and has the extensions and schemas of yours', async () => {
  const files = {
    'sql/public/1_a.sql': `create schema tools; create extension hstore schema tools; create role sqlmig_test_replayed;
alter system set work_mem = '1GB'; do $$ begin create role sqlmig_test_block; end $$; create table a (h tools.hstore); select levenshtein('a', 'b');`,
    'sql/tenant/1_a.sql': 'create table a (h tools.hstore);',
  };
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, searchPath: ['tenant', 'public', 'tools', 'more'] },
    files,
  );
  await db.query(
    `create schema tools; create schema more; create extension hstore schema tools; create extension fuzzystrmatch schema pg_catalog; create table a (h tools.hstore); create schema acme; create table acme.a (h tools.hstore)`,
  );
  const result = await adoptAt('1', p);
  expect(result).toMatchObject({ replayError: null, differences: [], accepted: true });
  expect(result.leftOut).toEqual([
    { file: 'sql/public/1_a.sql', line: 1, what: 'CREATE ROLE' },
    { file: 'sql/public/1_a.sql', line: 2, what: 'ALTER SYSTEM' },
    { file: 'sql/public/1_a.sql', line: 2, what: 'a block with CREATE ROLE' },
  ]);
  expect(await db.query(`select from pg_roles where rolname like 'sqlmig_test_%'`)).toEqual([]);
});

test('files that cannot be replayed are named, and may be accepted', async () => {
  const p = adopting();
  await build(p);
  p.write({ 'sql/tenant/0003_index.sql': 'select 1;\ncreate index on users (nosuch);' });
  const { code, stdout } = await sqlmig(baseline('4'), p.dir);
  expect(stdout).toContain(`the files cannot be replayed, so nothing was compared
  sql/tenant/0003_index.sql:2: column "nosuch" does not exist
`);
  expect(stdout).toContain('nothing was changed');
  expect(code).toBe(1);
  const alone = await adoptAt('4', p, { select: { kind: 'public' } });
  expect(alone).toMatchObject({ replayError: null, schemas: [{ schema: 'public', state: 'adopted' }] });
  expect(await adoptAt('4', p, { acceptDifferences: true })).toMatchObject({
    replayError: { file: 'sql/tenant/0003_index.sql' },
    accepted: true,
  });
});

test('a killed run leaves only a database, which the next one drops; an interrupted one leaves nothing', async () => {
  const p = adopting();
  await build(p);
  p.write({ 'sql/tenant/0005_slow.sql': 'select pg_sleep(600)' });
  const slow = () =>
    db.query(
      `select datname as name from pg_stat_activity where wait_event = 'PgSleep' and datname like 'sqlmig\\_replay\\_%'`,
    );
  const untilSlow = () =>
    vi.waitFor(async () => {
      const [found] = await slow();
      expect(found).toBeDefined();
      return String(found?.name);
    }, 60_000);
  const killed = start(baseline('5'), p.dir);
  seen.push(await untilSlow());
  killed.process.kill('SIGKILL');
  await killed.ended;
  await vi.waitFor(async () => expect(await slow()).toEqual([]), 60_000);
  expect(await replays()).toHaveLength(1);
  expect(await histories()).toEqual([]);
  const interrupted = start(baseline('5'), p.dir);
  seen.push(await untilSlow());
  interrupted.process.kill('SIGINT');
  expect(await interrupted.ended).toMatchObject({
    code: 130,
    stderr: expect.stringContaining('interrupted'),
  });
  expect(await replays()).toEqual([]);
  expect(await histories()).toEqual([]);
});

test('a role that owns the schemas needs CREATEDB and no more', async () => {
  await db.query(`create role sqlmig_test_owner login password 'x' nosuperuser; alter schema public owner to sqlmig_test_owner;
    do $$ begin execute format('grant create on database %I to sqlmig_test_owner', current_database()); end $$`);
  try {
    const url = Object.assign(new URL(db.url), { username: 'sqlmig_test_owner', password: 'x' }).href;
    const p = adopting({ ...publicFiles, ...tenantFiles }, { url });
    await build(p);
    await expect(adoptAt('4', p)).rejects.toMatchObject({
      code: 'server-refused',
      details: { hint: 'have a superuser run: ALTER ROLE "sqlmig_test_owner" CREATEDB;' },
    });
    await db.query('alter role sqlmig_test_owner createdb');
    expect(await adoptAt('4', p)).toMatchObject({ differences: [], accepted: true });
  } finally {
    const schemas = ['public', ...tenants].map(
      (schema) => `drop schema if exists ${quoted(schema)} cascade;`,
    );
    await db.query(`${schemas.join('')} drop owned by sqlmig_test_owner; drop role sqlmig_test_owner`);
  }
});

test('a schema in which a run is active gets nothing, and the others do', async () => {
  const p = adopting();
  await build(p);
  const release = await holdLock(db.url, lockObjectOf('acme'));
  const { code, stdout } = await sqlmig(baseline('4', '--wait-for-lock', '1s'), p.dir);
  await release();
  expect(stdout).toContain('failed  1 schema: acme');
  expect(code).toBe(4);
  expect(await histories()).toHaveLength(3);
  expect(await adoptAt('4', p)).toMatchObject({ schemas: [{ schema: 'acme', state: 'adopted' }] });
});

test('a schema that changed after it was compared gets nothing, and the others do', async () => {
  const p = adopting();
  await build(p);
  const accept = async () => {
    await db.query('alter table acme.users add late int');
    return true;
  };
  const { schemas } = await adoptAt('4', p, { accept, acceptDifferences: true });
  expect(schemas.filter(({ state }) => state === 'adopted').map(({ schema }) => schema)).toEqual([
    ...['public', 'we"ird Ü', 'globex'],
  ]);
  expect(schemas.find(({ schema }) => schema === 'acme')).toMatchObject({
    state: 'failed',
    error: { code: 'structure-changed', state: 'nothing was recorded; acme is not managed yet' },
  });
  expect(await histories()).toHaveLength(3);
  expect(await adoptAt('4', p)).toMatchObject({
    accepted: false,
    differences: [{ object: 'users.late', schemas: ['acme'] }],
  });
});

test('without tenants there is nothing to record, and the message says where they come from', async () => {
  const p = project({ url: db.url }, tenantFiles);
  await db.query('create schema acme; create table acme.users ()');
  expect(await sqlmig(baseline('4', '--all'), p.dir)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /^no tenants: the config has no "tenants", .*\nhint: list the tenants .*\n/,
    ),
  });
});

test('wrong flags and versions are refused', async () => {
  const p = adopting();
  const usage = async (...args: string[]) => (await sqlmig(args, p.dir)).stderr;
  expect(await usage('adopt', '--baseline', 'newest')).toContain('--baseline requires a version');
  expect(await usage('adopt', '--baseline', '4', '--history')).toContain('cannot be combined');
  expect(await usage('adopt', '--accept-differences')).toContain('--accept-differences requires --baseline');
  expect(await usage('adopt', '--baseline', '9', '--yes')).toContain('no file has version 9');
  expect(await usage('baseline')).toContain('sqlmig adopt --baseline');
});

test('the files of a kind are recorded after those of all tenants, and compared with both', async () => {
  const p = project(
    {
      url: db.url,
      tenants: { list: ['acme', 'globex', 'initech'] },
      scopes: [
        { name: 'vip', tenants: { list: ['acme', 'globex', 'solo'] } },
        { name: 'eu', tenants: { list: [] } },
      ],
    },
    {
      'sql/public/7_plans.sql': 'create table plans (id int primary key)',
      'sql/tenant/7_users.sql': 'create table users (id int primary key, plan int references plans)',
      'sql/tenant/8_names.sql': 'alter table users add name text',
      'sql/tenant/R__names.sql': 'create or replace view names as select id from users',
      'sql/vip/1_a.sql': 'create table vips (id int references users); alter table users add vip boolean',
      'sql/vip/2_b.sql': 'create index vips_id on vips (id)',
      'sql/vip/3_new.sql': 'create table newer (id int)',
      'sql/eu/1_e.sql': 'create table eu (id int)',
    },
  );
  const users = 'create table users (id int primary key, plan int references plans, vip boolean';
  const view = 'create view names as select id from users';
  await db.query(`create table plans (id int primary key);
create schema acme; set search_path = acme, public; ${users}, name text); create table vips (id int references users); create index vips_id on vips (id); ${view};
create schema globex; set search_path = globex, public; ${users}); create table vips (id int references users); ${view};
create schema initech; set search_path = initech, public; create table users (id int primary key, plan int references plans, name text); ${view};
create schema solo; set search_path = solo, public; ${users}); create table vips (id int references users); create index vips_id on vips (id);`);
  const kind = { scope: 'vip', select: { kind: 'tenants', names: ['acme', 'globex'] } } as const;
  const early = await adoptAt('2', p, kind);
  expect(early.refused.map(({ schema, message }) => [schema, message])).toEqual([
    ['acme', 'it has no history of the files of all tenants, which run before those of a scope'],
    ['globex', 'it has no history of the files of all tenants, which run before those of a scope'],
  ]);
  const base = (version: string, names: readonly string[]) =>
    adoptAt(version, p, { select: { kind: 'tenants', names }, acceptDifferences: true });
  await adoptAt('7', p, { select: { kind: 'public' } });
  expect((await base('8', ['acme', 'initech'])).differences).toMatchObject([
    { kind: 'extra-object', object: 'users.vip', schemas: ['acme'] },
    { kind: 'extra-object', object: 'vips', schemas: ['acme'] },
  ]);
  await base('7', ['globex']);
  const found = await adoptAt('2', p, kind);
  expect(found.baselines).toMatchObject([
    { schema: 'acme', scope: 'vip', version: '2', files: 2 },
    { schema: 'globex', scope: 'vip', version: '2', files: 2 },
  ]);
  expect(found.differences).toMatchObject([
    // Not the view of globex, whose file is pending there.
    {
      kind: 'missing-object',
      object: 'vips.vips_id',
      scope: 'vip',
      schemas: ['globex'],
      file: 'sql/vip/2_b.sql',
    },
  ]);
  expect(found.accepted).toBe(false);
  await db.query('create index vips_id on globex.vips (id)');
  // A tenant that only the kind lists has no files of all tenants.
  const solo = { kind: 'tenants', names: ['solo'] } as const;
  expect((await adoptAt('2', p, { scope: 'vip', select: solo })).replayError).toMatchObject({
    message: expect.stringContaining('relation "users" does not exist'),
    file: 'sql/vip/1_a.sql',
  });
  expect(await sqlmig(baseline('2', '--scope', 'vip', '--tenants', 'acme,globex'), p.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('acme, globex: 2 vip files up to 2 recorded as applied'),
  });
  await db.query('drop schema solo cascade');
  const { stdout } = await sqlmig(['up', '--tenants', 'acme,globex', '--json'], p.dir);
  expect(
    JSON.parse(stdout).schemas.map(
      ({
        scope,
        schema,
        migrations,
      }: {
        scope: string;
        schema: string;
        migrations: { version: string | null }[];
      }) => [scope, schema, migrations.map(({ version }) => version ?? 'R').join()],
    ),
  ).toEqual([
    ['public', 'public', ''],
    ['tenant', 'acme', ''],
    ['tenant', 'globex', '8,R'],
    ['vip', 'acme', '3'],
    ['vip', 'globex', '3'],
  ]);
  expect((await sqlmig(['verify', '--structure', '--tenants', 'acme,globex'], p.dir)).code).toBe(0);
  await expect(adoptAt('7', p, { scope: 'vip' })).rejects.toMatchObject({
    message: 'no file has version 7',
    details: { hint: 'the newest version is 3' },
  });
  expect(await sqlmig(baseline('1', '--scope', 'eu', '--all'), p.dir)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('no tenants: the tenant source of scope eu lists none\n'),
  });
  await expect(adoptAt('1', p, { scope: 'tenant' })).rejects.toMatchObject({ code: 'bad-usage' });
});
