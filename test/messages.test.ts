import { beforeAll, expect, test } from 'vitest';
import { applyNonTransactional } from '../src/execute/non-transactional.ts';
import { composeAdoption, composeBaseline, composeBaselineStart } from '../src/protocol/adoption.ts';
import { composeBootstrap } from '../src/protocol/bootstrap.ts';
import { composeCreation } from '../src/protocol/creation.ts';
import {
  composeBatch,
  composeEdit,
  composeRehearsal,
  composeReplay,
  composeUnits,
  composeUpgrade,
} from '../src/protocol/message.ts';
import type { UnitContext, UnitSchema } from '../src/protocol/unit-context.ts';
import { commit, unitSettings } from '../src/protocol/unit-settings.ts';
import type { Session } from '../src/server/session.ts';
import type { Script } from '../src/sql/migration.ts';
import { freshDatabase } from './setup/database.ts';
import { checkedScript, testContext, testSession } from './setup/unit.ts';

// The files in golden/ are the SQL that sqlmig sends, whole: read them to learn what a migration runs in. A change of one
// is a change of the protocol; after reading the difference, write them anew with: npx vitest run test/messages.test.ts -u
const golden = (name: string, text: string) => expect(text).toMatchFileSnapshot(`golden/${name}.sql`);

const own: UnitContext = {
  ...testContext,
  runId: '1f3a5c7e',
  host: 'deploy-1',
  appliedBy: 'app (ci@deploy-1)',
  checksClient: true,
  limitsTransactions: true,
  ownSession: true,
};
const pooled: UnitContext = { ...own, ownSession: false };

const applied = (version: string, name: string) =>
  ({ version, name, checksum: 'c'.repeat(64), state: 'applied' }) as const;
const tenant: UnitSchema = {
  schema: 'acme',
  oid: '16385',
  scope: 'tenant',
  history: [applied('1', 'customers')],
  isInUse: true,
  digest: '1:5d41402a',
  mayDiscardRows: false,
  isCurrent: true,
  requires: { upTo: '2', digest: '2:7d793037' },
  guarded: {
    schemas: new Map([['public', '2200']]),
    perTenant: { words: [], schemas: new Map() },
    names: new Set(['plans']),
    mayBeTied: false,
    mayBeCalled: false,
  },
};
const shared: UnitSchema = {
  ...tenant,
  schema: 'public',
  oid: '2200',
  scope: 'public',
  requires: null,
  guarded: null,
};

let orders: Script;
let backfill: Script;
let totals: Script;
let plans: Script;
beforeAll(async () => {
  orders = await checkedScript(
    'tenant',
    '2_orders.sql',
    'create table orders (id bigint primary key, plan int references plans);\n',
  );
  backfill = await checkedScript(
    'tenant',
    '3_backfill.sql',
    'do $$ begin update orders set plan = 1; end $$;\n',
  );
  totals = await checkedScript(
    'tenant',
    'R__totals.sql',
    'create or replace view totals as select count(*) from orders;\n',
  );
  plans = await checkedScript('public', '2_plans.sql', 'create table plans (id int primary key);\n');
});

test('a new tenant: schema and history table', () =>
  golden('create-tenant', composeBootstrap('acme', own, null)));

test('a tenant that is created with its files, whole or not at all', () => {
  const schema = { ...tenant, oid: null, history: [], digest: null };
  const { message, record } = composeCreation(
    {
      ...{ schema, scripts: [orders, backfill, totals], snapshot: null },
      ...{ trusted: new Set(), guardsEach: false },
    },
    own,
  );
  const times = [1, 2, 3].map((second) => `2026-01-01 00:00:0${second}+00`);
  return golden('create-whole', message.text + record(times) + commit);
});

