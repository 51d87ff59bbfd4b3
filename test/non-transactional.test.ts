import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { spawnSqlmig, sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { numbered, project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const table = `create table items (id int generated always as identity primary key, name text, flag boolean default false);
  insert into items (name) select 'item ' || i from generate_series(1, 500) i;`;
const all = { kind: 'all', except: [] } as const;
const invalid = `select count(*)::int as n from pg_index where not indisvalid`;

test('a file that mixes CONCURRENTLY with other statements just works, and records its progress', async () => {
  await db.query(
    'drop role if exists sqlmig_guest; create role sqlmig_guest; grant sqlmig_guest to current_user',
  );
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_items.sql': table,
      'sql/tenant/2_index.sql': `update items set flag = true where id % 2 = 0;
create index concurrently items_name on items (name);
set role none; vacuum items;`,
      'sql/tenant/3_after.sql': `create table after_it as select current_setting('lock_timeout') as t, current_schema() as s;`,
      'sql/tenant/4_asked.sql':
        '-- +goose NO TRANSACTION\ncreate table asked (); set role sqlmig_guest; select txid_current();',
    },
  );
  const run = await sqlmig(['up', '--all', '--json'], p.dir);
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout).schemas[1].migrations).toMatchObject([
    { version: '1' },
    { version: '2' },
    { version: '3' },
    { version: '4' },
  ]);
  expect(
    await db.query(
      'select version::int, state, statements, at_statement, done_statements from acme.schema_migrations order by 1',
    ),
  ).toEqual([
    { version: 1, state: 'applied', statements: 2, at_statement: null, done_statements: 2 },
    { version: 2, state: 'applied', statements: 4, at_statement: null, done_statements: 4 },
    { version: 3, state: 'applied', statements: 1, at_statement: null, done_statements: 1 },
    { version: 4, state: 'applied', statements: 3, at_statement: null, done_statements: 3 },
  ]);
  expect(await db.query('select * from acme.after_it')).toEqual([{ t: '5s', s: 'acme' }]);
  expect(await db.query(invalid)).toEqual([{ n: 0 }]);
  await db.query('drop role sqlmig_guest');
});

test('eight processes at once, one file is CREATE INDEX CONCURRENTLY, 30 tenants: all exit 0, all indexes valid', async () => {
  const tenants = numbered('t', 30);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 3 },
    {
      'sql/tenant/1_items.sql': table,
      'sql/tenant/2_index.sql': 'create index concurrently items_name on items (name);',
      'sql/tenant/3_more.sql': 'create table more ()',
    },
  );
  const runs = await Promise.all(
    Array.from({ length: 8 }, () => spawnSqlmig(['up', '--all', '--concurrent-index-jobs', '2'], p.dir)),
  );
  expect(runs.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(runs.map(() => 0));
  for (const tenant of tenants) expect(await db.history(tenant)).toEqual({ 1: 1, 2: 1, 3: 1 });
  expect(await db.query(invalid)).toEqual([{ n: 0 }]);
  expect(
    await db.query(
      `select count(*)::int as n from pg_index i join pg_class c on c.oid = indexrelid where relname = 'items_name'`,
    ),
  ).toEqual([{ n: 30 }]);
  expect(
    await db.query(`select deadlocks::int as n from pg_stat_database where datname = current_database()`),
  ).toEqual([{ n: 0 }]);
});

