import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import {
  adopt,
  adoptBaseline,
  adoptHistory,
  adoptPublic,
  checkFiles,
  cloneTenant,
  createMigration,
  createTenant,
  createTestTenant,
  type DownResult,
  down,
  dropTenant,
  listTenants,
  plan,
  planDown,
  type RunEvent,
  renameTenant,
  runs,
  settleMigration,
  status,
  tenantExists,
  type UpOptions,
  type UpResult,
  up,
  verify,
} from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
let open: (step?: number) => Promise<void>;
beforeAll(async () => {
  db = await freshDatabase();
  open = await closeGate(db);
});

const all = { kind: 'all', except: [] } as const;

/** A fleet with a history name of its own: `tenants` for the files of all, and a list for each kind. */
async function fleet(
  name: string,
  {
    tenants,
    ...kinds
  }: { readonly tenants?: readonly string[] } & Readonly<Record<string, readonly string[] | undefined>>,
  files: Readonly<Record<string, string>>,
) {
  const p = project(
    {
      url: db.url,
      historyTable: name,
      ...(tenants && { tenants: { list: tenants } }),
      scopes: Object.entries(kinds).map(([scope, list]) => ({ name: scope, tenants: { list: list ?? [] } })),
    },
    files,
  );
  const config = await p.config();
  const events: RunEvent[] = [];
  const run = (options: Partial<UpOptions> = {}) =>
    up(config, { select: all, onEvent: (event) => void events.push(event), ...options });
  return { p, config, run, events };
}

/** Leaves what an interrupted drop leaves in a history. */
const halfDropped = (history: string) =>
  `insert into ${history} (name, checksum, applied_by, run_id, state, scope, statements, at_statement, done_statements)
    values ('sqlmig/tenant-drop', '', '', '', 'incomplete', 'tenant', 1, 1, 0)`;

const states = ({ schemas }: Pick<UpResult, 'schemas'> | Pick<DownResult, 'schemas'>) =>
  schemas.map(
    ({ scope, schema, state, error }) => `${scope} ${schema} ${state}${error ? ` ${error.code}` : ''}`,
  );

test('files of a kind run after those of all tenants, with a history of their own, in the order of the config', async () => {
  const { p, config, run, events } = await fleet(
    'basic',
    { tenants: ['b1', 'b2'], vip: ['b2'], enterprise: ['b2'] },
    {
      'sql/public/1_plans.sql': 'create table basic_plans (id int)',
      'sql/tenant/7_users.sql': 'create table users (id int)',
      'sql/enterprise/1_sso.sql': 'alter table users add sso int; create table vip_seen as select * from vip',
      'sql/vip/2_vip.sql': 'create table vip as select count(*) as n from users',
    },
  );
  const before = await status(config);
  expect(before.schemas.map(({ scope, schema, pending }) => [scope, schema, pending])).toEqual([
    ['public', 'public', 1],
    ['tenant', 'b1', 1],
    ['tenant', 'b2', 1],
    ['vip', 'b2', 1],
    ['enterprise', 'b2', 1],
  ]);
  const first = await run();
  expect(states(first)).toEqual([
    'public public applied',
    'tenant b1 applied',
    'tenant b2 applied',
    'vip b2 applied',
    'enterprise b2 applied',
  ]);
  expect(first).toMatchObject({ ok: true, applied: 5, failed: 0, skipped: 0, unconfirmed: 0 });
  expect(events.flatMap((event) => (event.type === 'phase-started' ? [event.scope] : []))).toEqual([
    'public',
    'tenant',
    'vip',
    'enterprise',
  ]);
  expect(events.filter(({ type }) => type === 'run-started' || type === 'run-finished')).toHaveLength(2);
  expect(await db.query('select version::int, scope from b2.basic_enterprise')).toEqual([
    { version: 1, scope: 'tenant' },
  ]);
  expect(await db.query(`select to_regclass('b1.basic_vip') as t`)).toEqual([{ t: null }]);
  expect(states(await run())).toEqual([
    'public public up-to-date',
    'tenant b1 up-to-date',
    'tenant b2 up-to-date',
    'vip b2 up-to-date',
    'enterprise b2 up-to-date',
  ]);
  const [logged, ...others] = (await runs(config)).runs;
  expect(others).toEqual([]);
  expect(logged?.outcome).toMatchObject({ ok: true, changed: 5 });
  expect(await status(config)).toMatchObject({ ok: true });
  expect(await verify(config)).toMatchObject({ ok: true });
  // A tenant that becomes one of the kind later gets its files although their versions are lower.
  p.write({
    'sqlmig.config.json': JSON.stringify({
      url: db.url,
      historyTable: 'basic',
      tenants: { list: ['b1', 'b2'] },
      scopes: [
        { name: 'vip', tenants: { list: ['b1'] } },
        { name: 'enterprise', tenants: { list: [] } },
      ],
    }),
  });
  const later = await p.config();
  expect(states(await up(later, { select: all }))).toContain('vip b1 applied');
  const found = await verify(later);
  expect(found.findings.map(({ kind, scope, schema, message }) => [kind, scope, schema, message])).toEqual([
    [
      'unlisted',
      'vip',
      'b2',
      'it has migrations of scope vip, which does not list it, so no run migrates these',
    ],
    [
      'unlisted',
      'enterprise',
      'b2',
      'it has migrations of scope enterprise, which does not list it, so no run migrates these',
    ],
  ]);
  expect(await listTenants(later)).toMatchObject([
    { schema: 'b1', scopes: ['vip'], listedBy: 'list', pending: 0, findings: [] },
    { schema: 'b2', scopes: ['vip', 'enterprise'], findings: [{ scope: 'vip' }, { scope: 'enterprise' }] },
  ]);
});