test('an empty schema that a snapshot fills', () => {
  const { migration } = orders;
  const snapshot = {
    sql: 'create table orders (\n  id bigint not null,\n  plan integer\n);\n',
    session: { TimeZone: 'Etc/UTC' },
    covered: [{ migration, statements: 1 }],
    fillsEmpty: true,
  };
  const schema = { ...tenant, history: [], digest: null, isInUse: false };
  const { message, record } = composeCreation(
    { schema, scripts: [totals], snapshot, trusted: new Set(), guardsEach: false },
    own,
  );
  const times = ['2026-01-01 00:00:01+00', '2026-01-01 00:00:02+00'];
  return golden('fill-empty', message.text + record(times) + commit);
});

test('one tenant file', () =>
  golden('tenant-one-file', composeUnits({ schema: tenant, scripts: [orders] }, own).text));

test('a file for several tenants, without code and with it', async () => {
  const schemas = ['acme', 'globex'].map((schema) => ({ ...tenant, schema }));
  const batch = (script: Script) =>
    composeBatch(
      schemas.map((schema) => ({ schema, script })),
      own,
    );
  await golden('tenants-one-file', batch(orders));
  // Code could release the fleet key, so each checks public for itself.
  const code = await checkedScript('tenant', '3_code.sql', 'select 1;\n');
  const each = schemas.map((schema) => composeUnits({ schema, scripts: [code] }, own).text);
  expect(batch(code)).toBe(each.join(''));
});

test('a tenant file and the one that undoes it, which the history keeps', async () => {
  const undoneBy = await checkedScript('tenant', '2_orders.down.sql', 'drop table orders;\n');
  const migration = { ...orders.migration, undoneBy: undoneBy.migration };
  const scripts = [{ ...orders, migration }];
  await golden('tenant-kept-down', composeUnits({ schema: tenant, scripts }, own).text);
});

test('two migrations of a tenant undone, and the row of each deleted', async () => {
  const undoing = async (file: string, text: string) => {
    const script = await checkedScript('tenant', file, text);
    return { ...script, migration: { ...script.migration, undoes: true as const } };
  };
  const scripts = [
    await undoing('3_backfill.down.sql', 'update orders set plan = null;\n'),
    await undoing('2_orders.down.sql', 'drop table orders;\n'),
  ];
  const history = [...tenant.history, applied('2', 'orders'), applied('3', 'backfill')];
  await golden('tenant-undo', composeUnits({ schema: { ...tenant, history }, scripts }, own).text);
});

test('several tenant files in one message', () =>
  golden(
    'tenant-several-files',
    composeUnits({ schema: tenant, scripts: [orders, backfill, totals] }, own).text,
  ));

test('public', () => golden('public', composeUnits({ schema: shared, scripts: [plans] }, own).text));

test('one tenant file behind a pooler', () =>
  golden('tenant-pooled', composeUnits({ schema: tenant, scripts: [orders] }, pooled).text));

test('a rehearsal of public and one tenant', () =>
  golden(
    'rehearsal',
    composeRehearsal(
      [
        { schema: shared, scripts: [plans], bootstrap: false },
        { schema: { ...tenant, history: [], digest: null, oid: null }, scripts: [orders], bootstrap: true },
      ],
      own,
      { compared: ['public'] },
    ).text,
  ));

test('a rehearsal of one tenant file that measures its statements', async () => {
  const script = await checkedScript(
    'tenant',
    '2_name.sql',
    'alter table a add b int;\nupdate a set b = 1;\n',
  );
  const parts = [{ schema: tenant, scripts: [script], bootstrap: false }];
  await golden('rehearsal-measured', composeRehearsal(parts, own, { measures: new Set() }).text);
});

test('a failed file once more, to find the statement', () =>
  golden('replay', composeReplay({ script: orders, schema: tenant, context: own })));

test('the history table of an earlier release', () =>
  golden('upgrade-history', composeUpgrade({ ...tenant, isCurrent: false }, own)));

test('an edit of the history by repair', () =>
  golden(
    'edit-history',
    composeEdit(tenant, "update acme.schema_migrations set checksum = 'c' where version = 1", own),
  ));