test('a build that fails leaves an invalid index: never applied, told exactly, and the others go on', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['bad', 'good'] }, concurrency: 1 },
    {
      'sql/tenant/1_items.sql': `create table items (id int); insert into items select 1; insert into items select case current_schema() when 'bad' then 1 else 2 end`,
      'sql/tenant/2_unique.sql':
        'select 1;\n  create unique index concurrently items_id on items (id);\nselect 2;',
    },
  );
  const first = await sqlmig(['up', '--all', '--max-failures', '100%', '--json'], p.dir);
  expect(first.code).toBe(1);
  const bad = JSON.parse(first.stdout).schemas[1];
  expect(bad).toMatchObject({
    state: 'failed',
    version: '1',
    migrations: [{ version: '1' }],
    error: {
      code: 'migration-failed',
      sqlstate: '23505',
      statement: 2,
      statements: 3,
      line: 2,
      column: 3,
      state:
        'statement 2 may have committed part of its work, statements before it are kept, and the migration is marked as incomplete; bad is at 1',
      hint: 'settle it with: sqlmig repair bad 2 --resume',
    },
  });
  const stands = await sqlmig(['status', '--json'], p.dir);
  expect(JSON.parse(stands.stdout).schemas).toMatchObject([{}, { version: '1' }, { version: '2' }]);
  expect((await sqlmig(['plan'], p.dir)).stdout).toContain('tenant  bad      at 1\n');
  expect(
    await db.query(
      'select state, at_statement, done_statements from bad.schema_migrations where version = 2',
    ),
  ).toEqual([{ state: 'incomplete', at_statement: 2, done_statements: 1 }]);
  expect(await db.history('good')).toEqual({ 1: 1, 2: 1 });
  p.write({ 'sql/tenant/3_next.sql': 'create table next ()' });
  const second = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(JSON.parse(second.stdout)).toMatchObject({
    applied: 1,
    failed: 1,
    schemas: [{}, { error: { code: 'incomplete' } }, { state: 'applied' }],
  });
  expect((await sqlmig(['verify'], p.dir)).stdout).toContain('incomplete: 2_unique');
});

test('a first statement that leaves nothing behind makes the file simply pending again', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_v.sql': '-- sqlmig: no-transaction\nselect nowhere;' },
  );
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).schemas[1].error).toMatchObject({
    sqlstate: '42703',
    line: 2,
    column: 8,
    state: 'none of it was kept; acme is empty',
  });
  expect(await db.history('acme')).toEqual({});
});

test('a runner killed -9 in the second of three statements: busy while an orphan works, then reported', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['hit', 'other'] }, concurrency: 1 },
    {
      'sql/tenant/1_items.sql': table,
      'sql/tenant/2_index.sql': `-- sqlmig: no-transaction
create index concurrently items_name on items (name);
${waitAtGate()}
create index concurrently items_flag on items (flag);`,
    },
  );
  const open = await closeGate(db);
  const killed = start(['up', '--tenants', 'hit'], p.dir);
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
  const verifying = await sqlmig(['verify'], p.dir);
  expect(verifying).toMatchObject({ code: 0 });
  killed.process.kill('SIGKILL');
  const next = sqlmig(['up', '--all', '--json'], p.dir);
  // The orphan keeps its lock while the next run starts.
  await delay(1_500);
  await open();
  const { code, stdout } = await next;
  expect(code).toBe(1);
  const [, hit, other] = JSON.parse(stdout).schemas;
  expect(hit).toMatchObject({ state: 'failed', error: { code: 'incomplete' } });
  expect(other).toMatchObject({ state: 'applied' });
  expect(
    await db.query(
      'select state, at_statement, done_statements from hit.schema_migrations where version = 2',
    ),
  ).toMatchObject([{ state: 'incomplete', at_statement: 2 }]);
});

const interrupted = `-- sqlmig: no-transaction
create index concurrently items_name on items (name);
create unique index concurrently items_flag on items (flag);
create index concurrently items_both on items (name, flag);`;

async function stopped(): Promise<ReturnType<typeof project>> {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_items.sql': table, 'sql/tenant/0009_index.sql': interrupted },
  );
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(1);
  expect(await db.query(invalid)).toEqual([{ n: 1 }]);
  return p;
}

test('repair --resume drops the invalid index, builds it again and goes on; verify is clean', async () => {
  const p = await stopped();
  const explained = await sqlmig(['repair', 'acme', '9'], p.dir);
  expect(explained).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('stopped in acme at statement 2 of 3 (1 done)'),
  });
  expect(explained.stderr).toContain('invalid indexes: items_flag');
  const refused = await sqlmig(['repair', 'acme', '9', '--mark-applied'], p.dir);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('error[invalid-index]') });
  const again = await sqlmig(['repair', 'acme', '0009', '--resume'], p.dir);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('0009_index.sql:3:1') });
  await db.query('update acme.items set flag = null');
  expect(await sqlmig(['repair', 'acme', '0009', '--resume'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.query(invalid)).toEqual([{ n: 0 }]);
  expect(
    await db.query(
      `select count(*)::int as n from pg_indexes where schemaname = 'acme' and tablename = 'items'`,
    ),
  ).toEqual([{ n: 4 }]);
  expect(await sqlmig(['repair', 'acme', '9', '--resume'], p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing-to-settle'),
  });
});