test('disjoint kinds need no files for all tenants, and a tenant that only a kind lists is created', async () => {
  const { p, config, run, events } = await fleet(
    'disjoint',
    { shop: ['d_s1', 'd_s2'], depot: ['d_d1'] },
    { 'sql/shop/1_a.sql': 'create table a ()', 'sql/depot/1_b.sql': 'create table b ()' },
  );
  p.write({ 'sql/tenant/1_c.sql': 'create table c ()' });
  await plan(config, { onEvent: (event) => void events.push(event) });
  expect(events).toContainEqual({
    type: 'warning',
    message:
      'd_s1, d_s2, d_d1 do not get the files of sql/tenant, because only scopes list them: set "tenants" in the config',
  });
  rmSync(`${p.dir}/sql/tenant`, { recursive: true });
  expect(
    states(
      await plan(config).then(
        ({ schemas }) => ({ schemas: schemas.map((s) => ({ ...s, state: 'planned' })) }) as never,
      ),
    ),
  ).toHaveLength(4);
  expect(states(await run())).toEqual([
    'public public up-to-date',
    'shop d_s1 applied',
    'shop d_s2 applied',
    'depot d_d1 applied',
  ]);
  expect(
    await db.query(`select count(*)::int as n from pg_class where relname = 'disjoint' and relkind = 'r'`),
  ).toEqual([{ n: 0 }]);
  expect(states(await run({ select: { kind: 'tenants', names: ['d_d1'] } }))).toEqual([
    'public public up-to-date',
    'depot d_d1 up-to-date',
  ]);
  await expect(run({ select: { kind: 'tenants', names: ['d_d'] } })).rejects.toMatchObject({
    code: 'unknown-tenant',
  });
  await expect(createTenant(config, { name: 'd_x' })).rejects.toMatchObject({ code: 'unlisted-tenant' });
  const created = await createMigration(config, { scope: 'shop', name: 'more' });
  expect(created).toMatchObject({
    scope: 'shop',
    version: '2',
    file: expect.stringMatching(/sql\/shop\/2_more\.sql$/),
  });
  await expect(createMigration(config, { scope: 'shops', name: 'x' })).rejects.toThrow(
    'the config has no scope "shops"',
  );
  await expect(createTenant(config, { name: 'd_x', scopes: ['tenant'] })).rejects.toMatchObject({
    details: { message: 'scope tenant is not a kind of tenants', hint: 'the kinds are shop, depot' },
  });
  expect(await checkFiles(config)).toMatchObject({ files: 3 });
});

test('where files of all tenants failed, those of a kind do not run, and --only-failed continues', async () => {
  await db.query('create table ok (id int)');
  const { run } = await fleet(
    'behind',
    { tenants: ['f1', 'f2', 'f3'], vip: ['f1', 'f2'], gold: ['f1', 'f2', 'f3'] },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': `select 1 / (current_schema() <> 'f1' or exists (select from public.ok))::int`,
      'sql/vip/1_v.sql': `select 1 / (current_schema() <> 'f2' or exists (select from public.ok))::int`,
      'sql/gold/1_g.sql': 'create table g ()',
    },
  );
  const result = await run({ maxFailures: { count: 3 } });
  expect(states(result).filter((state) => !state.startsWith('public'))).toEqual([
    'tenant f1 failed migration-failed',
    'tenant f2 applied',
    'tenant f3 applied',
    'vip f2 failed migration-failed',
    'vip f1 skipped tenant-failed',
    'gold f3 applied',
    'gold f1 skipped tenant-failed',
    'gold f2 skipped tenant-failed',
  ]);
  expect(result).toMatchObject({ ok: false, failed: 2, skipped: 3 });
  expect(result.schemas.find(({ schema, scope }) => schema === 'f2' && scope === 'vip')?.error?.state).toBe(
    'rolled back; no file of the scope is applied to f2',
  );
  // As many failures as stop a run stop it across scopes.
  const stopped = await run();
  expect(states(stopped)).toContain('vip f2 skipped stopped');
  await db.query('insert into ok values (1)');
  const fixed = await run({ onlyFailed: true });
  expect(fixed).toMatchObject({ ok: true });
  expect(states(fixed)).toContain('gold f2 applied');
});

test('tenants of a kind are created with its files, renamed and dropped whole', async () => {
  const { config, run } = await fleet(
    'life',
    { tenants: ['l1', 'l2', 'l3', 'l4'], vip: ['l2', 'l3'] },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/vip/1_v.sql': 'create table v as select * from a' },
  );
  const created = await createTenant(config, { name: 'l2' });
  expect(created).toMatchObject({
    scope: 'tenant',
    state: 'applied',
    migrations: [{ name: 'a' }, { name: 'v' }],
    kinds: [{ scope: 'vip', state: 'applied' }],
  });
  expect(await createTenant(config, { name: 'l1' })).toMatchObject({ kinds: [] });
  await expect(createTenant(config, { name: 'l2' })).rejects.toMatchObject({ code: 'tenant-exists' });
  await expect(createTenant(config, { name: 'l4', scopes: ['vip'] })).rejects.toMatchObject({
    code: 'unlisted-tenant',
    message: 'the list in "tenants" of scope vip does not list "l4"',
  });
  await expect(createTenant(config, { name: 'l4', scopes: ['vp'] })).rejects.toMatchObject({
    details: { hint: 'did you mean vip?' },
  });
  expect(await createTenant(config, { name: 'l4', scopes: ['vip'], unlisted: true })).toMatchObject({
    kinds: [{ scope: 'vip', state: 'applied' }],
  });
  // Nothing but the files of the kind, without which table a is found in other tenants only.
  const { error } = await createTenant(config, { name: 'l9', scopes: ['vip'], unlisted: true });
  expect(error).toMatchObject({ sqlstate: '42P01', hint: expect.not.stringContaining('searchPath') });
  await createTenant(config, { name: 'l6', unlisted: true });
  const again = { name: 'l1', scopes: ['vip'], unlisted: true, ifNotExists: true };
  expect(await createTenant(config, again)).toMatchObject({ state: 'applied', migrations: [{ name: 'v' }] });
  expect(await cloneTenant(config, { name: 'l6', to: 'l5', unlisted: true })).toMatchObject({
    state: 'cloned',
  });
  const renamed = await renameTenant(config, { name: 'l2', to: 'l3' });
  expect(renamed).toMatchObject({ state: 'renamed', listsOld: true, listsNew: true, lackingIn: [] });
  await renameTenant(config, { name: 'l3', to: 'l7', unlisted: true });
  expect(await renameTenant(config, { name: 'l7', to: 'l1b' })).toMatchObject({
    listsNew: false,
    lackingIn: ['tenant', 'vip'],
  });
  await renameTenant(config, { name: 'l1b', to: 'l3' });
  expect(await tenantExists(config, { name: 'l3' })).toMatchObject({ exists: true, managed: true });
  // The mark is in the history of the files of all tenants, which this tenant does not get.
  await db.query(
    `create schema l8; create table l8.life (like l3.life including all); ${halfDropped('l8.life')}`,
  );
  await expect(
    createTenant(config, { name: 'l8', scopes: ['vip'], unlisted: true, ifNotExists: true }),
  ).rejects.toMatchObject({ code: 'half-dropped' });
  await db.query('drop schema l8 cascade');
  const dropped = await dropTenant(config, { name: 'l4', accept: ({ tables }) => tables === 2 });
  expect(dropped).toMatchObject({ state: 'dropped', listed: true });
  // A drop that was interrupted is finished before any file runs, of whatever kind.
  await db.query(`${halfDropped('l3.life')}; create schema l2; create table l2.t ()`);
  const after = await run({ maxFailures: { count: 9 } });
  expect(states(after).filter((state) => /l3/.test(state))).toEqual([
    'tenant l3 failed half-dropped',
    'vip l3 skipped tenant-failed',
  ]);
});

