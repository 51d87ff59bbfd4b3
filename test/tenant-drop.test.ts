import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { beforeAll, expect, test } from 'vitest';
import {
  type Config,
  createTenant,
  dropTenant,
  listTenants,
  plan,
  status,
  type TenantDrop,
  up,
  verify,
} from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, holdLock, lockObjectOf, waitAtGate } from './setup/gate.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const accept = () => true;
const exists = async (schema: string) =>
  (await db.query(`select from pg_namespace where nspname = '${schema}'`)).length === 1;

/** Tables with a key, a sequence and a foreign key each, so that dropping them takes thousands of locks. */
const manyTables = (n: number, from = 0) => `do $$ begin for i in ${from + 1}..${from + n} loop
  execute format('create table t%s (id serial primary key, up int references t%s, note text)', i, greatest(1, i - 1));
end loop; end $$`;

test('drop asks, and needs --yes without a terminal', async () => {
  const p = project(
    { url: db.url, historyTable: 'asks', tenants: { list: ['asks'] } },
    { 'sql/tenant/1_a.sql': 'create table a (); create view v as select from a;' },
  );
  await sqlmig(['up', '--all'], p.dir);
  const refused = await sqlmig(['tenant', 'drop', 'asks'], p.dir);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain('asks  at 1: 1 table with all rows, 1 other object\n');
  expect(await exists('asks')).toBe(true);
  const plans: TenantDrop[] = [];
  const config = await p.config();
  const declined = await dropTenant(config, {
    name: 'asks',
    accept: (plan) => {
      plans.push(plan);
      return false;
    },
  });
  expect(declined).toMatchObject({ state: 'unchanged', accepted: false });
  expect(plans).toMatchObject([{ schema: 'asks', version: '1', tables: 1, others: 1, halfDropped: false }]);
  const dropped = await sqlmig(['tenant', 'drop', 'asks', '--yes'], p.dir);
  expect(dropped).toMatchObject({ code: 0, stdout: 'asks  dropped\n' });
  expect(dropped.stderr).toContain('\nthe config still lists asks: up would create it again');
  expect(await exists('asks')).toBe(false);
  expect(await sqlmig(['tenant', 'drop', 'asks', '--yes'], p.dir)).toMatchObject({ code: 1 });
  const again = await sqlmig(['tenant', 'drop', 'asks', '--yes', '--if-exists', '--json'], p.dir);
  expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, state: 'absent', schema: 'asks', listed: true });
});

test.for(['public', 'pg_catalog', 'information_schema', ''])('%j is never dropped', async (name) => {
  const p = project({ url: db.url, historyTable: 'never', tenants: { list: [] } });
  await expect(dropTenant(await p.config(), { name, accept, withoutHistory: true })).rejects.toMatchObject({
    code: 'bad-tenant-name',
  });
});

test('a schema without a history of a tenant is dropped only on request', async () => {
  const p = project({ url: db.url, historyTable: 'plain', tenants: { list: [] } });
  await db.query(
    `create schema plain; create table plain.t (); create schema "it's ""x"" %"; create table "it's ""x"" %"."t ""%" ()`,
  );
  const config = await p.config();
  await expect(dropTenant(config, { name: 'plain', accept })).rejects.toMatchObject({ code: 'no-history' });
  await db.query(`create table plain.plain (version varchar primary key)`);
  await expect(dropTenant(config, { name: 'plain', accept })).rejects.toMatchObject({
    code: 'foreign-history',
    details: { hint: expect.stringContaining('--without-history') },
  });
  for (const name of ['plain', `it's "x" %`])
    expect(await dropTenant(config, { name, accept, withoutHistory: true })).toMatchObject({
      state: 'dropped',
    });
  expect(await exists('plain')).toBe(false);
});

