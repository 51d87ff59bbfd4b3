import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import {
  acceptChecksums,
  createDatabases,
  createTenant,
  down,
  dropDatabases,
  dropTenant,
  killHolder,
  listTenants,
  locks,
  plan,
  type RunEvent,
  renameTenant,
  runs,
  settleMigration,
  status,
  tenantExists,
  type UpResult,
  up,
  verify,
} from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { closeGate, holdLock, lockObjectOf, waitAtGate } from './setup/gate.ts';
import { project } from './setup/project.ts';
import { unreliableProxy } from './setup/proxy.ts';

const all = { kind: 'all', except: [] } as const;
const states = ({ schemas }: UpResult) =>
  Object.fromEntries(schemas.map(({ database, schema, state }) => [`${schema}@${database}`, state]));

/** A project with the databases eu, ap and us; us is behind a proxy, and its tenant t2 waits at a gate. */
async function threeDatabases() {
  const [eu, ap, us] = await Promise.all([freshDatabase(), freshDatabase(), freshDatabase()]);
  const proxy = await unreliableProxy(us.url);
  const tenants = { list: ['t1', 't2', 'only_us'] };
  const p = project(
    {
      databases: [
        { name: 'eu', url: eu.url, tenants: { list: ['t1', 't2'] } },
        { name: 'ap', url: ap.url, tenants: { query: 'select name from customers order by 1' } },
        { name: 'us', url: proxy.url },
      ],
      tenants,
      concurrency: 1,
    },
    {
      'sql/public/1_customers.sql': `create table customers (name text); insert into customers values ('t1')`,
      'sql/tenant/1_a.sql': 'create table a ()',
    },
  );
  return { eu, ap, us, proxy, p };
}

test('several databases: one that goes down in the middle fails alone, and the next run completes it', async () => {
  const { eu, ap, us, proxy, p } = await threeDatabases();
  const config = await p.config();
  expect(config.otherDatabases.map(({ name }) => name)).toEqual(['ap', 'us']);
  proxy.refuse(true);
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void events.push(event);
  await expect(up(config, { select: all, requireAll: true })).rejects.toMatchObject({
    code: 'connection-failed',
    details: { database: 'us' },
  });
  expect(await eu.query(`select from pg_namespace where nspname = 't1'`)).toEqual([]);
  const first = await up(config, { select: all, onEvent });
  expect(first).toMatchObject({ ok: false, applied: 5, failed: 0, skipped: 0 });
  expect(first.databases).toMatchObject([
    { database: 'eu', ok: true },
    { database: 'ap', ok: true },
    { database: 'us', ok: false, error: { code: 'connection-failed', database: 'us' } },
  ]);
  const begun = events.filter(({ type }) => type === 'run-started');
  expect(begun).toMatchObject([{ runId: first.runId }, { runId: first.runId }]);
  expect(new Set(events.map(({ database }) => database))).toEqual(new Set(['eu', 'ap']));

  proxy.refuse(false);
  const [openEu, openAp, open] = await Promise.all([eu, ap, us].map(closeGate));
  await Promise.all([openEu?.(), openAp?.()]);
  p.write({ 'sql/tenant/2_b.sql': `create table b (); ${waitAtGate()}` });
  const running = up(config, { select: all });
  const waits = `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  await expect.poll(() => us.query(waits)).not.toEqual([]);
  proxy.refuse(true);
  const second = await running;
  expect(second.ok).toBe(false);
  expect(second.databases?.map(({ ok }) => ok)).toEqual([true, true, false]);
  expect(states(second)).toMatchObject({ 't1@eu': 'applied', 't2@eu': 'applied', 't1@ap': 'applied' });
  // The backend that waited does not know yet that its client is gone, and would commit.
  await us.query(
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`,
  );
  await open?.();
  proxy.refuse(false);
  const third = await up(config, { select: all });
  expect(third).toMatchObject({ ok: true, failed: 0, skipped: 0 });
  expect(states(third)).toMatchObject({ 't2@eu': 'up-to-date', 't2@us': 'applied', 'only_us@us': 'applied' });
  expect(second.failed + second.skipped).toBe(3);
  for (const schema of ['t1', 't2', 'only_us']) expect(await us.history(schema)).toEqual({ 1: 1, 2: 1 });
  expect(await ap.history('t1')).toEqual({ 1: 1, 2: 1 });
});

