import { beforeAll, expect, test } from 'vitest';
import { runLogName } from '../src/history/run-log.ts';
import {
  down,
  type RunEvent,
  runs,
  status,
  type UpOptions,
  type UpResult,
  up,
  verify,
} from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const of = (result: UpResult, state: string) =>
  result.schemas
    .filter((outcome) => outcome.scope === 'tenant' && outcome.state === state)
    .map(({ schema }) => schema)
    .sort();

/** A fleet with a history of its own; every tenant has a table `users` with one row. */
async function fleet(name: string, tenants: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const p = project(
    { url: db.url, tenants: { list: tenants }, historyTable: `${name}_history` },
    { 'sql/tenant/1_users.sql': 'create table users as select 1 as id', ...files },
  );
  const config = await p.config();
  const events: RunEvent[] = [];
  const run = (options: Partial<UpOptions> = {}) =>
    up(config, { select: all, onEvent: (event) => void events.push(event), ...options });
  const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  return { p, config, run, warnings };
}

test('--canary-check lets the others start once it is true in every canary, and names the command that continues', async () => {
  const tenants = ['c,1', 'c2', ...numbered('c_rest', 3)];
  const { run, p } = await fleet('check', tenants, {
    'sql/tenant/2_more.sql': 'insert into users values (2)',
  });
  const canaryCheck = `select count(*) = 2 from users where current_schema() <> 'c2' or id > 0`;
  await db.query(`create schema c2; create table c2.users (id int)`);
  p.write({ 'sql/tenant/1_users.sql': 'create table if not exists users as select 1 as id' });
  const failed = await run({ canary: 2, canaryCheck });
  expect(of(failed, 'applied')).toEqual(['c,1', 'c2']);
  expect(of(failed, 'skipped')).toEqual(numbered('c_rest', 3));
  expect(failed).toMatchObject({
    ok: false,
    error: {
      code: 'canary-check-failed',
      schema: 'c2',
      message: 'the check of the canaries failed: it returned false in c2',
      state: 'migrated: c,1, c2; no other tenant was started',
    },
  });
  const [, hinted = ''] = failed.error?.hint?.split(': sqlmig ') ?? [];
  const words = [...hinted.matchAll(/'((?:[^']|'\\'')*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll(`'\\''`, `'`) ?? plain ?? '',
  );
  expect(words.slice(0, 4)).toEqual(['up', '--all', '--canary', 'c\\,1,c2']);
  const again = await run({ canary: { names: ['c,1', 'c2'] }, canaryCheck });
  expect(again).toMatchObject({ applied: 0, skipped: 3, error: { code: 'canary-check-failed' } });
  await db.query('insert into c2.users values (1)');
  expect(await sqlmig(words, p.dir)).toMatchObject({ code: 0 });
  expect((await run({ canary: { names: ['c2'] }, canaryCheck: 'select false' })).ok).toBe(true);
});

test.for([
  ['select true, true', 'it returned 2 columns, not one'],
  ['select 1', 'column ?column? is not boolean'],
  ['select true from users where false', 'it returned 0 rows, not one'],
  ['select null::boolean', 'it returned null'],
  ['select id > 0 from nowhere', 'relation "nowhere" does not exist'],
  ['with x as (delete from users returning 1) select true', 'in a read-only transaction'],
] as const)(
  '%s is not true, and fails a run even if there are no others',
  async ([canaryCheck, why], { task }) => {
    const tenant = `only_${task.id.replace(/\W/g, '_')}`;
    const { run } = await fleet('only', [tenant]);
    const result = await run({ canary: 1, canaryCheck });
    expect(result).toMatchObject({
      ok: false,
      applied: 1,
      failed: 0,
      error: { code: 'canary-check-failed' },
    });
    expect(result.error?.message).toContain(why);
  },
);

test.for([
  [{ canaryCheck: 'select true' }, 'canaryCheck requires option canary'],
  [{ canary: 1, canaryCheck: 'select' + ' tru e from' }, 'canaryCheck does not parse'],
  [{ canary: 1, canaryCheck: 'select true; select false' }, 'takes one statement, not 2'],
  [{ canary: 1, canaryCheck: 'delete from users' }, 'takes a query'],
  [{ select: { kind: 'public' }, onlyFailed: true }, 'onlyFailed requires a selection of all tenants'],
] as const)('%j is a usage error', async ([options, why]) => {
  const { run } = await fleet('usage', ['nobody']);
  await expect(run(options)).rejects.toMatchObject({
    code: 'bad-usage',
    message: expect.stringContaining(why),
  });
});