test('a tenant that only a kind lists is managed by its history, and by that alone', async () => {
  const { config } = await fleet(
    'only',
    { tenants: [], shop: ['o1', 'o2'] },
    { 'sql/shop/1_a.sql': 'create table a ()', 'sql/shop/1_a.down.sql': 'drop table a' },
  );
  expect(await createTenant(config, { name: 'o1' })).toMatchObject({
    scope: 'shop',
    kinds: [{ schema: 'o1', scope: 'shop', state: 'applied' }],
  });
  expect(await tenantExists(config, { name: 'o1' })).toMatchObject({ managed: true });
  await db.query('create schema o2; create table o2.b (); create table o1.only as table o1.only_shop');
  expect((await status(config)).schemas).toMatchObject([
    { scope: 'public' },
    {
      scope: 'tenant',
      schema: 'o1',
      findings: [
        {
          message:
            '"tenants" in the config does not list it, so no run applies the files of all tenants to it',
        },
      ],
    },
    { scope: 'shop', schema: 'o1', findings: [] },
    { scope: 'shop', schema: 'o2', unmanaged: true },
  ]);
  // What an interrupted drop has marked says more than that it is not listed.
  await db.query(halfDropped('o1.only'));
  expect((await status(config)).schemas).toMatchObject([
    { scope: 'public' },
    { scope: 'tenant', schema: 'o1', findings: [{ kind: 'half-dropped' }] },
    { scope: 'shop', schema: 'o1' },
    { scope: 'shop', schema: 'o2' },
  ]);
  expect((await verify(config)).findings).toMatchObject([{ kind: 'half-dropped', schema: 'o1' }]);
  await db.query(`update o1.only_shop set version = 7`);
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void events.push(event);
  const result = await up(config, { select: { kind: 'tenants', names: ['o1'] }, onEvent });
  expect(events).toContainEqual({
    type: 'warning',
    message: 'o1 has applied versions of scope shop above the newest file (1): a newer release has run here',
  });
  await db.query(`update o1.only_shop set version = 1`);
  expect(states(result)).toContain('shop o1 failed half-dropped');
  const undone = await down(config, { select: all, to: '0' });
  expect(undone.schemas.filter(({ schema }) => schema === 'o1')).toMatchObject([
    { scope: 'shop', state: 'failed', error: { code: 'half-dropped' } },
  ]);
  await using tenant = await createTestTenant(config, { scopes: ['shop'] });
  expect(await tenantExists(config, { name: tenant.name })).toMatchObject({ managed: true });
  expect(await dropTenant(config, { name: 'o1', accept: () => true })).toMatchObject({ state: 'dropped' });
});

test('the structure of a tenant is what the files of all its scopes build', async () => {
  const { config, run } = await fleet(
    'shape',
    { tenants: ['s1', 's2'], vip: ['s2'], shop: ['s3'] },
    {
      'sql/tenant/5_a.sql': 'create table a ()',
      'sql/tenant/R__view.sql': 'create or replace view w as select 1 as one',
      'sql/vip/1_v.sql': 'create table v as select * from w',
      'sql/shop/1_a.sql': 'create table a (id int)',
    },
  );
  expect(await run()).toMatchObject({ ok: true });
  await db.query('alter table s2.v add x int; alter table s3.a drop id');
  const found = await verify(config, { structure: 'files' });
  expect(
    found.findings.map((finding) => [finding.schema, finding.message, 'file' in finding && finding.file]),
  ).toEqual([
    ['s2', 'extra column v.x', false],
    ['s3', 'missing column a.id', expect.stringMatching('sql/shop/1_a.sql')],
  ]);
  expect(found.structure).toMatchObject({ compared: 3, notCompared: [{ schemas: ['public'] }] });
});

test('tenants are compared with those that have the same files of all kinds', async () => {
  const tenants = ['q1', 'q2', 'q3', 'q4', 'q5', 'q6'];
  const { config, run } = await fleet(
    'alike',
    { tenants, vip: tenants.slice(2), gold: ['q6'] },
    {
      'sql/tenant/5_a.sql': 'create table a ()',
      // A file of one kind may be that of another.
      'sql/vip/1_v.sql': 'create table if not exists v (id int)',
      'sql/gold/1_v.sql': 'create table if not exists v (id int)',
    },
  );
  expect(await run()).toMatchObject({ ok: true });
  expect(await verify(config, { structure: 'siblings' })).toMatchObject({ ok: true });
  await db.query('alter table q4.v add x int');
  const { findings, structure } = await verify(config, { structure: 'siblings' });
  expect(findings).toMatchObject([{ kind: 'drift', schemas: ['q4'], message: 'extra column v.x' }]);
  expect(structure?.siblings?.map(({ schemas }) => schemas)).toEqual([['q1', 'q2'], ['q3', 'q5'], ['q4']]);
  expect(structure?.notCompared).toContainEqual({
    schemas: ['q6'],
    why: 'no other tenant has the same migrations',
  });
});

