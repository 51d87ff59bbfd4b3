import { expect, test, vi } from 'vitest';
import { flywayChecksum } from '../src/history/import/flyway.ts';
import { adoptHistory } from '../src/operations/adopt-history.ts';
import { sqlmig, start } from './setup/cli.ts';
import { holdLock, lockObjectOf } from './setup/gate.ts';
import { emptiedDatabase, inputFiles, sampleNames, sampleText, titleOf } from './setup/histories.ts';
import { project } from './setup/project.ts';

const { db, session: other } = await emptiedDatabase();

type Files = Record<string, string>;
const named = (
  name: (name: string, i: number) => string,
  text = (own: string, _name: string) => own,
): Files =>
  Object.fromEntries(
    inputFiles((own, i) => `${name(own, i)}|${own}`).map((file) => {
      const [path = '', own = ''] = file.path.split('|');
      return [path, text(file.text, own)];
    }),
  );
const plain = named((name) => `${name}.sql`);
const numbered = named((name, i) => `00${i}_${titleOf(name)}.sql`);
const inFolder = (folder: string, files: Files) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

function adopting(files: Files, tenants: readonly string[] = []) {
  return project({ url: db.url, tenants: { list: tenants } }, files);
}

const yes = ['adopt', '--history', '--yes'];
const historyOf = (schema: string) =>
  db.query(
    `select version::text, name, applied_by, state, scope, statements, applied_at::text from ${schema}.schema_migrations order by version`,
  );

const alembicFiles = {
  '1_start.sql': '-- Running upgrade  -> a1\nselect 1',
  '2_heads.sql': '-- Running upgrade a1 -> 1ae00d7eb1e6\nselect 1',
};
const typeormTimes = ['1704445200000', '1707732900000', '1710945000000', '1714636800000', '1718125500000'];
const typeormFiles = named((name, i) => `${typeormTimes[i - 1]}_${titleOf(name)}.sql`);
const liquibaseFiles = named(
  (name) => `${name}.sql`,
  (text, name) => `--liquibase formatted sql\n--changeset sample:${titleOf(name)}\n${text}`,
);
const sqitchFiles = named(
  (name, i) => `00${i}_${titleOf(name)}.sql`,
  (text, name) => `-- Deploy sample:${titleOf(name)} to pg\nBEGIN;\n${text}\nCOMMIT;\n`,
);
const djangoFiles = named((name, i) => `000${i}_${titleOf(name)}.sql`);
const graphileFiles = Object.fromEntries(
  sampleNames('graphile-committed').map((path) => [
    path.replace('-', '_'),
    sampleText(`graphile-committed/${path}`),
  ]),
);