test('objects of other schemas that depend on it are listed, and nothing is dropped', async () => {
  const p = project(
    { url: db.url, historyTable: 'needed', tenants: { list: ['needed'] } },
    {
      'sql/tenant/1_a.sql': `create table a (id int primary key); create type mood as enum ('ok');
        create function f() returns int language sql as 'select 1'; create sequence s;
        create table parts (id int) partition by range (id);`,
    },
  );
  const config = await p.config();
  await up(config, { select: all });
  await db.query(`create schema other; create view other.v as select * from needed.a;
    create table other.fk (a int references needed.a); create table other.t (m needed.mood, n int default nextval('needed.s'));
    create table other.part partition of needed.parts for values from (0) to (9);
    create table other.trig (id int check (id > needed.f()));
    create rule copies as on insert to other.fk do also insert into needed.a values (new.a);`);
  const { state, error } = await dropTenant(config, { name: 'needed', accept });
  expect({ state, code: error?.code }).toEqual({ state: 'failed', code: 'dependent-objects' });
  for (const what of [
    'view other.v',
    'constraint fk_a_fkey',
    'column m of table other.t',
    'default value for column n',
    'table other.part',
    'other.trig',
    'rule copies on table other.fk',
  ])
    expect(error?.message).toContain(what);
  expect(
    await db.query(
      'select count(*)::int as n from pg_class c where relnamespace in (to_regnamespace($$needed$$), to_regnamespace($$other$$)) and relkind in ($$r$$, $$v$$, $$p$$)',
    ),
  ).toEqual([{ n: 8 }]);
  expect(await sqlmig(['tenant', 'drop', 'needed', '--yes'], p.dir)).toMatchObject({ code: 1 });
  await db.query('drop schema other cascade');
  expect(await dropTenant(config, { name: 'needed', accept })).toMatchObject({ state: 'dropped' });
});

