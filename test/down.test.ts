import { beforeEach, expect, test } from 'vitest';
import { type DownOptions, down, planDown, type RunEvent, up, verify } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const step = (scope: 'public' | 'tenant', version: string, down = true) => ({
  [`sql/${scope}/${version}_${scope[0]}.sql`]: `create table ${scope[0]}${Number(version)} (id int)`,
  ...(down && {
    [`sql/${scope}/${version}_${scope[0]}.down.sql`]: `drop table ${scope[0]}${Number(version)}`,
  }),
});
const steps = (versions: readonly string[]) =>
  Object.assign({}, ...versions.flatMap((version) => [step('public', version), step('tenant', version)]));
const three = steps(['0001', '0002', '0003']);
const tablesOf = async (schema: string) =>
  (
    await db.query(
      `select tablename as t from pg_tables where schemaname = '${schema}' and tablename !~ '^schema_migrations(_runs)?$' order by 1`,
    )
  ).map(({ t }) => t);
const migrated = async (files: Record<string, string>, list = ['acme', 'globex']): Promise<TestProject> => {
  const p = project({ url: db.url, tenants: { list } }, files);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  return p;
};
const undo = async (p: TestProject, options: Partial<DownOptions> & object) =>
  down(await p.config(), { select: all, ...options } as DownOptions);

test('--to undoes everything above, the newest first, tenants before public; verify is clean, and up applies it again', async () => {
  const p = await migrated(three);
  const events: RunEvent[] = [];
  const result = await undo(p, { to: '1', onEvent: (event) => events.push(event) });
  const undone = [
    { version: '0003', name: 't', durationMs: expect.any(Number) },
    { version: '0002', name: 't', durationMs: expect.any(Number) },
  ];
  expect(result).toMatchObject({
    ok: true,
    undone: 3,
    unchanged: 0,
    failed: 0,
    skipped: 0,
    unconfirmed: 0,
    schemas: [
      { schema: 'acme', scope: 'tenant', state: 'undone', version: '0001', migrations: undone },
      { schema: 'globex', scope: 'tenant', state: 'undone', version: '0001', migrations: undone },
      { schema: 'public', scope: 'public', state: 'undone', version: '0001' },
    ],
  });
  const order = events.flatMap((event) =>
    event.type === 'migration-undone' ? `${event.schema} ${event.migration.version}` : [],
  );
  expect(order.slice(-2)).toEqual(['public 0003', 'public 0002']);
  expect(events).toContainEqual({ type: 'run-finished', result });
  expect(await tablesOf('acme')).toEqual(['t1']);
  expect(await tablesOf('public')).toEqual(['p1']);
  expect(await db.history('globex')).toEqual({ 1: 1 });
  expect(await verify(await p.config())).toMatchObject({ ok: true, findings: [] });
  expect(await undo(p, { to: '1' })).toMatchObject({ ok: true, undone: 0, unchanged: 3 });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 3 });
  expect(await tablesOf('acme')).toEqual(['t1', 't2', 't3']);
  expect(await verify(await p.config(), { checkPending: true })).toMatchObject({ ok: true });
  expect(await undo(p, { to: '0' })).toMatchObject({ ok: true, undone: 3 });
  expect(await tablesOf('acme')).toEqual([]);
});

test('--steps undoes that many in each schema, whatever each has, and not more when it is tried again', async () => {
  const p = await migrated(steps(['0001']));
  p.write(steps(['0002', '0003']));
  await up(await p.config(), { select: { kind: 'tenants', names: ['acme'] } });
  const plan = await planDown(await p.config(), { select: all, steps: 1 });
  expect(
    plan.schemas.map(({ schema, migrations }) => [schema, ...migrations.map(({ file }) => file)]),
  ).toEqual([
    ['acme', 'sql/tenant/0003_t.down.sql'],
    ['globex', 'sql/tenant/0001_t.down.sql'],
    ['public', 'sql/public/0003_p.down.sql'],
  ]);
  expect(await undo(p, { steps: 1 })).toMatchObject({
    ok: true,
    undone: 3,
    schemas: [
      { schema: 'acme', version: '0002' },
      { schema: 'globex', version: null },
      { schema: 'public', version: '0002' },
    ],
  });
  expect(await undo(p, { steps: 9 })).toMatchObject({ ok: true, undone: 2, unchanged: 1 });
  expect(await tablesOf('acme')).toEqual([]);
});

test('what was applied out of order is undone in the order in which it was applied', async () => {
  const p = await migrated({
    'sql/tenant/1_t.sql': 'create table t (c int)',
    'sql/tenant/1_t.down.sql': 'drop table t',
    'sql/tenant/3_wider.sql': 'alter table t alter c type bigint',
    'sql/tenant/3_wider.down.sql': 'alter table t alter c type int',
  });
  // While it exists, the type of the column cannot be changed back.
  p.write({
    'sql/tenant/2_v.sql': 'create view v as select c from t',
    'sql/tenant/2_v.down.sql': 'drop view v',
  });
  await up(await p.config(), { select: all, outOfOrder: true });
  const order = ['2', '3'].map((version) => ({ version }));
  expect((await undo(p, { to: '1', rehearse: true })).schemas[0]).toMatchObject({ migrations: order });
  expect((await undo(p, { steps: 1 })).schemas[0]).toMatchObject({
    migrations: [{ version: '2' }],
    version: '3',
  });
  expect(await undo(p, { to: '1' })).toMatchObject({ ok: true });
});