test.for([
  ['alembic', 'alembic_version', alembicFiles, "(version_num) values ('x')", 'none'],
  ['dbmate', null, plain, '', 'none'],
  ['django', 'django_migrations', djangoFiles, "(app, name, applied) values ('a', 'b', now())", 'exact'],
  ['drizzle', 'drizzle.__drizzle_migrations', numbered, "(hash, created_at) values ('x', 1)", 'none'],
  [
    'graphile-migrate',
    'graphile_migrate.migrations',
    graphileFiles,
    "(hash, filename) values ('x', 'y')",
    'exact',
  ],
  ['knex', 'knex_migrations', plain, "(name, batch) values ('x', 2)", 'exact'],
  ['liquibase', 'databasechangelog', liquibaseFiles, "(id) values ('x')", 'read as UTC'],
  ['node-pg-migrate', 'pgmigrations', plain, "(name, run_on) values ('x', now())", 'read as UTC'],
  ['postgrator', 'schemaversion', numbered, '(version) values (9)', 'exact'],
  ['postgres-migrations', 'migrations', numbered, "(id, name, hash) values (9, 'x', 'y')", 'read as UTC'],
  ['prisma', '_prisma_migrations', plain, "(id, checksum, migration_name) values ('x', 'y', 'z')", 'exact'],
  ['rails', null, plain, '', 'none'],
  ['sqitch', 'sqitch.changes', sqitchFiles, "(change_id) values ('x')", 'exact'],
  ['supabase', 'supabase_migrations.schema_migrations', plain, "(version) values ('x')", 'none'],
  ['typeorm', 'migrations', typeormFiles, "(timestamp, name) values (1, 'x')", 'none'],
] as const)(
  '%s: its history becomes ours, and the tool is stopped',
  async ([sample, old, files, insert, time]) => {
    await db.query(sampleText(`${sample}.sql`));
    const p = adopting(inFolder('sql/public', files));
    const [{ n: before } = { n: null }] =
      old === null ? [] : await db.query(`select count(*)::int as n from ${old}`);
    const more = sample === 'prisma' ? ['--accept-missing'] : [];
    const { code, stdout, stderr } = await sqlmig([...yes, ...more], p.dir);
    expect(stdout + stderr).toContain('adopted  1 schema: public\n');
    expect(code).toBe(0);
    const rows = await historyOf('public');
    expect(rows).toHaveLength(Object.keys(files).length);
    for (const row of rows) {
      expect(row).toMatchObject({ state: 'applied', scope: 'public' });
      expect(row.applied_by).toMatch(/^[\w -]+; adopted by /);
      if (time === 'none') expect(Date.now() - Date.parse(String(row.applied_at))).toBeLessThan(60_000);
      else expect(row.applied_at).toMatch(/^2026-11-27 07:/);
    }
    expect(await sqlmig(['verify', '--check-pending'], p.dir)).toMatchObject({ code: 0 });
    p.write({ 'sql/public/99999999999999_more.sql': 'create table more ()' });
    const up = await sqlmig(['up', '--all', '--json'], p.dir);
    expect(JSON.parse(up.stdout)).toMatchObject({
      ok: true,
      schemas: [{ migrations: [{ name: 'more' }] }],
    });
    if (old === null) {
      const kept = await db
        .query('select count(*)::int as n from schema_migrations_dbmate_or_rails')
        .catch(() => null);
      const renamed = kept ?? (await db.query('select count(*)::int as n from schema_migrations_rails'));
      expect(renamed).toEqual([{ n: 5 }]);
    } else {
      await expect(db.query(`insert into ${old} ${insert}`)).rejects.toThrow(/taken over by sqlmig/);
      await expect(db.query(`truncate ${old} cascade`)).rejects.toThrow(/taken over by sqlmig/);
      expect(await db.query(`select count(*)::int as n from ${old}`)).toEqual([{ n: before }]);
    }
    const again = await sqlmig(yes, p.dir);
    expect(again).toMatchObject({ code: 0, stdout: 'there is nothing to import\n' });
    const report = await sqlmig(['adopt'], p.dir);
    expect(report).toMatchObject({ code: 0, stdout: expect.stringContaining('taken over by sqlmig') });
  },
);

test('without tenants nothing is imported, and the message says where they come from', async () => {
  await db.query('create schema acme');
  const p = project({ url: db.url }, { 'sql/tenant/1_users.sql': 'create table users ()' });
  expect(await sqlmig(['adopt', '--history', '--all', '--yes'], p.dir)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /^no tenants: the config has no "tenants", .*\nhint: list the tenants .*\n/,
    ),
  });
});

test('Ecto: each prefix has a history of its own, and keeps its own pending files', async () => {
  await db.query(sampleText('ecto.sql'));
  const p = adopting({ ...inFolder('sql/tenant', plain), ...inFolder('sql/public', plain) }, [
    'acme',
    'globex',
  ]);
  const asked = await sqlmig(['adopt', '--history', '--all'], p.dir);
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('confirm with --yes') });
  expect(asked.stderr).toContain('Ecto: schema_migrations in public\n  5 public files recorded as applied');
  const { code, stdout } = await sqlmig([...yes, '--all', '--json'], p.dir);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    accepted: true,
    imports: [
      { schema: 'public', tool: 'Ecto', applied: 5, renamedTo: 'schema_migrations_ecto', time: 'exact' },
      { schema: 'acme', scope: 'tenant', applied: 5 },
      { schema: 'globex', applied: 3, leftOut: [] },
    ],
    schemas: [
      { schema: 'public', state: 'adopted' },
      { schema: 'acme', state: 'adopted' },
      { schema: 'globex', state: 'adopted' },
    ],
  });
  expect(await db.query('select count(*)::int as n from globex.schema_migrations_ecto')).toEqual([{ n: 3 }]);
  const plan = JSON.parse((await sqlmig(['plan', '--json'], p.dir)).stdout);
  expect(plan.schemas.map((one: { schema: string; migrations: unknown[] }) => one.migrations.length)).toEqual(
    [0, 0, 2],
  );
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
});

