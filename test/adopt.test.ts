import { expect, test } from 'vitest';
import { adopt } from '../src/operations/adopt.ts';
import { sqlmig } from './setup/cli.ts';
import { emptiedDatabase, inputFiles, sampleText, titleOf } from './setup/histories.ts';
import { project } from './setup/project.ts';

const { db, session: other } = await emptiedDatabase();

const filesIn = (folder: string, named = (name: string) => `${name}.sql`) =>
  Object.fromEntries(inputFiles(named).map(({ path, text }) => [`${folder}/${path}`, text]));

function adopting(files: Record<string, string> = filesIn('sql/tenant')) {
  return project({ url: db.url, tenants: { list: ['acme', 'globex'] } }, files);
}

test('reports each history, those that are alike in one paragraph, and changes nothing', async () => {
  await db.query(sampleText('ecto.sql'));
  const before = await db.query('select count(*)::int as n from pg_class');
  const { code, stdout } = await sqlmig(['adopt'], adopting().dir);
  expect(code).toBe(0);
  expect(stdout.split('\n').slice(1).join('\n')).toBe(`Ecto: schema_migrations in acme, public
  5 files of sql/tenant applied; the tool records no checksum
  the times at which they were applied are kept
Ecto: schema_migrations in globex
  3 files of sql/tenant applied; the tool records no checksum
  not applied: 20240502080000_order_totals.sql, 20240611170500_seed_plans.sql
  the times at which they were applied are kept
import them with: sqlmig adopt --history --all
`);
  expect(await db.query('select count(*)::int as n from pg_class')).toEqual(before);
});

test('a file that was not applied, although a later one was, is listed apart', async () => {
  await db.query(sampleText('rails.sql'));
  await db.query(`delete from schema_migrations where version in ('20240212101500', '20240611170500')`);
  const { stdout } = await sqlmig(['adopt'], adopting().dir);
  expect(stdout).toContain('not applied, although later files are: 20240212101500_create_orders.sql\n');
  expect(stdout).toContain('not applied: 20240611170500_seed_plans.sql\n');
});

test("compares with the other tool's own files", async () => {
  await db.query(sampleText('prisma.sql'));
  const p = adopting(filesIn('prisma/migrations', (name) => `${name}/migration.sql`));
  const without = await sqlmig(['adopt'], p.dir);
  expect(without.stdout).toContain('0 files of sql/tenant applied');
  const { code, stdout } = await sqlmig(['adopt', '--files', 'prisma/migrations'], p.dir);
  expect(code).toBe(0);
  expect(stdout).toContain('5 files of prisma/migrations applied: 5 equal by SHA-256 of the file\n');
  expect(stdout).toContain('applied without a file: 20240701000000_bad\n');
  p.write({ 'prisma/migrations/20240105090000_create_customers/migration.sql': 'select 1' });
  const json = await sqlmig(['adopt', '--files', 'prisma/migrations', '--json'], p.dir);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: false,
    histories: [
      {
        schema: 'public',
        table: '_prisma_migrations',
        tool: 'Prisma',
        match: { equal: 4, changed: ['20240105090000_create_customers/migration.sql'], time: 'exact' },
        refused: null,
      },
    ],
    sessions: [],
  });
});

test.for([
  [
    'Django',
    sampleText('django.sql'),
    filesIn('old', (name) => `shop/migrations/000${name[5]}_${titleOf(name)}.py`),
    { 'old/shop/migrations/__init__.py': '', 'old/shop/models.py': '' },
  ],
  [
    'Flyway',
    'create table flyway_schema_history (installed_rank int, version varchar(50), description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp, execution_time int, success boolean)',
    { 'old/V1__a.sql': '' },
    { 'old/afterMigrate.sql': '', 'old/beforeEachMigrate__x.sql': '' },
  ],
  [
    'graphile-migrate',
    sampleText('graphile-migrate.sql'),
    { 'old/committed/000001.sql': '' },
    { 'old/current/1-current.sql': '', 'old/afterReset.sql': '' },
  ],
  [
    'Sqitch',
    sampleText('sqitch.sql'),
    { 'old/deploy/x.sql': '' },
    { 'old/revert/x.sql': '', 'old/verify/x.sql': '' },
  ],
] as const)('files that %s does not run are not called migrations', async ([, sql, files, others]) => {
  await db.query(sql);
  const look = async (all: Readonly<Record<string, string>>) =>
    (await sqlmig(['adopt', '--files', 'old'], adopting(all).dir)).stdout;
  const without = await look(files);
  expect(without).toContain('of old applied');
  expect(await look({ ...files, ...others })).toBe(without);
});

