import { beforeEach, expect, test } from 'vitest';
import { canaryOf } from '../src/cli/stop-options.ts';
import { type UpOptions, type UpResult, up } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const of = (result: UpResult, state: string) =>
  result.schemas
    .filter((outcome) => outcome.scope === 'tenant' && outcome.state === state)
    .map((outcome) => outcome.schema)
    .sort();

/** Tenants of which some fail at the second file; all have the first already. */
async function fleet(tenants: readonly string[], bad: readonly string[]) {
  const p = project(
    { url: db.url, tenants: { list: tenants } },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  const config = await p.config();
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  const list = bad.map((name) => `'${name}'`).join(', ');
  p.write({
    'sql/tenant/2_b.sql': `create table b (n int check (n > 0)); insert into b select case when current_schema() in (${list}) then 0 else 1 end`,
  });
  const run = (options: Partial<UpOptions>) => up(config, { select: all, ...options });
  return { p, run };
}

test('all three canaries fail: nothing after them starts, whatever the limit of failures', async () => {
  const tenants = numbered('t', 60);
  const { p } = await fleet(tenants, tenants.slice(0, 3));
  const { code, stdout, stderr } = await sqlmig(
    ['up', '--all', '--canary', '3', '--max-failures', '10%', '--json'],
    p.dir,
  );
  const result = JSON.parse(stdout) as UpResult;
  expect({ code, ...result, schemas: [] }).toMatchObject({ code: 1, ok: false, applied: 0 });
  expect(result.failed).toBeGreaterThan(0);
  expect(result.failed + result.skipped).toBe(60);
  const last = result.schemas.at(-1);
  expect(last).toMatchObject({ state: 'skipped', error: { code: 'stopped' } });
  for (const name of of(result, 'failed')) expect(last?.error?.message).toContain(name);
  expect(last?.error?.message).toMatch(/^not started: canar(y|ies) .* failed$/);
  expect(stderr).toContain('error[stopped]');
});

test('a canary that may fail does not stop the run, one more does', async () => {
  const tenants = numbered('t', 12);
  const { run } = await fleet(tenants, ['t_1', 't_2']);
  const stopped = await run({ canary: 2, canaryTolerate: 1, maxFailures: { percent: 100 } });
  expect(of(stopped, 'applied')).toEqual([]);
  const on = await run({ canary: { names: ['t_1', 't_3'] }, canaryTolerate: 1, maxFailures: { count: 3 } });
  expect(of(on, 'failed')).toEqual(['t_1', 't_2']);
  expect(of(on, 'applied')).toHaveLength(10);
});

test('canaries by name and by percentage; those that are up to date are done', async () => {
  const tenants = numbered('t', 20);
  const { run } = await fleet(tenants, ['t_7']);
  const named = await run({ canary: { names: ['t_9', 't_7'] } });
  expect(of(named, 'failed')).toEqual(['t_7']);
  expect(of(named, 'skipped')).toEqual(expect.arrayContaining(['t_1', 't_20']));
  expect(named.schemas.at(-1)?.error?.message).toBe('not started: canary t_7 failed');
  // A share of those with work: t_7 is the first of them once the six before it are done.
  const six = await run({ select: { kind: 'tenants', names: tenants.slice(0, 6) }, canary: { percent: 5 } });
  expect(of(six, 'applied')).toHaveLength(6);
  expect(of(await run({ canary: { percent: 5 } }), 'applied')).toEqual([]);
  const rest = await run({ canary: { names: ['t_1'] }, maxFailures: { count: 2 } });
  expect(of(rest, 'failed')).toEqual(['t_7']);
  expect(of(rest, 'skipped')).toEqual([]);
});

test('a named canary that is refused closes the gate; by number the next one is taken', async () => {
  const { run } = await fleet(['t_1', 't_2', 't_3'], ['nobody']);
  await db.query(`update t_1.schema_migrations set checksum = 'other'`);
  const refused = await run({ canary: { names: ['t_1'] } });
  expect(of(refused, 'failed')).toEqual(['t_1']);
  expect(of(refused, 'skipped')).toEqual(['t_2', 't_3']);
  const next = await run({ canary: 1 });
  expect(of(next, 'applied')).toEqual(['t_2', 't_3']);
  expect(next.ok).toBe(false);
});

test('a canary that no selected tenant is called is exit 2 before anything', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['a', 'b'] } },
    { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  for (const flags of [
    ['--all', '--canary', 'a,x'],
    ['--tenants', 'a', '--canary', 'b'],
  ]) {
    const { code, stderr } = await sqlmig(['up', ...flags], p.dir);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('unknown-tenant') });
  }
  expect(await db.query(`select to_regclass('public.p') as p`)).toEqual([{ p: null }]);
});

test('a canary that turns out not to be listed once public is applied stops the run before any tenant', async () => {
  const p = project(
    { url: db.url, tenants: { query: 'select name from customers' } },
    {
      'sql/public/1_c.sql': `create table customers (name text); insert into customers values ('acme')`,
      'sql/tenant/1_a.sql': 'create table a ()',
    },
  );
  const { code, stdout } = await sqlmig(['up', '--all', '--canary', 'acmee', '--json'], p.dir);
  expect({ code, ...(JSON.parse(stdout) as UpResult) }).toMatchObject({
    code: 2,
    schemas: [{ schema: 'public', state: 'applied' }],
    error: { code: 'unknown-tenant', state: 'no tenant was touched' },
  });
  expect(await sqlmig(['up', '--all', '--canary', 'acme'], p.dir)).toMatchObject({ code: 0 });
});

test.for([
  [['--all', '--canary-tolerate', '1'], '--canary-tolerate requires --canary'],
  [['--public', '--canary', '1'], '--canary requires a selection of tenants'],
  [['--all', '--canary', '0'], '--canary takes'],
  [['--all', '--canary', 'a', '--canary-tolerate', '1.5'], '--canary-tolerate takes'],
] as const)('%j is a usage error', async ([flags, why]) => {
  const { code, stderr } = await sqlmig(['up', ...flags], project({ url: db.url }).dir);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
});

test('sign-ups during a run are migrated while its limit is not reached', async () => {
  const tenants = numbered('t', 20);
  const p = project(
    { url: db.url, tenants: { query: 'select name from customers order by 1' } },
    {
      'sql/public/1_c.sql': `create table customers (name text primary key); insert into customers values ${tenants.map((name) => `('${name}')`).join(', ')}`,
      // One of twenty fails; three sign up meanwhile, which is no reason to skip them.
      'sql/tenant/1_a.sql': `create table a (n int check (n > 0));
        insert into a select case current_schema() when 't_4' then 0 else 1 end;
        insert into public.customers values ('new_1'), ('new_2'), ('new_3') on conflict do nothing`,
    },
  );
  const result = await up(await p.config(), { select: all, maxFailures: { percent: 10 } });
  expect(of(result, 'failed')).toEqual(['t_4']);
  expect(of(result, 'skipped')).toEqual([]);
  expect(of(result, 'applied')).toEqual(expect.arrayContaining(['new_1', 'new_2', 'new_3']));
});

test.for([
  ['3', 3],
  ['10%', { percent: 10 }],
  ['acme,globex', { names: ['acme', 'globex'] }],
  ['42,', { names: ['42'] }],
  ['4,2', { names: ['4', '2'] }],
  ['1st', { names: ['1st'] }],
] as const)('--canary %s is %j', ([text, canary]) => {
  expect(canaryOf(text)).toEqual(canary);
});

test.for(['0', '0%', '101%', ','])('--canary %s is a usage error', (text) => {
  expect(() => canaryOf(text)).toThrow('--canary takes');
});