test.for([
  ['knex.sql', 'knex_migrations'],
  ['rails.sql', 'schema_migrations_rails'],
] as const)("a history in public that records the tenants' files: %s", async ([sample, table]) => {
  await db.query(sampleText(sample));
  await db.query(
    'create schema acme; create table acme.t (); create schema globex; create table globex.t (); create schema fresh',
  );
  const files = { ...inFolder('sql/tenant', plain), 'sql/public/1_p.sql': 'create table p ()' };
  const p = adopting(files, ['acme', 'globex', 'fresh']);
  const { code, stdout } = await sqlmig(yes, p.dir);
  expect([code, stdout]).toEqual([0, expect.stringContaining('adopted')]);
  expect(await historyOf('acme')).toHaveLength(5);
  expect(await historyOf('globex')).toHaveLength(5);
  expect(await db.query("select to_regclass('fresh.schema_migrations') as own")).toEqual([{ own: null }]);
  expect(await db.query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 5 }]);
  const plan = JSON.parse((await sqlmig(['plan', '--json'], p.dir)).stdout);
  expect(plan.schemas.map((one: { migrations: unknown[] }) => one.migrations.length)).toEqual([1, 0, 0, 5]);
});

test('a history in public whose rows are partly of public and partly of tenants is split', async () => {
  await db.query(sampleText('prisma.sql'));
  await db.query('create schema acme; create table acme.t ()');
  const [first = '', ...others] = Object.keys(plain);
  const files = {
    ...inFolder('sql/public', { [first]: plain[first] ?? '' }),
    ...inFolder('sql/tenant', Object.fromEntries(others.map((path) => [path, plain[path] ?? '']))),
  };
  const p = adopting(files, ['acme']);
  expect(await sqlmig([...yes, '--accept-missing'], p.dir)).toMatchObject({ code: 0 });
  expect(await historyOf('public')).toHaveLength(1);
  expect(await historyOf('acme')).toHaveLength(4);
  expect(await sqlmig(['verify', '--check-pending'], p.dir)).toMatchObject({ code: 0 });
});

const without = (path: string) =>
  Object.fromEntries(Object.entries(plain).filter(([name]) => !name.startsWith(path)));
const [firstName = ''] = Object.keys(plain);

test.for<[string, string, Files, string]>([
  ['a failed migration', sampleText('prisma-failed.sql'), plain, 'failed or is still running (P3009)'],
  [
    'a row without a file',
    sampleText('rails.sql'),
    without('20240212'),
    'applied without a file: 20240212101500',
  ],
  [
    'a file without a row between applied ones',
    `${sampleText('rails.sql')};delete from schema_migrations where version = '20240212101500'`,
    plain,
    'not applied, although later files are: sql/public/20240212101500_create_orders.sql',
  ],
  [
    'a changed file',
    sampleText('prisma.sql'),
    { ...plain, [firstName]: 'select 1' },
    `changed since they were applied: sql/public/${firstName}`,
  ],
  [
    "two tools' histories",
    sampleText('rails.sql') + sampleText('knex.sql'),
    plain,
    "choose the one in use: --from-tool 'knex' or --from-tool 'Rails'",
  ],
  [
    'a version of more than 18 digits',
    `${sampleText('rails.sql')};insert into schema_migrations values ('20240105090000123456')`,
    plain,
    'versions of more than 18 digits: 20240105090000123456',
  ],
  ['an unknown table', 'create table schema_migrations (x int)', plain, 'cannot be imported (x integer)'],
  [
    'files that have nothing to do with it',
    sampleText('rails.sql'),
    { '1_x.sql': 'select 1' },
    'no row matches a file',
  ],
  [
    'a taken lock',
    `${sampleText('knex.sql')};update knex_migrations_lock set is_locked = 1`,
    plain,
    'the migration lock is held',
  ],
])('%s is refused by name, and nothing is touched', async ([, sql, files, message]) => {
  await db.query(sql);
  const tables = () => db.query('select oid, relname from pg_class order by oid');
  const before = await tables();
  const p = adopting(inFolder('sql/public', files));
  const { code, stdout } = await sqlmig(yes, p.dir);
  expect(code).toBe(1);
  expect(stdout).toContain(message);
  expect(stdout).toContain('nothing was changed\n');
  expect(await tables()).toEqual(before);
});