test.for([
  ['vip', `update guard set checksum = 'x'`],
  ['vip', 'truncate guard'],
  ['vip', 'drop table guard'],
  [
    'vip',
    'create trigger q before insert on guard for each row execute function suppress_redundant_updates_trigger()',
  ],
  ['vip', `do $$ begin execute 'delete from gu' || 'ard'; end $$`],
  ['tenant', 'drop table if exists guard_vip'],
  ['tenant', '-- sqlmig: no-transaction\ntruncate guard_vip'],
  ['tenant', `do $$ begin execute 'delete from guard_' || 'vip'; end $$`],
] as const)('a file of scope %s must not change another history of its tenant: %s', async ([scope, sql]) => {
  await db.query('drop schema if exists guarded cascade; drop table if exists public.guard');
  const { p, run } = await fleet(
    'guard',
    { tenants: ['guarded'], vip: ['guarded'] },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/vip/1_v.sql': 'create table v ()' },
  );
  expect(await run()).toMatchObject({ ok: true });
  const rows =
    'select (select count(*)::int from guarded.guard) as own, (select count(*)::int from guarded.guard_vip) as vip';
  p.write({ [`sql/${scope}/2_x.sql`]: sql });
  const { schemas } = await run();
  const failed = schemas.find(({ state }) => state === 'failed');
  expect(failed).toMatchObject({ scope, error: { code: 'changes-history', file: `sql/${scope}/2_x.sql` } });
  expect(await db.query(rows)).toEqual([{ own: 1, vip: 1 }]);
});

/** A fleet of which a table keeps the tenants, whose column of plans only a pending file of public adds. */
async function registered(name: string) {
  const customers = `public.${name}_customers`;
  const p = project(
    {
      url: db.url,
      historyTable: name,
      tenants: {
        query: `select name from ${customers}`,
        register: `insert into ${customers} values ($1)`,
      },
      scopes: [
        { name: 'ent', tenants: { query: `select name from ${customers} where plan = 'ent'` } },
        { name: 'vip', tenants: { list: [`${name}_s`] } },
      ],
    },
    {
      'sql/public/1_customers.sql': `create table ${customers} (name text); insert into ${customers} values ('${name}_a'), ('${name}_s')`,
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/ent/.keep': '',
      'sql/vip/.keep': '',
    },
  );
  // Before the column is there, the tenants of ent are not known.
  await up(await p.config(), { select: { kind: 'public' } });
  p.write({
    'sql/public/2_plan.sql': `alter table ${customers} add plan text default 'ent'`,
    'sql/ent/1_e.sql': 'create table e ()',
    'sql/vip/1_v.sql': 'create table v ()',
  });
  return p.config();
}

const made = (name: string) =>
  db.query(`select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where starts_with(n.nspname, '${name}') and c.relname in ('e', 'v') order by 1, 2`);

test('a scope whose tenants are not known yet gets the selected ones, and no excluded one', async () => {
  const one = await registered('few');
  const unknown = 'scope ent: column "plan" does not exist';
  expect(await plan(one, { select: all })).toMatchObject({ tenantsUnknown: unknown });
  const events: RunEvent[] = [];
  await up(one, { select: all, rehearse: true, onEvent: (event) => void events.push(event) });
  expect(events).toContainEqual({
    type: 'warning',
    message: 'tenants of scope ent are not known until public is applied: column "plan" does not exist',
  });
  await up(one, { select: { kind: 'tenants', names: ['few_a'] } });
  expect(await made('few')).toEqual([{ schema: 'few_a', name: 'e' }]);
  const others = await registered('but');
  await up(others, { select: { kind: 'all', except: ['but_s'] } });
  expect(await made('but')).toEqual([{ schema: 'but_a', name: 'e' }]);
});

test('a new tenant that scopes list only once it is registered gets their files', async () => {
  const config = await registered('reg');
  await up(config, { select: all });
  const created = await createTenant(config, { name: 'reg_new' });
  expect(created).toMatchObject({ state: 'applied', kinds: [{ scope: 'ent' }] });
  expect(await made('reg_new')).toEqual([{ schema: 'reg_new', name: 'e' }]);
});

test('a file may drop what is named like its tenant, or by its tenant', async () => {
  const { run, p } = await fleet(
    'droptable',
    { tenants: ['demo'], vip: ['demo'] },
    {
      'sql/tenant/1_a.sql': 'create table demo (); create table old ()',
      'sql/vip/1_v.sql': 'create table v ()',
    },
  );
  p.write({ 'sql/tenant/2_drop.sql': 'drop table demo; drop table demo.old' });
  expect(await run()).toMatchObject({ ok: true });
});

test('a tenant that is dropped or undone before its kind is migrated is left alone', async () => {
  const { config, run, events } = await fleet(
    'late',
    { tenants: ['d1', 'd2', 'd3', 'd4'], gold: ['d2'], vip: ['d1', 'd3', 'd4'] },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/gold/1_g.sql': waitAtGate(),
      'sql/vip/1_v.sql': 'create table v ()',
    },
  );
  const running = run();
  await expect
    .poll(() => events.some((event) => event.type === 'phase-started' && event.scope === 'gold'))
    .toBe(true);
  await db.query(`drop schema d1 cascade; ${halfDropped('d3.late')}; delete from d4.late`);
  await open();
  expect(states(await running)).toEqual(
    expect.arrayContaining([
      'vip d1 failed schema-missing',
      'vip d3 failed half-dropped',
      'vip d4 skipped tenant-failed',
    ]),
  );
  expect(await db.query(`select to_regclass('d3.v') as d3, to_regclass('d4.v') as d4`)).toEqual([
    { d3: null, d4: null },
  ]);
  expect(await tenantExists(config, { name: 'd1' })).toMatchObject({ exists: false });
});