test('with tenants only, or with some left out, public stays as it is and a warning says so', async () => {
  const p = await migrated(three);
  const told: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void told.push(event);
  const one = { kind: 'tenants', names: ['acme'] } as const;
  const result = await undo(p, { select: one, steps: 1, onEvent });
  expect(result.schemas).toMatchObject([{ schema: 'acme', state: 'undone' }]);
  expect(await undo(p, { select: { kind: 'all', except: ['acme'] }, to: '2', onEvent })).toMatchObject({
    schemas: [{ schema: 'globex', state: 'undone' }],
  });
  const message = 'public is not undone, since tenants that are not selected depend on it';
  expect(told.filter((event) => event.type === 'warning')).toEqual([
    { type: 'warning', message },
    { type: 'warning', message },
  ]);
  expect(await undo(p, { select: { kind: 'public' }, steps: 1 })).toMatchObject({
    schemas: [{ schema: 'public', state: 'undone', version: '0002' }],
  });
});

test('a migration without a down file: exit 2, every one by name, and nothing is touched', async () => {
  const p = await migrated({
    ...steps(['0001', '0002']),
    ...step('tenant', '0003', false),
    ...step('public', '0004', false),
  });
  const { code, stdout } = await sqlmig(['down', '--all', '--to', '1', '--yes', '--json'], p.dir);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    error: { code: 'down-missing', state: 'nothing was touched' },
    errors: [
      { message: '0004_p (public) has no down file', hint: 'write 0004_p.down.sql' },
      { message: '0003_t (tenant, applied in acme and 1 more) has no down file' },
    ],
  });
  expect(await tablesOf('acme')).toEqual(['t1', 't2', 't3']);
  expect(await undo(p, { select: { kind: 'tenants', names: ['acme'] }, to: '3' })).toMatchObject({
    unchanged: 1,
  });
});

test('a down file with a mistake is reported before anything is touched', async () => {
  const p = await migrated(three);
  p.write({ 'sql/tenant/0002_t.down.sql': 'drop table t2;\ncommit;' });
  await expect(undo(p, { to: '1' })).rejects.toMatchObject({
    code: 'transaction-control',
    details: { file: 'sql/tenant/0002_t.down.sql', line: 2 },
  });
  expect(await tablesOf('acme')).toEqual(['t1', 't2', 't3']);
});

test('one tenant fails: its file is rolled back with its row, others end, and public is not undone', async () => {
  const p = await migrated(three, numbered('t', 4));
  p.write({ 'sql/tenant/0003_t.down.sql': '-- \ndrop table t3;\nselect 1 / count(*) from keep;' });
  await db.query(
    [1, 3, 4].map((n) => `create table t_${n}.keep as select 1;`).join('') + 'create table t_2.keep ()',
  );
  const result = await undo(p, { to: '2', maxFailures: { count: 2 } });
  expect(result).toMatchObject({ ok: false, undone: 3, failed: 1, skipped: 1 });
  expect(result.schemas.find(({ schema }) => schema === 't_2')).toMatchObject({
    state: 'failed',
    version: '0003',
    error: {
      code: 'migration-failed',
      sqlstate: '22012',
      file: 'sql/tenant/0003_t.down.sql',
      statement: 2,
      line: 3,
      state: 'rolled back; t_2 is at 0003',
      hint: 'correct the file and run sqlmig down again; none of it was kept',
    },
  });
  expect(result.schemas.at(-1)).toMatchObject({
    schema: 'public',
    state: 'skipped',
    error: { code: 'tenants-failed' },
  });
  expect(await tablesOf('t_2')).toEqual(['keep', 't1', 't2', 't3']);
  expect(await tablesOf('public')).toEqual(['p1', 'p2', 'p3']);
  await db.query('insert into t_2.keep default values');
  expect(await undo(p, { to: '2' })).toMatchObject({ ok: true, undone: 2, unchanged: 3 });
});