test('a file of Sqitch that was changed since is found by the name of its change', async () => {
  await db.query(`${sampleText('sqitch.sql')}; update sqitch.changes set change = 'tables/' || change`);
  const p = adopting(filesIn('old/deploy/tables', (name) => `${titleOf(name)}.sql`));
  const { code, stdout } = await sqlmig(['adopt', '--files', 'old', '--json'], p.dir);
  expect(code).toBe(1);
  const [{ match }] = JSON.parse(stdout).histories;
  expect(match).toMatchObject({ applied: 5, equal: 0, withoutFile: [], withoutRow: [] });
  expect(match.changed).toContain('deploy/tables/create_customers.sql');
});

test.for([
  ['a failed migration', sampleText('prisma-failed.sql'), 'failed or is still running (P3009)'],
  [
    "two tools' histories in a schema",
    sampleText('prisma.sql') + sampleText('knex.sql'),
    "more than one tool's history",
  ],
  [
    'an unknown table',
    'create table schema_migrations (x int)',
    'histories of another tool cannot be imported (x integer)',
  ],
  [
    'a tool that has no reader',
    'create table migrations (id serial, migration varchar(255), batch int)',
    'histories of Laravel cannot be imported',
  ],
] as const)('%s is refused by name', async ([, sql, message]) => {
  await db.query(sql);
  const { code, stdout } = await sqlmig(['adopt'], adopting().dir);
  expect(code).toBe(1);
  expect(stdout).toContain(message);
  expect(stdout).toContain('  hint: ');
});

test('a history that cannot be imported is taken over by a baseline', async () => {
  const p = adopting({ 'sql/tenant/1_a.sql': 'create table a ()' });
  await db.query(
    'create schema acme create table a () create table migrations (id serial, migration varchar(255), batch int)',
  );
  const look = async () => sqlmig(['adopt'], p.dir);
  expect(await look()).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('adopt --baseline VERSION'),
  });
  await sqlmig(['adopt', '--baseline', '1', '--tenants', 'acme', '--yes'], p.dir);
  expect(await look()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Laravel: migrations in acme\n  taken over by sqlmig\n'),
  });
});

test.for([
  ['its advisory lock', 'prisma.sql', 'begin; select pg_advisory_lock(72707369)', 'advisory lock 72707369'],
  [
    'a negative key',
    'postgres-migrations.sql',
    'begin; select pg_advisory_lock(-8525285245963000605)',
    'advisory lock -8525285245963000605',
  ],
  [
    'a lock on its table',
    'ecto.sql',
    'begin; lock table globex.schema_migrations in share update exclusive mode',
    'ShareUpdateExclusiveLock on globex.schema_migrations',
  ],
  [
    'a lock on the table beside it',
    'knex.sql',
    'begin; update knex_migrations_lock set is_locked = 1',
    'RowExclusiveLock on public.knex_migrations_lock',
  ],
] as const)('a tool that migrates now is seen by %s', async ([, sample, sql, lock]) => {
  await db.query(sampleText(sample));
  await other.run(sql);
  const { ok, sessions } = await adopt(await adopting().config());
  expect(ok).toBe(false);
  expect(sessions).toMatchObject([{ application: 'sqlmig test', lock }]);
});

test('keys that tools make of names are computed as they do', async () => {
  await db.query(
    'create table flyway_schema_history (installed_rank int, version varchar(50), description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_on timestamp, success boolean)',
  );
  await other.run('begin; select pg_advisory_lock(77433833903597)');
  const { sessions } = await adopt(await adopting().config());
  expect(sessions).toMatchObject([{ tool: 'Flyway', lock: 'advisory lock 77433833903597' }]);
});

test('a history that is locked or may not be read is reported, and the others are read', async () => {
  await db.query(sampleText('ecto.sql'));
  await other.run('begin; lock table globex.schema_migrations in access exclusive mode');
  const { histories } = await adopt(await adopting().config());
  expect(histories.map(({ schema, match, refused }) => [schema, match?.applied ?? refused?.message])).toEqual(
    [
      ['acme', 5],
      ['globex', 'it cannot be read: canceling statement due to lock timeout'],
      ['public', 5],
    ],
  );
});

test('a database without histories of other tools is no error', async () => {
  const { code, stdout } = await sqlmig(['adopt'], adopting().dir);
  expect([code, stdout.split('\n')[1]]).toEqual([0, "no other tool's history was found"]);
});

test('help lists it', async () => {
  expect((await sqlmig(['--help'], '.')).stdout).toContain('sqlmig adopt ');
});