const oldHistory = {
  schema: 'acme',
  table: 'schema_migrations',
  tool: 'Ecto',
  oid: '16400',
  digest: {
    query: 'select md5(string_agg(version::text, chr(10))) from acme.schema_migrations',
    value: 'c4ca4238',
  },
  atWork: "select from pg_locks where mode <> 'AccessShareLock' and relation = 16400",
};

test('the history of another tool that has the name of ours', () =>
  golden(
    'adopt-renamed',
    composeAdoption(
      tenant,
      {
        old: { ...oldHistory, takeOver: { rename: 'schema_migrations_ecto' } },
        applied: [{ script: orders, appliedAt: '2026-11-27T07:31:00.000000Z' }],
      },
      pooled,
    ),
  ));

test('the history of another tool that has another name', () =>
  golden(
    'adopt-closed',
    composeAdoption(
      shared,
      {
        old: {
          ...oldHistory,
          schema: 'public',
          table: 'knex_migrations',
          tool: 'knex',
          takeOver: { trigger: 'sqlmig_taken_over' },
        },
        applied: [{ script: plans, appliedAt: null }],
      },
      pooled,
    ),
  ));

test('a baseline', () =>
  golden(
    'baseline',
    composeBaselineStart(tenant, pooled) +
      composeBaseline(tenant, [{ script: orders, appliedAt: null }], pooled),
  ));

test('what a session of our own begins with', () => {
  const text = (scope: 'public' | 'tenant') =>
    Object.entries(unitSettings(scope, own))
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join('');
  return golden('session-settings', `-- public\n${text('public')}\n-- tenant\n${text('tenant')}`);
});

test('tenant files that share a transaction', async () => {
  const schema = { ...tenant, history: [], isInUse: false, digest: null };
  await golden('tenant-joined-files', composeUnits({ schema, scripts: [backfill, totals] }, own).text);
});

test('ten files of a new tenant, and what follows them in their transaction', async () => {
  const schema = { ...tenant, history: [], isInUse: false, digest: null };
  const tables = Array.from({ length: 8 }, (_, i) =>
    checkedScript('tenant', `${i + 4}_t.sql`, `create table t${i} ();\n`),
  );
  const { text, record } = composeUnits(
    { schema, scripts: [backfill, ...(await Promise.all(tables)), totals] },
    own,
  );
  const times = Array.from({ length: 10 }, (_, i) => `2026-01-01 00:00:${10 + i}+00`);
  await golden('tenant-new-files', `${text}${record?.(times)}`);
});

test('a non-transactional file, everything that is sent for it', async () => {
  const db = await freshDatabase();
  const session = await testSession(db.url);
  try {
    const [row] = await session.run(`${composeBootstrap('acme', own, null)}`);
    await session.run('create table acme.orders (id bigint)');
    const [table] = await session.run("select 'acme.orders'::regclass::oid::text as oid");
    const oid = String(row?.oid);
    const index = await checkedScript(
      'tenant',
      '2_orders_id.sql',
      'create index concurrently orders_id on orders (id);\nanalyze orders;\n',
    );
    const sent: string[] = [];
    const noted = (text: string) =>
      void sent.push(
        text
          .replaceAll(`'${oid}'`, "'16385'")
          .replaceAll(`= ${table?.oid}`, '= 16390')
          .replace(/duration_ms = \d+/, 'duration_ms = 12')
          .trim(),
      );
    const recorder: Session = {
      ...session,
      run: (text, ...rest) => {
        noted(text);
        return session.run(text, ...rest);
      },
      read: (text, ...rest) => {
        noted(text);
        return session.read(text, ...rest);
      },
    };
    const empty = { ...tenant, oid, history: [], digest: null, requires: null };
    const attempt = await applyNonTransactional(recorder, { script: index, schema: empty, context: pooled });
    expect(attempt).toMatchObject({ kind: 'done' });
    await golden('non-transactional', `${sent.join('\n\n-- next message\n\n')}\n`);
  } finally {
    await session.close();
  }
});