test('a scope under another name does not apply its files again, and one that was removed is reported', async () => {
  const file = { 'sql/vip/1_v.sql': 'create table v ()' };
  const { p, run } = await fleet('named', { tenants: ['n1', 'n2'], vip: ['n1', 'n2'] }, file);
  expect(await run()).toMatchObject({ ok: true });
  const gold = { 'sql/gold/1_v.sql': 'create table v ()', 'sql/gold/2_w.sql': 'create table w ()' };
  const renamed = await fleet('named', { tenants: ['n1', 'n2'], gold: ['n1', 'n2'] }, gold);
  const refused = await renamed.run({ maxFailures: { count: 3 } });
  expect(states(refused)).toContain('gold n1 failed history-missing');
  expect(states(refused)).toContain('gold n2 failed history-missing');
  await db.query('alter table n1.named_vip rename to named_gold');
  // Not a history: the config has another name for it.
  await db.query('create table n2.named_old as table n2.named_vip');
  expect(states(await renamed.run({ select: { kind: 'tenants', names: ['n1'] } }))).toContain(
    'gold n1 applied',
  );
  expect(renamed.events).toContainEqual({
    type: 'warning',
    message:
      'n2 has migrations of scope vip, which the config does not have; if the scope was renamed, rename its history tables too (docs/scopes.md)',
  });
  expect(await db.query('select count(*)::int as n from n1.named_gold')).toEqual([{ n: 2 }]);
  p.write({
    'sqlmig.config.json': JSON.stringify({ url: db.url, historyTable: 'named', tenants: { list: [] } }),
  });
  const warnings: string[] = [];
  const onEvent = (event: RunEvent) => void (event.type === 'warning' && warnings.push(event.message));
  await planDown(await p.config(), { select: all, steps: 1, onEvent });
  expect(warnings).toContain(
    'n2 has migrations of scope vip, which the config does not have, so these are not undone',
  );
  const { findings } = await verify(await p.config());
  expect(findings.map(({ kind, schema, scope }) => [kind, schema, scope])).toEqual([
    ['unlisted', 'n1', 'gold'],
    ['unlisted', 'n2', 'vip'],
  ]);
});

test('a new tenant of a kind that matches the pattern of all tenants gets their files first', async () => {
  const p = project(
    {
      url: db.url,
      historyTable: 'matched',
      tenants: { pattern: 'pt\\_%' },
      scopes: [{ name: 'vip', tenants: { list: ['pt_a', 'pt_b', 'other_a'] } }],
    },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/vip/1_v.sql': 'create table if not exists a (id int)' },
  );
  const config = await p.config();
  await db.query('create schema pt_b; create schema pt_c');
  expect(states(await up(config, { select: all }))).toEqual([
    'public public up-to-date',
    'tenant pt_b applied',
    'tenant pt_c applied',
    'tenant pt_a applied',
    'vip pt_a applied',
    'vip pt_b applied',
    'vip other_a applied',
  ]);
  expect(await up(config, { select: all })).toMatchObject({ ok: true, applied: 0 });
  expect(await verify(config, { structure: 'siblings' })).toMatchObject({ ok: true });
  expect(await db.query(`select to_regclass('other_a.matched')::text as history`)).toEqual([
    { history: null },
  ]);
});

test('down warns about files of a kind that no longer lists a tenant', async () => {
  const files = {
    'sql/tenant/1_a.sql': 'create table a ()',
    'sql/tenant/1_a.down.sql': 'drop table a',
    'sql/vip/1_v.sql': 'create table v ()',
    'sql/vip/1_v.down.sql': 'drop table v',
  };
  const before = await fleet('moved_on', { tenants: ['m1', 'm2', 'm3'], vip: ['m1', 'm2', 'm3'] }, files);
  expect(await before.run()).toMatchObject({ ok: true });
  const { config } = await fleet('moved_on', { tenants: ['m1', 'm2', 'm3'], vip: ['m1'] }, files);
  const warningsOf = async (select: Parameters<typeof planDown>[1]['select']) => {
    const warnings: string[] = [];
    const onEvent = (event: RunEvent) => void (event.type === 'warning' && warnings.push(event.message));
    await planDown(config, { select, steps: 1, onEvent });
    return warnings;
  };
  expect(await warningsOf(all)).toEqual([
    'm2, m3 have migrations of scope vip, which does not list them, so these are not undone',
  ]);
  expect(await warningsOf({ kind: 'tenants', names: ['m1', 'm3'] })).toEqual([
    'm3 has migrations of scope vip, which does not list it, so these are not undone',
  ]);
  expect(await warningsOf({ kind: 'tenants', names: ['m1'] })).toEqual([]);
});

test('down undoes the last kind first, and leaves what files of another kind may depend on', async () => {
  const undo = 'select 1 / (select count(*) from basis_ok)::int; drop view v';
  const { p, config, events } = await fleet(
    'undo',
    { tenants: ['u1', 'u2'], vip: ['u1'], gold: ['u1', 'u2'] },
    {
      'sql/public/1_ok.sql': 'create table basis_ok (id int)',
      'sql/public/1_ok.down.sql': 'drop table basis_ok',
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/tenant/1_a.down.sql': 'drop table a',
      'sql/vip/1_v.sql': 'create view v as select * from a',
      'sql/vip/1_v.down.sql': undo,
      'sql/gold/1_g.sql': 'create table g ()',
      'sql/gold/1_g.down.sql': 'drop table g',
      'sql/gold/2_h.sql': 'create table h ()',
      'sql/gold/2_h.down.sql': 'drop table h',
    },
  );
  expect(await up(config, { select: all })).toMatchObject({ ok: true });
  // An image that lacks a file undoes it in the scope that has it.
  rmSync(`${p.dir}/sql/gold/2_h.sql`);
  rmSync(`${p.dir}/sql/gold/2_h.down.sql`);
  await expect(down(config, { select: all, steps: 1 })).rejects.toMatchObject({
    code: 'down-missing',
    message: '2_h (gold, applied in u1 and 1 more) has no down file',
  });
  const rolledBack = await down(config, { select: all, toFiles: true });
  expect(states(rolledBack)).toEqual([
    'gold u1 undone',
    'gold u2 undone',
    'vip u1 unchanged',
    'tenant u1 unchanged',
    'tenant u2 unchanged',
    'public public unchanged',
  ]);
  const planned = await planDown(config, { select: all, to: '0' });
  expect(planned.schemas.map(({ scope, schema, migrations }) => [scope, schema, migrations.length])).toEqual([
    ['gold', 'u1', 1],
    ['gold', 'u2', 1],
    ['vip', 'u1', 1],
    ['tenant', 'u1', 1],
    ['tenant', 'u2', 1],
    ['public', 'public', 1],
  ]);
  const rehearsed = await down(config, {
    select: all,
    to: '0',
    rehearse: true,
    maxFailures: { count: 9 },
    onEvent: (event) => void events.push(event),
  });
  expect(states(rehearsed)).toEqual([
    'gold u1 undone',
    'gold u2 undone',
    'vip u1 skipped',
    'tenant u1 skipped',
    'tenant u2 skipped',
    'public public undone',
  ]);
  const why = 'files of other scopes are undone before it';
  expect(rehearsed).toMatchObject({ ok: true, skipped: 3 });
  expect(rehearsed.unrehearsed).toEqual([
    { scope: 'tenant', file: 'sql/tenant/1_a.down.sql', schemas: 2, why },
    { scope: 'vip', file: 'sql/vip/1_v.down.sql', schemas: 1, why },
  ]);
  expect(events).toContainEqual({
    type: 'warning',
    message:
      'files of scope tenant are not rehearsed in 2 tenants, where files of other scopes are undone before them',
  });
  const failed = await down(config, { select: all, to: '0', maxFailures: { count: 9 } });
  expect(states(failed)).toEqual([
    'gold u1 undone',
    'gold u2 undone',
    'vip u1 failed migration-failed',
    'tenant u1 skipped tenant-failed',
    'tenant u2 undone',
    'public public skipped tenants-failed',
  ]);
  await db.query('insert into basis_ok values (1)');
  const undone = await down(config, { select: { kind: 'tenants', names: ['u1'] }, to: '0' });
  expect(states(undone)).toEqual(['gold u1 unchanged', 'vip u1 undone', 'tenant u1 undone']);
  expect(await down(config, { select: all, to: '0' })).toMatchObject({ ok: true, undone: 1 });
  expect(
    await db.query(
      `select count(*)::int as n from pg_class where relname in ('a', 'v', 'g', 'h') and relnamespace::regnamespace::text in ('u1', 'u2')`,
    ),
  ).toEqual([{ n: 0 }]);
  expect((await runs(config)).runs[0]).toMatchObject({ command: 'down', outcome: { ok: true, changed: 1 } });
});