test('every command works in several databases, or in the one that has the tenant', async () => {
  const [eu, us] = await Promise.all([freshDatabase(), freshDatabase()]);
  const p = project(
    {
      databases: [
        { name: 'eu', url: eu.url, tenants: { list: ['t1', 't2', 'new'] } },
        { name: 'us', url: us.url, tenants: { list: ['t1', 't3'] } },
      ],
    },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/1_a.down.sql': 'drop table a',
    },
  );
  const config = await p.config();
  const names = (schemas: readonly { readonly database: string; readonly schema: string }[]) =>
    schemas.map(({ schema, database }) => `${schema}@${database}`);
  const select = { kind: 'tenants', names: ['t1', 't2'] } as const;

  // Names of tenants select databases, and are in one of them at least.
  expect(names((await plan(config, { select })).schemas)).toEqual([
    'public@eu',
    't1@eu',
    't2@eu',
    'public@us',
    't1@us',
  ]);
  const onlyUs = await up(config, { select: { kind: 'tenants', names: ['t3'] } });
  expect([names(onlyUs.schemas), onlyUs.databases?.length]).toEqual([['public@us', 't3@us'], 1]);
  await expect(up(config, { select: { kind: 'tenants', names: ['t1', 't4'] } })).rejects.toMatchObject({
    code: 'unknown-tenant',
    message: 'no tenant is called "t4"',
  });
  await expect(up(config, { select: all, canary: { names: ['t2'] } })).rejects.toMatchObject({
    code: 'bad-usage',
    message: 'no canary is a tenant of database us',
  });
  const except = await up(config, {
    select: { kind: 'all', except: ['t2', 'new'] },
    canary: { names: ['t1'] },
  });
  expect(except).toMatchObject({ ok: true, applied: 2 });

  expect(await createTenant(config, { name: 'new' })).toMatchObject({ database: 'eu', state: 'applied' });
  const ambiguous = { code: 'bad-usage', details: { hint: 'select one: --database eu' } };
  await expect(createTenant(config, { name: 't1' })).rejects.toMatchObject(ambiguous);
  await expect(createTenant(config, { name: 'nowhere' })).rejects.toMatchObject({ code: 'bad-usage' });
  expect(await tenantExists(config, { name: 't3' })).toMatchObject({ database: 'us', exists: true });
  expect(await tenantExists(config, { name: 'no' })).toMatchObject({ database: null, exists: false });
  await expect(renameTenant(config, { name: 'no', to: 'x' })).rejects.toMatchObject({
    code: 'schema-missing',
  });
  await expect(dropTenant(config, { name: 't1', accept: () => true })).rejects.toMatchObject(ambiguous);
  const dropped = await dropTenant(config, { name: 'new', accept: () => true });
  expect(dropped).toMatchObject({ database: 'eu', state: 'dropped' });
  expect(names(await listTenants(config))).toEqual(['t1@eu', 't2@eu', 'new@eu', 't1@us', 't3@us']);

  // One question is asked for all databases, and one answer counts.
  p.write({ 'sql/tenant/1_a.sql': 'create table a (); -- changed' });
  const found = (await verify(config)).findings;
  expect([found[0]?.kind, names(found as never)]).toEqual(['checksum-changed', ['t1@eu', 't1@us', 't3@us']]);
  const asked: string[][] = [];
  const accept = (changed: Parameters<typeof names>[0]) => asked.push(names(changed)) === 1;
  const repaired = await acceptChecksums(config, { select: all, accept });
  expect(names(repaired.schemas)).toEqual(['t1@eu', 't1@us', 't3@us']);
  expect(asked).toEqual([['t1@eu', 't1@us', 't3@us']]);

  const release = await holdLock(us.url, lockObjectOf('t3'), { name: 'sqlmig 00000000 t3 test' });
  const { holders } = await locks(config);
  expect(holders).toMatchObject([{ database: 'us', key: 't3', granted: true }]);
  const pid = holders[0]?.pid ?? 0;
  await expect(killHolder(config, { pid, confirm: () => false })).resolves.toMatchObject({ killed: false });
  await release();

  const logged = await runs(config);
  expect(logged).toMatchObject({ databases: [{ database: 'eu', ok: true }, { database: 'us' }] });
  expect(logged.runs.map(({ database }) => database)).toEqual(['eu', 'us', 'us']);
  expect(logged.runs.map(({ runId }) => runId)).toEqual([except.runId, except.runId, onlyUs.runId]);

  const plans: unknown[] = [];
  const undone = await down(config, {
    select: all,
    to: '0',
    accept: (shown) => plans.push(shown.databases?.map(({ database }) => database)) === 1,
  });
  expect(plans).toEqual([['eu', 'us']]);
  // Nothing to undo is nothing to decide.
  const again = await down(config, { select: all, to: '0', accept: () => plans.push('asked') > 0 });
  expect([again.ok, again.unchanged, plans]).toEqual([true, 7, [['eu', 'us']]]);
  expect(undone).toMatchObject({ ok: true, undone: 3, databases: [{ database: 'eu' }, { database: 'us' }] });
  expect(await status(config)).toMatchObject({ databases: [{ host: expect.any(String) }, {}] });
  await expect(settleMigration(config, { schema: 't3', version: '1' })).rejects.toMatchObject({
    code: 'nothing-to-settle',
  });
});

