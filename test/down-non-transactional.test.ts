import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { down, settleMigration, status, up, verify } from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const files = {
  'sql/tenant/0001_t.sql': 'create table t (id int, at timestamptz)',
  'sql/tenant/0001_t.down.sql': 'drop table t',
  'sql/tenant/0002_i.sql': 'create index concurrently i1 on t (id);\ncreate index concurrently i2 on t (at);',
  'sql/tenant/0002_i.down.sql': 'drop index concurrently i2;\ndrop index concurrently i1;',
};
const migrated = async (
  more: Record<string, string> = {},
  list = ['acme', 'globex'],
): Promise<TestProject> => {
  const p = project({ url: db.url, tenants: { list } }, { ...files, ...more });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  return p;
};
const undo = async (p: TestProject, options = {}) =>
  down(await p.config(), { select: all, steps: 1, ...options });
const row = async (schema = 'acme') =>
  (
    await db.query(
      `select state, at_statement as at, done_statements as done from ${schema}.schema_migrations where version = 2`,
    )
  )[0];
const findings = async (p: TestProject) =>
  (await status(await p.config())).schemas.flatMap(({ schema, findings: found }) =>
    found.map(({ kind, message }) => [schema, kind, message]),
  );
const indexes = async (schema = 'acme') =>
  (
    await db.query(
      `select indexname as i from pg_indexes where schemaname = '${schema}' and tablename = 't' order by 1`,
    )
  ).map(({ i }) => i);
const undoing = '2_i is being undone: its down file was started but not finished';

const atGate = async () => {
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
};

test('indexes are dropped one by one, and the row goes last', async () => {
  const p = await migrated();
  expect(await undo(p)).toMatchObject({ ok: true, undone: 2, schemas: [{ version: '0001' }, {}, {}] });
  expect([await indexes(), await row()]).toEqual([[], undefined]);
  expect(await verify(await p.config())).toMatchObject({ ok: true });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 2 });
  expect(await undo(p, { steps: 2 })).toMatchObject({ ok: true, undone: 2 });
});

test('a first statement that fails leaves the migration applied, as it was', async () => {
  const p = await migrated();
  await db.query('drop index acme.i2');
  const result = await undo(p);
  expect(result.schemas[0]).toMatchObject({
    state: 'failed',
    version: '0002',
    error: { sqlstate: '42704', statement: 1, state: 'none of it was kept; acme is at 0002' },
  });
  expect(await row()).toMatchObject({ state: 'applied' });
  expect(await verify(await p.config())).toMatchObject({ ok: true });
  await db.query('create index i2 on acme.t (at)');
  expect(await undo(p, { select: { kind: 'tenants', names: ['acme'] } })).toMatchObject({ ok: true });
});

test('one that fails later leaves it incomplete: up and repair know, and down continues', async () => {
  const p = await migrated();
  await db.query('drop index acme.i1');
  const result = await undo(p, { maxFailures: { count: 2 } });
  expect(result.schemas[0]).toMatchObject({
    state: 'failed',
    version: '0001',
    error: {
      statement: 2,
      state: 'statements before 2 are kept, and the migration is marked as incomplete; acme is at 0001',
      hint: 'run sqlmig down again once it can succeed: it continues with statement 2; if it never can, do the rest by hand, then run: sqlmig repair acme 0002 --from-statement 3',
    },
  });
  expect(await row()).toEqual({ state: 'incomplete', at: 1, done: 1 });
  expect(await findings(p)).toEqual([['acme', 'incomplete', undoing]]);
  expect(await verify(await p.config())).toMatchObject({
    ok: false,
    findings: [{ kind: 'incomplete', version: '0002' }],
  });
  const refused = await up(await p.config(), { select: { kind: 'tenants', names: ['acme'] } });
  expect(refused.schemas[1]).toMatchObject({
    state: 'failed',
    error: { code: 'incomplete', message: undoing },
  });
  expect(await row()).toEqual({ state: 'incomplete', at: 1, done: 1 });
  // Its version is not above 2, so it is not this command's to finish.
  expect((await undo(p, { steps: undefined, to: '2' })).schemas[0]).toMatchObject({
    error: { code: 'incomplete' },
  });
  await db.query('create index i1 on acme.t (id)');
  expect(await undo(p, { select: { kind: 'tenants', names: ['acme'] } })).toMatchObject({
    ok: true,
    schemas: [{ state: 'undone', version: '0001', migrations: [{ version: '0002' }] }],
  });
  expect(await verify(await p.config())).toMatchObject({ ok: true });
});