test('repair --mark-applied and --from-statement do what a person says', async () => {
  const p = await stopped();
  await db.query('drop index acme.items_flag');
  expect(await sqlmig(['repair', 'acme', '9', '--from-statement', '3'], p.dir)).toMatchObject({ code: 0 });
  expect(
    await db.query(
      `select indexname from pg_indexes where indexname like 'items_%' and schemaname = 'acme' order by 1`,
    ),
  ).toEqual([{ indexname: 'items_both' }, { indexname: 'items_name' }, { indexname: 'items_pkey' }]);
  await db.query(
    `update acme.schema_migrations set state = 'incomplete', at_statement = 3, done_statements = 2 where version = 9`,
  );
  expect(await sqlmig(['repair', 'acme', '9', '--mark-applied'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
});

test('what only a person can know is asked for', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_v.sql':
        '-- sqlmig: no-transaction\nselect 1;\nselect pg_terminate_backend(pg_backend_pid());',
    },
  );
  await sqlmig(['up', '--all'], p.dir);
  const { code, stderr } = await sqlmig(['repair', 'acme', '1', '--resume'], p.dir);
  expect(code).toBe(1);
  expect(stderr).toContain(
    '--from-statement 2 (if it did not take effect) or --from-statement 3 (if it did)',
  );
});

test('repair shows which schemas hold which variant of a changed file, and accepts it with --yes', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['a', 'b'] } },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  await sqlmig(['up', '--all'], p.dir);
  expect(await sqlmig(['repair', '--all'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'no applied file has changed\n',
  });
  p.write({ 'sql/tenant/1_t.sql': 'create table t (); -- more' });
  await db.query(`update b.schema_migrations set checksum = repeat('b', 64)`);
  const asked = await sqlmig(['repair', '--all'], p.dir);
  expect(asked).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('applied as bbbbbbbbbbbb in 1 schema: b'),
  });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 1 });
  expect(await sqlmig(['repair', '--all', '--yes'], p.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('accepted'),
  });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
});

test('after a failure, files that wait for their turn as an index job are not started', async () => {
  const tenants = numbered('t', 5);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 5 },
    {
      'sql/tenant/1_items.sql': 'create table items (id int); insert into items values (1), (1)',
      'sql/tenant/2_unique.sql': 'create unique index concurrently items_id on items (id)',
    },
  );
  const result = await up(await p.config(), { select: all });
  const codes = result.schemas.map(({ error }) => error?.code);
  expect(codes.filter((code) => code === 'migration-failed')).toHaveLength(1);
  expect(codes.filter((code) => code === 'stopped')).toHaveLength(4);
  expect(result.schemas.filter(({ version }) => version === '1')).toHaveLength(5);
  expect(await db.query(invalid)).toEqual([{ n: 1 }]);
});

test('after an interruption, neither waiting files nor further statements are started', async () => {
  const tenants = numbered('t', 4);
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency: 4 },
    { 'sql/tenant/1_items.sql': 'create table items (id int)' },
  );
  const config = await p.config();
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  p.write({
    'sql/tenant/2_ids.sql':
      'create index concurrently items_a on items (id); create index concurrently items_b on items (id);',
  });
  const reader = await testSession(db.url);
  await reader.run('begin isolation level repeatable read; select count(*) from t_1.items');
  const stop = new AbortController();
  const running = up(config, { select: all, signal: stop.signal });
  const building = `select 1 from pg_stat_activity where datname = current_database() and query like 'create index concurrently%' and state = 'active' and pid <> pg_backend_pid()`;
  while ((await db.query(building)).length === 0) await delay(20);
  stop.abort();
  const result = await running;
  await reader.close();
  expect(result.schemas.slice(1).every(({ state }) => state === 'skipped')).toBe(true);
  const begun = tenants.map((tenant) => `select count(*) from ${tenant}.schema_migrations where version = 2`);
  expect(await db.query(`select ((${begun.join(') + (')}))::int as n`)).toEqual([{ n: 1 }]);
  expect(await db.query(invalid)).toEqual([{ n: 1 }]);
});