test('a run that dies while it migrates a kind loses nothing, applies nothing twice and leaves no lock', async () => {
  const tenants = ['k1', 'k2', 'k3', 'k4'];
  const waitsInK3 = (step: number) =>
    `do $$ begin if current_schema() = 'k3' then ${waitAtGate(step).replace(/^do \$\$ begin | end \$\$;$/g, '')} end if; end $$`;
  const { p, run } = await fleet(
    'killed',
    { tenants, vip: tenants },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/vip/1_v.sql': `create table v (); ${waitsInK3(3)}`,
    },
  );
  const waiting = `select pid from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  const killed = start(['up', '--all'], p.dir);
  await expect.poll(() => db.query(waiting)).toHaveLength(1);
  killed.process.kill('SIGKILL');
  await killed.ended;
  const next = run();
  await open(3);
  expect(await next).toMatchObject({ ok: true });
  p.write({ 'sql/vip/2_w.sql': `create table w (); ${waitsInK3(4)}` });
  const disturbed = run();
  await expect.poll(() => db.query(waiting)).toHaveLength(1);
  await db.query(`select pg_terminate_backend(pid) from (${waiting}) s`);
  await open(4);
  expect(await disturbed).toMatchObject({ ok: true, failed: 0 });
  for (const tenant of tenants)
    expect(
      await db.query(
        `select (select array_agg(version::int order by version) from ${tenant}.killed) as own, (select array_agg(version::int order by version) from ${tenant}.killed_vip) as vip, to_regclass('${tenant}.v') is not null and to_regclass('${tenant}.w') is not null as built`,
      ),
    ).toEqual([{ own: '{1}', vip: '{1,2}', built: true }]);
  await expect.poll(() => db.leftovers()).toEqual([]);
});

test('a tenant is cloned with the files and histories of all its kinds, or not at all', async () => {
  const { p, config, run } = await fleet(
    'twin',
    { tenants: ['w1', 'w2', 'w3', 'w4'], vip: ['w1', 'w2', 'w3', 'w4', 'w5', 'w6'], gold: ['w1', 'w2'] },
    {
      'sql/public/1_p.sql': 'create table if not exists twin_plans (id int primary key)',
      'sql/tenant/1_a.sql': 'create table a (id int primary key)',
      'sql/vip/1_v.sql': 'create table v (id int, plan int references twin_plans)',
      'sql/vip/2_i.sql': 'create index concurrently v_id on v (id)',
      'sql/gold/1_g.sql': `create table g (id int); create function f() returns int language sql return 1; insert into g values (f())`,
    },
  );
  const wide = {
    ...config,
    scopes: config.scopes.map((scope) =>
      scope.name === 'gold' ? scope : { ...scope, tenants: { kind: 'list' as const, list: ['w5'] } },
    ),
  };
  expect(await run({ select: { kind: 'tenants', names: ['w1', 'w5'] } })).toMatchObject({ ok: true });
  await db.query(
    'insert into w1.a values (1), (2); insert into w1.v values (7); insert into w1.g values (8)',
  );
  expect(await cloneTenant(config, { name: 'w1', to: 'w2', data: true })).toMatchObject({
    state: 'cloned',
    version: '1',
    tables: [
      { table: 'a', rows: 2 },
      { table: 'g', rows: 2 },
      { table: 'v', rows: 1 },
    ],
  });
  const history = (table: string) =>
    db.query(`select version::int, name, checksum, state, scope, statements from ${table} order by 1`);
  for (const table of ['twin', 'twin_vip', 'twin_gold'])
    expect(await history(`w2.${table}`)).toEqual(await history(`w1.${table}`));
  expect(await run({ select: { kind: 'tenants', names: ['w2'] } })).toMatchObject({ ok: true, applied: 0 });
  // A tenant that only a kind lists has no other history.
  expect(await cloneTenant(config, { name: 'w5', to: 'w6' })).toMatchObject({
    state: 'cloned',
    version: '2',
  });
  expect(
    await db.query(`select to_regclass('w6.twin') as base, to_regclass('w6.v_id') is not null as i`),
  ).toEqual([{ base: null, i: true }]);
  for (const given of [config, wide])
    await expect(cloneTenant(given, { name: 'w1', to: 'w3' })).rejects.toMatchObject({
      code: 'unlisted-tenant',
    });
  const clone = () => cloneTenant(config, { name: 'w1', to: 'w3', unlisted: true });
  await db.query('create index by_hand on w1.v (plan)');
  expect(await clone()).toMatchObject({
    state: 'failed',
    error: { code: 'not-reproducible', message: expect.stringContaining('by_hand') },
  });
  await db.query(`drop index w1.by_hand; update w1.twin_gold set checksum = 'x'`);
  await expect(clone()).rejects.toMatchObject({ code: 'not-reproducible' });
  const meddling = 'create table g (id int); delete from twin';
  p.write({ 'sql/gold/1_g.sql': meddling });
  const checksum = createHash('sha256').update(meddling).digest('hex');
  await db.query(`update w1.twin_gold set checksum = '${checksum}'`);
  expect(await clone()).toMatchObject({
    state: 'failed',
    error: { code: 'not-reproducible', message: expect.stringContaining('its history twin is not') },
  });
  expect(await db.query(`select to_regnamespace('w3') as schema`)).toEqual([{ schema: null }]);
});

test('the history of another tool is taken over for the files of all tenants, and those of a kind follow', async () => {
  const { url, query } = await freshDatabase();
  const old = (schema: string) => `create schema ${schema}; create table ${schema}.users (id int);
create table ${schema}.pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null); insert into ${schema}.pgmigrations (name, run_on) values ('1_users', now());`;
  await query(`${old('a1')} ${old('a2')} create table a2.vips (id int); create schema a3`);
  const files = {
    'sql/tenant/1_users.sql': 'create table users (id int)',
    'sql/vip/1_vips.sql': 'create table if not exists vips (id int)',
  };
  const settings = (list: readonly string[]) => ({
    url,
    tenants: { list },
    scopes: [{ name: 'vip', tenants: { list: ['a2', 'a3'] } }],
  });
  const p = project(settings(['a1', 'a2']), files);
  const config = await p.config();
  expect(await adopt(config)).toMatchObject({ ok: true, histories: [{ schema: 'a1' }, { schema: 'a2' }] });
  const adopted = await adoptHistory(config, { select: all, accept: () => true });
  expect(adopted.schemas).toMatchObject([
    { schema: 'a1', state: 'adopted' },
    { schema: 'a2', state: 'adopted' },
  ]);
  expect(states(await up(config, { select: all }))).toEqual([
    'public public up-to-date',
    'tenant a1 up-to-date',
    'tenant a2 up-to-date',
    'vip a2 applied',
    'vip a3 applied',
  ]);
  expect(await adopt(config)).toMatchObject({
    ok: true,
    histories: [{ takenOver: true }, { takenOver: true }],
  });

  // The history of the kind is no difference, and its table is one.
  await query('create table a3.users (id int)');
  p.write({ 'sqlmig.config.json': JSON.stringify(settings(['a1', 'a2', 'a3'])) });
  const more = await p.config();
  const baseline = { version: '1', select: all, accept: () => true };
  const compared = await adoptBaseline(more, baseline);
  expect(compared.differences).toMatchObject([{ kind: 'extra-object', object: 'vips', schemas: ['a3'] }]);
  expect((await adoptBaseline(more, { ...baseline, acceptDifferences: true })).schemas).toMatchObject([
    { schema: 'a3', state: 'adopted' },
  ]);
  expect(await up(more, { select: all })).toMatchObject({ ok: true, applied: 0 });
  expect(await verify(more, { structure: 'files' })).toMatchObject({ ok: true, findings: [] });
  await expect(adoptPublic(more, { as: 'a4', accept: () => true })).rejects.toMatchObject({
    message: 'sqlmig adopt --public-as does not support "scopes" in the config',
  });
});

test('files of a kind are recorded as applied with a config that knows no others', async () => {
  const { url, query } = await freshDatabase();
  await query(`create table plans (id int primary key); create table users (id int); create schema h1; create table h1.users (plan int references plans);