const slow = { timeout: 900_000 };
test(
  '3,000 relations at the default lock limit; a killed drop is recognized and finished',
  slow,
  async () => {
    const name = 'big';
    const files = Object.fromEntries(
      [0, 1, 2, 3, 4].map((i) => [`sql/tenant/${i + 1}_many.sql`, manyTables(200, i * 200)]),
    );
    const p = project(
      { url: db.url, historyTable: 'big_history', tenants: { list: [name, 'small'] } },
      files,
    );
    const config = await p.config();
    expect(await up(config, { select: { kind: 'tenants', names: [name] } })).toMatchObject({ ok: true });
    const relations = `select count(*)::int as n from pg_class where relnamespace = to_regnamespace('${name}')`;
    const count = async () => Number((await db.query(relations))[0]?.n);
    const before = await count();
    expect(before).toBeGreaterThan(3_000);
    const killed = start(['tenant', 'drop', name, '--yes'], p.dir);
    while ((await count()) === before) await delay(50);
    killed.process.kill('SIGKILL');
    await killed.ended;
    while ((await db.leftovers()).length > 0) await delay(20);
    const left = await count();
    expect(left).toBeLessThan(before);
    expect(left).toBeGreaterThan(0);
    const refused = await sqlmig(['up', '--all', '--json'], p.dir);
    expect(refused.code).toBe(1);
    const outcome = JSON.parse(refused.stdout).schemas.find(
      ({ schema }: { schema: string }) => schema === name,
    );
    expect(outcome).toMatchObject({ state: 'failed', error: { code: 'half-dropped' } });
    expect(outcome.error.hint).toContain('sqlmig tenant drop big');
    await expect(createTenant(config, { name })).rejects.toMatchObject({ code: 'half-dropped' });
    expect((await sqlmig(['verify'], p.dir)).stdout).toContain('half-dropped');
    // The backend dies in the middle of the second one, which continues by itself.
    const second = start(['tenant', 'drop', name, '--yes'], p.dir);
    let ended: unknown[] = [];
    while (ended.length === 0 && second.process.exitCode === null) {
      await delay(50);
      ended = await db.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name like 'sqlmig % drop %' and datname = current_database()`);
    }
    expect(await second.ended).toMatchObject({ code: 0, stdout: 'big  dropped\n' });
    expect(await exists(name)).toBe(false);
  },
);

/** Interrupts the drop of a tenant with a table `t1` that is dropped last, after at least one batch is committed. */
async function interruptDrop(config: Config, name: string): Promise<void> {
  const reader = postgres(db.url, { max: 1, onnotice: () => {} });
  await reader.unsafe(`begin; lock table ${name}.t1 in access share mode`).simple();
  const drop = new AbortController();
  const dropping = dropTenant(config, { name, accept, signal: drop.signal });
  const marked = `select name from ${name}.${config.historyTable} where version is null`;
  await expect.poll(() => db.query(marked)).toEqual([{ name: 'sqlmig/tenant-drop' }]);
  drop.abort();
  expect(await dropping).toMatchObject({ state: 'failed', error: { code: 'interrupted' } });
  await reader.end();
}

/** A file that creates the table `v`, and waits in one tenant for the sequence `gate` to reach 2. */
const gatedFile = (tenant: string, gate: string) => `do $$ begin if current_schema = '${tenant}' then
  while (select last_value from public.${gate}) < 2 loop perform pg_sleep(0.02); end loop; end if; end $$;
create table v ();`;

/** Waits until a session is at such a gate. */
function atGate(gate: string): Promise<void> {
  const waiting = `select pid from pg_stat_activity where query like '%public.${gate}%' and pid <> pg_backend_pid()`;
  return expect.poll(async () => (await db.query(waiting)).length).toBe(1);
}

test(
  'an interrupted drop keeps out the files of kinds, of a run that began before it too',
  slow,
  async () => {
    const p = project(
      {
        url: db.url,
        historyTable: 'kinds',
        tenants: { list: ['k1', 'k2'] },
        scopes: [{ name: 'vip', tenants: { list: ['k1', 'k2', 'k3'] } }],
      },
      { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/vip/1_many.sql': manyTables(200) },
    );
    const config = await p.config();
    expect(await up(config, { select: all })).toMatchObject({ ok: true });
    await db.query('create sequence public.kinds_gate');
    p.write({ 'sql/vip/2_v.sql': gatedFile('k1', 'kinds_gate') });
    const running = up(config, { select: all, canary: { names: ['k1'] }, maxFailures: { count: 9 } });
    await atGate('kinds_gate');
    for (const name of ['k2', 'k3']) await interruptDrop(config, name);
    await db.query(`select setval('public.kinds_gate', 2)`);
    const ended = (await running).schemas.map(({ scope, schema, state, error }) => [
      scope,
      schema,
      error?.code ?? state,
    ]);
    expect(ended.filter(([scope]) => scope === 'vip')).toEqual([
      ['vip', 'k1', 'applied'],
      ['vip', 'k2', 'half-dropped'],
      ['vip', 'k3', 'half-dropped'],
    ]);
    expect(await db.query(`select to_regclass('k2.v') as k2, to_regclass('k3.v') as k3`)).toEqual([
      { k2: null, k3: null },
    ]);
    const kindsOf = (schemas: readonly { schema: string; findings: readonly { kind: string }[] }[]) =>
      schemas
        .filter(({ schema }) => schema === 'k3')
        .flatMap(({ findings }) => findings.map(({ kind }) => kind));
    expect(await plan(config)).toMatchObject({ ok: false });
    expect(new Set(kindsOf((await status(config)).schemas))).toEqual(new Set(['half-dropped']));
    expect(new Set((await verify(config)).findings.map(({ kind }) => kind))).toEqual(
      new Set(['half-dropped']),
    );
    expect(kindsOf(await listTenants(config))).toContain('half-dropped');
    for (const name of ['k2', 'k3'])
      expect(await dropTenant(config, { name, accept })).toMatchObject({
        state: 'dropped',
        halfDropped: true,
      });
  },
);

test(
  'an interrupted drop keeps out the first file of a kind, of a run that began before it',
  slow,
  async () => {
    const p = project(
      {
        url: db.url,
        historyTable: 'firsts',
        tenants: { list: ['f1', 'f2'] },
        scopes: [{ name: 'vip', tenants: { list: ['f1', 'f2'] } }],
      },
      { 'sql/tenant/1_many.sql': manyTables(200), 'sql/vip/.keep': '' },
    );
    const config = await p.config();
    expect(await up(config, { select: all })).toMatchObject({ ok: true });
    await db.query('create sequence public.firsts_gate');
    p.write({ 'sql/vip/1_v.sql': gatedFile('f1', 'firsts_gate') });
    const running = up(config, { select: all, canary: { names: ['f1'] } });
    await atGate('firsts_gate');
    await interruptDrop(config, 'f2');
    await db.query(`select setval('public.firsts_gate', 2)`);
    const ended = (await running).schemas.filter(({ scope }) => scope === 'vip');
    expect(ended.map(({ schema, state, error }) => [schema, error?.code ?? state])).toEqual([
      ['f1', 'applied'],
      ['f2', 'half-dropped'],
    ]);
    expect(await db.query(`select to_regclass('f2.v') as v`)).toEqual([{ v: null }]);
    expect(await dropTenant(config, { name: 'f2', accept })).toMatchObject({
      state: 'dropped',
      halfDropped: true,
    });
  },
);

test('a running fleet and a drop keep apart', async () => {
  const list = numbered('fleet', 4);
  const p = project(
    { url: db.url, historyTable: 'fleet', tenants: { query: 'select name from fleet_list order by 1' } },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  await db.query(`create table fleet_list as select unnest(array['${list.join("','")}']) as name`);
  const config = await p.config();
  await up(config, { select: all });
  const open = await closeGate(db);
  p.write({ 'sql/tenant/2_b.sql': waitAtGate() });
  const running = up({ ...(await p.config()), concurrency: 1 }, { select: all });
  while (
    (
      await db.query(
        `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      )
    ).length === 0
  )
    await delay(20);
  const [{ name: busy }] =
    (await db.query(`select n.nspname as name from pg_locks l join pg_namespace n on n.oid = l.objid
    where l.locktype = 'advisory' and l.objsubid = 2 and l.database = (select oid from pg_database where datname = current_database())`)) as [
      { name: string },
    ];
  const waiting = await dropTenant(config, { name: busy, accept, waitForLockMs: 200 });
  expect(waiting).toMatchObject({ state: 'failed', error: { code: 'lock-timeout' } });
  const other = list.find((name) => name !== busy) ?? '';
  await db.query(`delete from fleet_list where name = '${other}'`);
  expect(await dropTenant(config, { name: other, accept })).toMatchObject({
    state: 'dropped',
    listed: false,
  });
  await open();
  const result = await running;
  expect(result).toMatchObject({ ok: true, failed: 0 });
  expect(result.schemas.find(({ schema }) => schema === other)).toMatchObject({ state: 'skipped' });
  const release = await holdLock(db.url, lockObjectOf(busy));
  expect(await sqlmig(['tenant', 'drop', busy, '--yes', '--wait-for-lock', '200ms'], p.dir)).toMatchObject({
    code: 4,
  });
  await release();
});