test('a down file of a tenant must change neither public nor another tenant nor the history', async () => {
  const p = await migrated(steps(['0001', '0002']));
  const cases = [
    ['alter table p1 add x int; drop table t2', 'changes-public'],
    ['drop table globex.t2', 'changes-other-schema'],
    ["do $$ begin execute 'drop table globex.t2'; end $$", 'changes-other-schema'],
    ['drop table t2; delete from schema_migrations', 'changes-history'],
    ["drop table t2; do $$ begin execute 'delete from acme.schema_migrations'; end $$", 'changes-history'],
  ] as const;
  for (const [text, code] of cases) {
    p.write({ 'sql/tenant/0002_t.down.sql': text });
    const result = await undo(p, { select: { kind: 'tenants', names: ['acme'] }, steps: 1 });
    expect(result.schemas[0]).toMatchObject({ state: 'failed', version: '0002', error: { code } });
    const rehearsed = await undo(p, {
      select: { kind: 'tenants', names: ['acme'] },
      steps: 1,
      rehearse: true,
    });
    expect(rehearsed.schemas[0]).toMatchObject({ state: 'failed', error: { code } });
  }
  expect(await tablesOf('globex')).toEqual(['t1', 't2']);
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1 });
});

test('names that no one expects, and a repeatable, which stays', async () => {
  const names = ["o'hara", 'Groß "quoted"', 'a b;--', '42', 'public.x'];
  const p = await migrated(
    { ...three, 'sql/tenant/R__one.sql': 'create or replace view one as select 1 as one' },
    names,
  );
  const told: RunEvent[] = [];
  const result = await undo(p, { to: '1', onEvent: (event) => told.push(event) });
  expect(result).toMatchObject({ ok: true, undone: 6 });
  expect(told).toContainEqual({ type: 'warning', message: 'repeatable migrations are not undone' });
  for (const name of names) expect(await db.history(name)).toEqual({ 1: 1, R__one: 1 });
  expect(await verify(await p.config())).toMatchObject({ ok: true });
});

test('a rehearsal rolls everything back and tells what would be undone', async () => {
  const p = await migrated({
    ...three,
    'sql/tenant/0004_fk.sql': 'create table fk (p int references p4 (id))',
    'sql/tenant/0004_fk.down.sql': 'drop table fk',
    'sql/public/0004_p.sql': 'create table p4 (id int primary key)',
    'sql/public/0004_p.down.sql': 'drop table p4',
  });
  const told: RunEvent[] = [];
  expect(await undo(p, { to: '1', rehearse: true, onEvent: (event) => told.push(event) })).toMatchObject({
    ok: true,
    rehearsed: true,
    undone: 2,
    schemas: [{ migrations: [{ version: '0004' }, { version: '0003' }, { version: '0002' }] }, {}, {}],
    unrehearsed: [
      {
        ...{ scope: 'public', file: 'sql/public/0004_p.down.sql', schemas: 1 },
        why: 'the rehearsal of the tenants was rolled back, so their objects still depend on public',
      },
      { file: 'sql/public/0003_p.down.sql', why: 'it follows sql/public/0004_p.down.sql' },
      {},
    ],
  });
  expect(told).toContainEqual({
    type: 'warning',
    message: expect.stringContaining(
      'public is not rehearsed: the rehearsal of the tenants was rolled back, so their objects still depend on it',
    ),
  });
  const finished = told.flatMap((event) => (event.type === 'schema-finished' ? event.outcome.schema : []));
  expect(finished).not.toContain('public');
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1, 4: 1 });
  expect(await undo(p, { to: '1' })).toMatchObject({ ok: true, undone: 3 });
});

test('on the command line: limits, selectors, questions and documents', async () => {
  const p = await migrated(three);
  const run = (...args: string[]) => sqlmig(['down', ...args], p.dir);
  for (const [args, says] of [
    [['--steps', '1'], 'specify what to undo: --all, --public or --tenants a,b'],
    [['--all'], 'down takes exactly one of --to, --steps and --to-files'],
    [['--all', '--steps', '1', '--to', '2'], 'down takes exactly one of --to, --steps and --to-files'],
    [['--all', '--steps', '0'], '--steps takes a whole number of at least 1'],
    [['--all', '--to', '7', '--yes'], 'no migration file has version 7'],
    [['--all', '--steps', '1', '--rehearse', '--dry-run'], '--rehearse and --dry-run cannot be combined'],
    [['--all', '--steps', '1'], 'confirmation is required, but there is no terminal'],
  ] as const) {
    const { code, stderr } = await run(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
  }
  const dry = await run('--all', '--to', '2', '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.stdout).toContain(
    'tenant  acme, globex  at 0003  1 migration to undo\n  sql/tenant/0003_t.down.sql\n',
  );
  const rehearsed = await run('--all', '--to', '2', '--rehearse');
  expect([rehearsed.code, rehearsed.stdout]).toEqual([0, expect.stringContaining('would undo')]);
  expect(await tablesOf('acme')).toEqual(['t1', 't2', 't3']);
  const done = await run('--all', '--to', '2', '--yes');
  expect([done.code, done.stdout, done.stderr]).toEqual([
    0,
    expect.stringContaining('tenant  undone  1 migration  at 0002  acme, globex'),
    expect.stringContaining('3 schemas, 3 migrations: 3 undone, 0 unchanged, 0 failed'),
  ]);
  expect(await run('--all', '--to', '2')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to undo'),
  });
  expect((await sqlmig(['rollback'], p.dir)).stderr).toContain('did you mean sqlmig down?');
});