create table h1.sso (id int); create table h1.goose_db_version (id serial primary key, version_id bigint not null, is_applied boolean not null, tstamp timestamp default now());
insert into h1.goose_db_version (version_id, is_applied) values (0, true), (1, true), (2, true);
create schema h2; create table h2.vips (id int)`);
  const files = {
    'sql/public/1_plans.sql': 'create table plans (id int primary key)',
    'sql/tenant/1_users.sql': 'create table users (plan int references plans)',
    'sql/sso/2_sso.sql': 'create table sso (id int)',
    'sql/vip/1_vips.sql': 'create table vips (id int)',
    'sql/none/.gitkeep': '',
  };
  const whole = {
    url,
    tenants: { list: ['h1'] },
    scopes: [
      { name: 'sso', tenants: { list: ['h1'] } },
      { name: 'vip', tenants: { list: ['h2'] } },
    ],
  };
  const alone = (scope: string, schema: string) => ({
    url,
    publicDir: 'sql/none',
    tenantDir: `sql/${scope}`,
    historyTable: `schema_migrations_${scope}`,
    tenants: { list: [schema] },
  });
  const p = project(whole, files);
  // Public cannot become a tenant, so nothing says that it would.
  expect(await adopt(await p.config())).toMatchObject({ public: null });
  const baseline = { version: '1', accept: () => true, acceptDifferences: true };
  await adoptBaseline(await p.config(), { ...baseline, select: { kind: 'public' } });
  const history = { select: all, accept: () => true, acceptMissing: true };
  expect(await adoptHistory(await p.config(), history)).toMatchObject({ schemas: [{ state: 'adopted' }] });
  p.write({ 'sqlmig.config.json': JSON.stringify(alone('sso', 'h1')) });
  expect(await adoptHistory(await p.config(), history)).toMatchObject({ schemas: [{ state: 'adopted' }] });
  p.write({ 'sqlmig.config.json': JSON.stringify(alone('vip', 'h2')) });
  expect(await adoptBaseline(await p.config(), { ...baseline, select: all })).toMatchObject({
    schemas: [{ schema: 'h2', state: 'adopted' }],
  });
  p.write({ 'sqlmig.config.json': JSON.stringify(whole) });
  const config = await p.config();
  expect(await up(config, { select: all })).toMatchObject({ ok: true, applied: 0, upToDate: 4 });
  expect(await verify(config, { structure: 'files' })).toMatchObject({
    findings: [{ object: 'users', schema: 'public' }],
  });
});

test('tenants that a kind lists only after public is applied can be named then, as the hint says', async () => {
  const p = project(
    {
      url: db.url,
      historyTable: 'listed',
      tenants: { list: [] },
      scopes: [{ name: 'vip', tenants: { query: 'select name from listed_vips' } }],
    },
    {
      'sql/public/1_vips.sql': `create table listed_vips as select 'y1' as name`,
      'sql/vip/1_v.sql': 'create table v ()',
    },
  );
  const config = await p.config();
  const named = { select: { kind: 'tenants', names: ['y1'] } } as const;
  await expect(up(config, named)).rejects.toMatchObject({
    code: 'tenants-query-failed',
    details: { hint: expect.stringContaining('first run sqlmig up --public') },
  });
  expect(await up(config, { select: { kind: 'public' } })).toMatchObject({ ok: true });
  expect(states(await up(config, named))).toEqual(['public public up-to-date', 'vip y1 applied']);
});

test('a query of a kind that fails is reported with the name of the kind', async () => {
  const p = project(
    {
      url: db.url,
      historyTable: 'failing_query',
      tenants: { list: [] },
      scopes: [{ name: 'vip', tenants: { query: 'select 1 / 0' } }],
    },
    { 'sql/vip/1_v.sql': 'create table v ()' },
  );
  for (const command of [['up', '--all'], ['plan'], ['status'], ['up', '--tenants', 'a']])
    expect((await sqlmig(command, p.dir)).stderr, command.join(' ')).toContain(
      'error[tenants-query-failed]: scope vip: the tenants cannot be listed: division by zero',
    );
});

test('a version that is incomplete in several scopes of a tenant is settled in the one that is named', async () => {
  const { p, config, run } = await fleet(
    'twice',
    { tenants: ['twin'], eu: ['twin'], vip: ['twin'] },
    {
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/eu/2_i.sql': 'create index concurrently a_i on a (id)',
      'sql/vip/1_v.sql': 'create table v (id int); insert into v values (1), (1)',
      'sql/vip/2_i.sql': 'create unique index concurrently v_i on v (id)',
    },
  );
  expect(await run()).toMatchObject({ ok: false });
  await db.query(`update twin.twice_eu set state = 'incomplete', at_statement = 1, done_statements = 0`);
  const settle = { schema: 'twin', version: '2', how: { kind: 'mark-applied' } } as const;
  await expect(settleMigration(config, settle)).rejects.toMatchObject({
    message: 'version 2 is incomplete in several scopes of "twin": eu, vip',
    details: { hint: 'name one of them: sqlmig repair twin 2 --scope eu' },
  });
  const { stdout, stderr, code } = await sqlmig(
    ['repair', 'twin', '2', '--scope', 'eu', '--mark-applied'],
    p.dir,
  );
  expect({ stderr, code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('settled: twin'),
  });
  expect(await db.query('select state from twin.twice_eu where version = 2')).toEqual([{ state: 'applied' }]);
  expect(await db.query('select state from twin.twice_vip where version = 2')).toEqual([
    { state: 'incomplete' },
  ]);
  // One is left, which needs no name.
  await db.query('truncate twin.v');
  expect(await settleMigration(config, { ...settle, how: { kind: 'resume' } })).toMatchObject({
    scope: 'vip',
    schemas: [{ state: 'repaired' }],
  });
  expect(await sqlmig(['repair', '--all', '--scope', 'eu', '--resume'], p.dir)).toMatchObject({ code: 2 });
});

test('a changed file of a kind is marked as applied without its scope, as the hint says', async () => {
  const { p, config, run } = await fleet(
    'edited',
    { tenants: ['edit'], eu: ['edit'], vip: ['edit'] },
    {
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/eu/2_e.sql': 'create table e ()',
      'sql/vip/1_v.sql': 'create table v (id int); insert into v values (1), (1)',
      'sql/vip/2_i.sql': 'create unique index concurrently v_i on v (id)',
    },
  );
  expect(await run()).toMatchObject({ ok: false });
  await db.query('drop index edit.v_i');
  p.write({ 'sql/vip/2_i.sql': 'create index concurrently v_i on v (id)' });
  const settle = { schema: 'edit', version: '2' } as const;
  for (const how of [null, { kind: 'resume' }] as const) {
    await expect(settleMigration(config, { ...settle, how })).rejects.toMatchObject({
      code: 'checksum-changed',
      details: { hint: expect.stringContaining('sqlmig repair edit 2 --mark-applied') },
    });
  }
  expect(await settleMigration(config, { ...settle, how: { kind: 'mark-applied' } })).toMatchObject({
    scope: 'vip',
    schemas: [{ state: 'repaired' }],
  });
  await expect(settleMigration(config, { ...settle, version: '7', scope: 'vip' })).rejects.toMatchObject({
    message: 'there is no vip migration with version 7',
  });
});

test('adopt --baseline --scope names the scope that lists no tenants, or not the given one', async () => {
  const tables = { shop: 'create table s ()', depot: 'create table d ()', vip: 'create table v ()' };
  const p = project(
    {
      url: db.url,
      historyTable: 'listless',
      tenants: { list: ['shelf'] },
      scopes: [
        { name: 'shop' },
        { name: 'depot', tenants: { list: [] } },
        { name: 'vip', tenants: { list: ['shelf'] } },
      ],
    },
    Object.fromEntries(Object.entries(tables).map(([name, text]) => [`sql/${name}/1_x.sql`, text])),
  );
  const adopted = async (scope: string, select: string[]) => {
    const { code, stdout, stderr } = await sqlmig(
      ['adopt', '--baseline', '1', '--scope', scope, ...select],
      p.dir,
    );
    return { code, text: stdout + stderr };
  };
  expect(await adopted('shop', ['--all'])).toMatchObject({
    code: 1,
    text: expect.stringMatching(
      /no tenants: scope shop has no "tenants", .*\nhint: list the tenants with "tenants" of scope shop/,
    ),
  });
  expect(await adopted('depot', ['--all'])).toMatchObject({
    code: 1,
    text: expect.stringContaining('the tenant source of scope depot lists none'),
  });
  expect(await adopted('depot', ['--tenants', 'shelf'])).toMatchObject({
    code: 2,
    text: expect.stringMatching(
      /no tenant of scope depot is called "shelf".*there are no tenants of scope depot/s,
    ),
  });
  expect(await adopted('vip', ['--tenants', 'attic'])).toMatchObject({
    code: 2,
    text: expect.stringContaining('tenants of scope vip are shelf'),
  });
});