test('an extension of the schema is dropped with its foreign-data wrapper, but not with a server', async () => {
  const p = project({ url: db.url, historyTable: 'wraps', tenants: { list: ['wraps'] } });
  await db.query('create schema wraps; create extension postgres_fdw schema wraps');
  await db.query('create server remote foreign data wrapper postgres_fdw');
  const drop = async () => dropTenant(await p.config(), { name: 'wraps', accept, withoutHistory: true });
  expect(await drop()).toMatchObject({
    state: 'failed',
    error: { message: 'objects of other schemas depend on "wraps": server remote' },
  });
  await db.query('drop server remote');
  expect(await drop()).toMatchObject({ state: 'dropped' });
});

test('exists and list', async () => {
  const p = project(
    { url: db.url, historyTable: 'seen', tenants: { list: ['seen_b', 'seen_a'] } },
    { 'sql/tenant/1_a.sql': '' },
  );
  await sqlmig(['up', '--tenants', 'seen_b'], p.dir);
  expect(await sqlmig(['tenant', 'create', 'seen_more', '--unlisted'], p.dir)).toMatchObject({ code: 0 });
  p.write({ 'sql/tenant/2_b.sql': '' });
  await db.query('create schema seen_bare');
  expect(await sqlmig(['tenant', 'exists', 'seen_b'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'seen_b  exists\n',
  });
  expect(await sqlmig(['tenant', 'exists', 'seen_a'], p.dir)).toMatchObject({
    code: 1,
    stdout: 'seen_a  does not exist\n',
  });
  expect(await sqlmig(['tenant', 'exists', 'pg_x'], p.dir)).toMatchObject({ code: 2 });
  const bare = await sqlmig(['tenant', 'exists', 'seen_bare', '--json'], p.dir);
  expect(JSON.parse(bare.stdout)).toEqual({
    ok: true,
    version: 1,
    database: db.name,
    schema: 'seen_bare',
    exists: true,
    managed: false,
  });
  expect(await sqlmig(['tenant', 'list'], p.dir)).toMatchObject({
    code: 0,
    stdout: `tenant     version        pending    listed by
seen_b     at 1           1 pending  list
seen_a     no schema yet  2 pending  list
seen_more  at 1           1 pending  nowhere
`,
  });
});