test('a warning names its database, unless it is about the files that all share', async () => {
  const [eu, us] = await Promise.all([freshDatabase(), freshDatabase()]);
  const p = project(
    {
      databases: [
        { name: 'eu', url: eu.url, tenants: { list: ['t1'] } },
        { name: 'us', url: us.url, tenants: { list: ['t1'] } },
      ],
    },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/1_a.down.sql': 'drop table a',
      'sql/tenant/R__v.sql': 'select 1',
      'sql/tenants/2_b.sql': 'create table b ()',
    },
  );
  const config = await p.config();
  await up(config, { select: all });
  const warnings: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') warnings.push(`${event.database}: ${event.message}`);
  };
  await down(config, { select: all, steps: 1, onEvent });
  expect(warnings.sort()).toEqual([
    'eu: repeatable migrations are not undone',
    expect.stringMatching(/^undefined: sql\/tenants has 1 file/),
    'us: repeatable migrations are not undone',
  ]);
});

test('databases are created and dropped once, whatever their names, and those in use stay', async () => {
  const db = await freshDatabase();
  const suffix = randomBytes(4).toString('hex');
  const name = `Ev"il;--'${suffix}`;
  const url = (database: string) =>
    Object.assign(new URL(db.url), { pathname: `/${encodeURIComponent(database)}` }).href;
  const nowhere = Object.assign(new URL(db.url), { port: '1' }).href;
  const list = [
    { name: 'new', url: url(name) },
    { name: 'old', url: db.url },
    { name: 'gone', url: nowhere },
  ];
  const p = project({ databases: list });
  const quoted = `"${name.replaceAll('"', '""')}"`;
  onTestFinished(async () => void (await db.query(`drop database if exists ${quoted}`)));
  const config = await p.config();
  const both = await Promise.all([createDatabases(config), createDatabases(config)]);
  const states = both.map(({ databases }) => databases.map(({ state }) => state));
  expect(states.sort()).toEqual([
    ['created', 'exists', 'failed'],
    ['exists', 'exists', 'failed'],
  ]);
  expect(both[0]).toMatchObject({
    ok: false,
    databases: [
      { name },
      { name: db.name },
      { name: null, error: { code: 'connection-failed', database: 'gone' } },
    ],
  });
  const two = project({ databases: list.slice(0, 2) });
  const asked: unknown[] = [];
  const drop = async (answer: boolean) =>
    dropDatabases(await two.config(), {
      accept: (databases) => {
        asked.push(databases.map((one) => one.name));
        return answer;
      },
    });
  expect(await drop(false)).toMatchObject({
    ok: false,
    databases: [{ state: 'unchanged' }, { state: 'unchanged' }],
  });
  // A database is not dropped from under its sessions.
  await db.query('select');
  expect(await drop(true)).toMatchObject({
    ok: false,
    databases: [
      { state: 'dropped', name },
      { state: 'failed', error: { code: 'server-refused', sqlstate: '55006', database: 'old' } },
    ],
  });
  expect(asked).toEqual([
    [name, db.name],
    [name, db.name],
  ]);
  const { code, stdout, stderr } = await sqlmig(['db', 'drop', '--database', 'new', '--yes'], two.dir);
  expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/ does not exist\n$/), '']);
  const own = project({ url: url('postgres') });
  await expect(createDatabases(await own.config())).rejects.toMatchObject({ code: 'bad-usage' });
});