test('one obstacle in one schema keeps every schema as it was', async () => {
  await db.query(sampleText('ecto.sql'));
  await db.query("delete from acme.schema_migrations where version = '20240212101500'");
  const p = adopting({ ...inFolder('sql/tenant', plain), ...inFolder('sql/public', plain) }, [
    'acme',
    'globex',
  ]);
  expect(await sqlmig(yes, p.dir)).toMatchObject({ code: 1 });
  expect(await sqlmig([...yes, '--tenants', 'globex'], p.dir)).toMatchObject({ code: 0 });
  expect(await historyOf('globex')).toHaveLength(3);
});

test('--from-tool chooses, and the other history stays', async () => {
  await db.query(sampleText('prisma.sql') + sampleText('knex.sql'));
  const p = adopting(inFolder('sql/public', plain));
  expect(await sqlmig([...yes, '--from-tool', 'goose'], p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('found histories of Prisma, knex'),
  });
  expect(await sqlmig([...yes, '--from-tool', 'knex'], p.dir)).toMatchObject({ code: 0 });
  expect((await historyOf('public'))[0]).toMatchObject({ applied_by: expect.stringMatching(/^knex; /) });
  await db.query("update _prisma_migrations set logs = 'x'");
});

test('a tool that migrates now is named, and nothing is touched', async () => {
  await db.query(sampleText('prisma.sql'));
  const p = adopting(inFolder('sql/public', plain));
  await other.run('begin; select pg_advisory_lock(72707369)');
  const { code, stdout } = await sqlmig([...yes, '--accept-missing'], p.dir);
  expect(code).toBe(1);
  expect(stdout).toContain('Prisma may be running: backend');
  expect(stdout).toContain('has advisory lock 72707369\nnothing was changed\n');
});

test('a session that keeps reading the old table keeps it as it was', async () => {
  await db.query(sampleText('rails.sql'));
  const p = adopting(inFolder('sql/public', plain));
  await other.run('begin; select * from schema_migrations');
  const { code, stderr } = await sqlmig(yes, p.dir);
  expect(code).toBe(4);
  expect(stderr).toContain('the old history of "public" is in use');
  expect(await db.query("select to_regclass('schema_migrations_rails') as renamed")).toEqual([
    { renamed: null },
  ]);
  await other.run('rollback');
  expect(await sqlmig(yes, p.dir)).toMatchObject({ code: 0 });
});

test('a history in a schema that is no tenant is left alone, and named', async () => {
  await db.query(sampleText('ecto.sql'));
  await db.query('drop table public.schema_migrations; create table globex.t ()');
  const p = adopting({ ...inFolder('sql/tenant', plain), ...inFolder('sql/public', plain) }, ['acme']);
  const { code, stdout } = await sqlmig(yes, p.dir);
  expect(code).toBe(0);
  expect(stdout).toContain('adopted  1 schema: acme\n');
  expect(stdout).toContain(
    'not imported, because the tenant source does not list them: globex\nhint: list them with "tenants" in the config',
  );
});

test('Flyway: a repeatable that was changed runs again, and one that was not does not', async () => {
  await db.query(`create table flyway_schema_history (installed_rank int primary key, version varchar(50),
      description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_on timestamp, success boolean);
    insert into flyway_schema_history values
      (1, '1', 'a', 'SQL', 'V1__a.sql', ${flywayChecksum('select 1')}, '2026-01-02', true),
      (2, null, 'same', 'SQL', 'R__same.sql', ${flywayChecksum('select 2')}, '2026-01-02', true),
      (3, null, 'other', 'SQL', 'R__other.sql', 0, '2026-01-02', true)`);
  const p = adopting({
    'sql/public/V1__a.sql': 'select 1',
    'sql/public/R__same.sql': 'select 2',
    'sql/public/R__other.sql': 'select 3',
  });
  expect(await sqlmig(yes, p.dir)).toMatchObject({ code: 0 });
  const up = JSON.parse((await sqlmig(['up', '--all', '--json'], p.dir)).stdout);
  expect(up.schemas[0].migrations).toMatchObject([{ name: 'other' }]);
});