test('--only-failed continues with what failed or was skipped, as the run log has it', async () => {
  const tenants = numbered('f', 6);
  const { run, p, config } = await fleet('log', tenants);
  await expect(run({ onlyFailed: true })).rejects.toMatchObject({ code: 'no-run-log' });
  expect((await run()).ok).toBe(true);
  p.write({
    'sql/tenant/2_b.sql': `insert into users values (case current_schema() when 'f_2' then 1 / (select count(*) - 1 from users) else 2 end)`,
  });
  const first = await run({ canary: { names: ['f_1'] }, maxFailures: { count: 1 } });
  const left = [...of(first, 'failed'), ...of(first, 'skipped')];
  expect(of(first, 'failed')).toEqual(['f_2']);
  for (const { state, error } of first.schemas)
    if (state === 'skipped') expect(error?.hint).toMatch(/continue with: sqlmig up --only-failed$/);
  const [log] = (await runs(config, { limit: 1 })).runs;
  expect(log).toMatchObject({
    runId: first.runId,
    command: 'up',
    state: 'failed',
    outcome: { ok: false, failed: 1, failedSchemas: ['f_2'], skippedSchemas: of(first, 'skipped') },
  });
  expect(log?.outcome?.errors).toContainEqual({
    code: 'migration-failed',
    message: 'division by zero',
    count: 1,
  });
  const shown = await sqlmig(['runs'], p.dir);
  expect(shown.stdout).toMatch(/^run +command +started \(UTC\) +time +result +schemas +migrations +by$/m);
  expect(shown.stdout).toContain('failed in the last run (1 schema)\n  f_2\n');
  // A tenant that is no longer listed is left out, and so is one that is excepted.
  await db.query(
    `update public.log_history_runs set outcome = jsonb_set(outcome::jsonb, '{failedSchemas,1}', '"gone"') where run_id = '${first.runId}'`,
  );
  await db.query('insert into f_2.users values (3)');
  const second = await run({ onlyFailed: true, select: { kind: 'all', except: ['f_6'] } });
  expect(of(second, 'applied')).toEqual(left.filter((name) => name !== 'f_6').sort());
  expect(second.schemas.every(({ schema }) => schema === 'public' || left.includes(schema))).toBe(true);
  expect(of(await run({ onlyFailed: true }), 'applied')).toEqual([]);
  expect(await sqlmig(['up', '--only-failed', '--dry-run'], p.dir)).toMatchObject({ code: 2 });
});

test('the log keeps the newest runs, none that had nothing to do, and shows killed ones as unfinished', async () => {
  const { run, p, config } = await fleet('kept', ['kept_1']);
  expect((await runs(config)).runs).toEqual([]);
  await run();
  await run();
  await run({ rehearse: true });
  p.write({ 'sql/tenant/1_users.down.sql': 'drop table users' });
  const list = async () =>
    (await runs(await p.config())).runs.map(({ command, state }) => `${command} ${state}`);
  expect(await list()).toEqual(['up succeeded']);
  await down(await p.config(), { select: all, steps: 1 });
  expect(await list()).toEqual(['down succeeded', 'up succeeded']);
  await db.query(`insert into kept_history_runs (run_id, command, applied_by)
    select 'killed' || n, 'up', 'someone' from generate_series(1, 60) n`);
  expect(await list()).toContain('up unfinished');
  await expect(run({ onlyFailed: true })).rejects.toMatchObject({
    code: 'no-run-log',
    message: expect.stringMatching(/the last run \(killed60, begun .*Z\) is unfinished/),
  });
  await run();
  expect(await list()).toHaveLength(50);
  expect((await list())[0]).toBe('up succeeded');
});

test('nothing else sees the log: verify, status, and a publication of all tables', async () => {
  const own = await freshDatabase();
  const p = project(
    { url: own.url, tenants: { list: ['seen'] } },
    { 'sql/tenant/1_t.sql': 'create table t (id int)' },
  );
  await own.query('create publication everything for all tables');
  const config = await p.config();
  await up(config, { select: all });
  expect((await status(config)).schemas[0]).not.toHaveProperty('unmanaged');
  expect(await verify(config, { structure: 'files' })).toMatchObject({ ok: true, findings: [] });
  expect((await runs(config)).runs).toHaveLength(1);
});

test('a role that may not create the log runs as before, and hears of it only if something is left', async () => {
  const own = await freshDatabase();
  const name = new URL(own.url).pathname.slice(1);
  const role = `no_log_${process.pid}`;
  await own.query(`create role ${role} login password 'x'; grant create on database "${decodeURIComponent(name)}" to ${role};
    revoke create on schema public from public`);
  const url = new URL(own.url);
  [url.username, url.password] = [role, 'x'];
  const p = project(
    { url: url.href, tenants: { list: ['r_1', 'r_2'] } },
    { 'sql/tenant/1_t.sql': 'create table t (id int)' },
  );
  const warnings: string[] = [];
  const onEvent = (event: RunEvent) => void (event.type === 'warning' && warnings.push(event.message));
  const config = await p.config();
  expect(await up(config, { select: all, onEvent })).toMatchObject({ ok: true, applied: 2 });
  expect(warnings).toEqual([]);
  p.write({ 'sql/tenant/2_b.sql': 'select 1 / 0' });
  await up(config, { select: all, onEvent });
  expect(warnings).toEqual(['the run is not in the run log: permission denied for schema public']);
  expect((await runs(config)).runs).toEqual([]);
  await own.query(`drop schema r_1, r_2 cascade; drop owned by ${role}; drop role ${role}`);
});

test('the name of the log is that of the history, within what PostgreSQL keeps', async () => {
  expect(runLogName('schema_migrations')).toBe('schema_migrations_runs');
  const long = runLogName('ä'.repeat(31));
  expect([Buffer.byteLength(long), long]).toEqual([63, `${'ä'.repeat(29)}_runs`]);
});