test('killed -9 within a statement: busy while the orphan works, then only repair settles it', async () => {
  const p = await migrated(
    {
      'sql/tenant/0002_i.sql': '-- sqlmig: no-transaction\ncreate table u ();\ncreate table w ();',
      'sql/tenant/0002_i.down.sql': `-- sqlmig: no-transaction\ndrop table w;\n${waitAtGate()}\ndrop table u;`,
    },
    ['acme'],
  );
  const open = await closeGate(db);
  const killed = start(['down', '--all', '--steps', '1', '--yes'], p.dir);
  await atGate();
  killed.process.kill('SIGKILL');
  await killed.ended;
  expect(await findings(p)).toEqual([]);
  const busy = await sqlmig(['down', '--all', '--steps', '1', '--yes', '--wait-for-lock', '1s'], p.dir);
  expect(busy).toMatchObject({ code: 4, stderr: expect.stringContaining('acme is held by') });
  await open();
  while ((await db.leftovers()).length > 0) await delay(50);
  expect(await findings(p)).toEqual([['acme', 'incomplete', undoing]]);
  const again = await sqlmig(['down', '--all', '--steps', '1', '--yes'], p.dir);
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('settle it with: sqlmig repair acme 2 --resume'),
  });
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(1);
  const shown = await sqlmig(['repair', 'acme', '2'], p.dir);
  expect(shown.stderr).toContain('sql/tenant/0002_i.down.sql stopped in acme at statement 2 of 3 (1 done)');
  const resumed = await sqlmig(['repair', 'acme', '2', '--resume'], p.dir);
  expect(resumed).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--from-statement 3 (if it did)'),
  });
  // The image that continues need not have the file.
  p.remove('sql/tenant/0002_i.sql');
  p.remove('sql/tenant/0002_i.down.sql');
  const ended = await sqlmig(['repair', 'acme', '2', '--from-statement', '3'], p.dir);
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('settled: acme\n') });
  expect(await db.history('acme')).toEqual({ 1: 1 });
  expect(
    await db.query("select 1 from pg_tables where schemaname = 'acme' and tablename in ('u', 'w')"),
  ).toEqual([]);
});

test.for([
  ['--mark-applied', { state: 'applied' }],
  ['--from-statement', undefined],
  ['--resume', undefined],
] as const)('repair %s settles what a crash left between two statements', async ([how, left]) => {
  const p = await migrated();
  await db.query('drop index acme.i1; drop index globex.i1');
  await undo(p, { maxFailures: { count: 2 } });
  if (how === '--resume') await db.query('create index i1 on acme.t (id); create index i1 on globex.t (id)');
  // In a selection, a number must not skip what was never started.
  const calls =
    how === '--from-statement'
      ? ['acme', 'globex'].map((schema) => [schema, '2', how, '3'])
      : [['--all', how]];
  for (const call of calls) expect(await sqlmig(['repair', ...call], p.dir)).toMatchObject({ code: 0 });
  for (const schema of ['acme', 'globex'])
    expect(await row(schema)).toEqual(left && expect.objectContaining(left));
  expect(await verify(await p.config())).toMatchObject({ ok: true, findings: [] });
});

test('an edited down file does not continue what the old one began, unless the history keeps that', async () => {
  const p = await migrated();
  await db.query('drop index acme.i1; drop index globex.i1');
  await undo(p, { maxFailures: { count: 2 } });
  p.write({ 'sql/tenant/0002_i.down.sql': 'drop table t' });
  await db.query('create index i1 on acme.t (id)');
  // What was begun is kept, and continues.
  expect(await undo(p, { select: { kind: 'tenants', names: ['acme'] } })).toMatchObject({ ok: true });
  expect(
    await db.query("select 1 as n from pg_tables where schemaname = 'acme' and tablename = 't'"),
  ).toEqual([{ n: 1 }]);
  await db.query('update globex.schema_migrations set down = null, down_checksum = null where version = 2');
  const one = { kind: 'tenants', names: ['globex'] } as const;
  expect((await undo(p, { select: one })).schemas[0]).toMatchObject({ error: { code: 'incomplete' } });
  const config = await p.config();
  const settle = settleMigration(config, { schema: 'globex', version: '2', how: { kind: 'resume' } });
  expect((await settle).schemas).toMatchObject([{ state: 'failed', error: { code: 'checksum-changed' } }]);
});

test('repair tells down files apart that have the same text and that only the histories keep', async () => {
  const newer = {
    'sql/tenant/0003_u.sql': 'create table u ()',
    'sql/tenant/0003_u.down.sql': '-- sqlmig: no-transaction\nselect 1;\ndrop table w',
    'sql/tenant/0004_v.sql': 'create table v ()',
    'sql/tenant/0004_v.down.sql': '-- sqlmig: no-transaction\nselect 1;\ndrop table w',
  };
  const p = await migrated();
  p.write(newer);
  await up(await p.config(), { select: { kind: 'tenants', names: ['acme'] }, to: '3' });
  await up(await p.config(), { select: { kind: 'tenants', names: ['globex'] } });
  await undo(p, { maxFailures: { count: 2 } });
  for (const file of Object.keys(newer)) p.remove(file);
  await db.query('create table acme.w (); create table globex.w ()');
  expect(await sqlmig(['repair', '--all', '--resume'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1 });
  expect(await db.history('globex')).toEqual({ 1: 1, 2: 1, 3: 1 });
});

test('SIGINT between two statements: exit 130, and the next down continues', async () => {
  const p = await migrated(
    {
      'sql/tenant/0002_i.down.sql': `-- sqlmig: no-transaction\ndrop index i2;\n${waitAtGate()}\ndrop index i1;`,
    },
    ['acme'],
  );
  const open = await closeGate(db);
  const run = start(['down', '--all', '--steps', '1', '--yes'], p.dir);
  await atGate();
  run.process.kill('SIGINT');
  expect(await run.ended).toMatchObject({ code: 130 });
  await open();
  expect(await row()).toEqual({ state: 'incomplete', at: 1, done: 1 });
  const next = await sqlmig(['down', '--all', '--steps', '1', '--yes'], p.dir);
  expect(next.code).toBe(0);
  expect([await indexes(), await row()]).toEqual([[], undefined]);
});