test('what the tool writes before its table is locked is seen', async () => {
  await db.query(sampleText('rails.sql'));
  const p = adopting(inFolder('sql/public', { ...plain, '20250101000000_x.sql': 'create table x ()' }));
  await other.run('begin; select * from schema_migrations');
  const running = start(yes, p.dir);
  const waits = `select from pg_locks where mode = 'AccessExclusiveLock' and not granted and relation = 'schema_migrations'::regclass`;
  await vi.waitFor(async () => expect(await other.run(waits)).toHaveLength(1), {
    timeout: 10_000,
    interval: 20,
  });
  await other.run("insert into schema_migrations values ('20250101000000'); commit");
  const { code, stderr } = await running.ended;
  expect(code).toBe(1);
  expect(stderr).toContain('sql/public/20250101000000_x.sql has been applied since');
  expect(await sqlmig(yes, p.dir)).toMatchObject({ code: 0 });
  expect(await historyOf('public')).toHaveLength(6);
});

test('a schema in which a run is at work is waited for', async () => {
  await db.query(sampleText('ecto.sql'));
  const p = adopting(inFolder('sql/tenant', plain), ['acme', 'globex']);
  const args = [...yes, '--except-tenants', 'globex', '--all', '--wait-for-lock', '500ms'];
  const release = await holdLock(db.url, lockObjectOf('acme'));
  const { code, stderr } = await sqlmig(args, p.dir);
  expect([code, stderr]).toEqual([4, expect.stringContaining('gave up after')]);
  await release();
  expect(await sqlmig(args, p.dir)).toMatchObject({ code: 0 });
  expect(await historyOf('acme')).toHaveLength(5);
});

test('an application adopts through the library', async () => {
  await db.query(sampleText('rails.sql'));
  const config = await adopting(inFolder('sql/public', plain)).config();
  const select = { kind: 'all', except: [] } as const;
  const declined = await adoptHistory(config, { select, accept: () => false });
  expect(declined).toMatchObject({ accepted: false, schemas: [], imports: [{ applied: 5 }] });
  const { schemas } = await adoptHistory(config, { select, accept: () => true });
  expect(schemas).toEqual([
    { database: expect.any(String), schema: 'public', scope: 'public', state: 'adopted' },
  ]);
});

test('with another name for our history, a trigger stops a tool whose table has the usual one', async () => {
  await db.query(sampleText('rails.sql'));
  await db.query('create table schema_migrations_backup as table schema_migrations');
  const p = project(
    { url: db.url, historyTable: 'sqlmig_migrations', tenants: { list: [] } },
    inFolder('sql/public', plain),
  );
  expect(await sqlmig(yes, p.dir)).toMatchObject({ code: 0 });
  await expect(db.query("insert into schema_migrations values ('1')")).rejects.toThrow(
    /taken over by sqlmig/,
  );
  expect(await sqlmig(['verify', '--check-pending'], p.dir)).toMatchObject({ code: 0 });
});

test('only the owner of the old table can import it', async () => {
  await db.query(sampleText('rails.sql'));
  const role = `adopter_${process.pid}`;
  await db.query(`create role ${role} login password '${new URL(db.url).password}'; grant all on schema public to ${role};
    grant all on all tables in schema public to ${role}`);
  const url = new URL(db.url);
  url.username = role;
  const p = project({ url: url.href, tenants: { list: [] } }, inFolder('sql/public', plain));
  try {
    const { code, stdout, stderr } = await sqlmig(yes, p.dir);
    expect(stdout + stderr).toContain('the role is not the owner of "public"."schema_migrations"');
    expect(code).toBe(1);
  } finally {
    await db.query(`drop owned by ${role}; drop role ${role}`);
  }
});

test('flags that belong to --history are refused without it', async () => {
  const p = adopting(inFolder('sql/public', plain));
  for (const args of [['--yes'], ['--all'], ['--from-tool', 'knex'], ['--accept-missing']])
    expect(await sqlmig(['adopt', ...args], p.dir)).toMatchObject({ code: 2 });
  expect(await sqlmig(['adopt', '--history', '--files', 'x'], p.dir)).toMatchObject({ code: 2 });
});
