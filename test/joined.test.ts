import { expect, test } from 'vitest';
import { readCommitted, sendBatch } from '../src/execute/send-units.ts';
import { type RunEvent, up } from '../src/index.ts';
import { canShareOne, mayNoticeOthers, transactionsOf } from '../src/protocol/transactions.ts';
import type { UnitContext, UnitSchema } from '../src/protocol/unit-context.ts';
import type { Script } from '../src/sql/migration.ts';
import { mayLockLater, mayTie } from '../src/sql/reach.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { checkedScript, emptyTenant, testContext, testSession } from './setup/unit.ts';

const all = { kind: 'all', except: [] } as const;
const guarded = {
  ...emptyTenant('acme'),
  guarded: {
    schemas: new Map([['public', '2200']]),
    perTenant: { words: [], schemas: new Map() },
    names: new Set(['plans', 'touch']),
    mayBeTied: false,
    mayBeCalled: false,
  },
};
const plain = 'create table t (id int)';

const inUse = {
  ...guarded,
  isInUse: true,
};
const rows = 'insert into t values (1)';

test.for<[string, readonly string[], sizes: readonly number[], inUse?: readonly number[]]>([
  ['files about the tenant alone', [plain, 'alter table t add a int', rows], [3]],
  ['a block that names nothing of public', [plain, 'do $$ begin perform 1; end $$', plain], [3], [2, 1]],
  ['files that write rows', [plain, rows, 'create index on t (id)', rows, plain], [5], [2, 1, 1, 1]],
  ['a table that was there', ['alter table old add a int', plain, 'alter table t add b int'], [3], [1, 2]],
  [
    'a table that may have been there',
    ['create table if not exists t (x int)', 'alter table t add a int', plain],
    [3],
    [2, 1],
  ],
  [
    'a table named like a column',
    ['create table u (old int)', 'alter table old add a int', plain],
    [3],
    [2, 1],
  ],
  [
    'a partition of a table that was there',
    ['create table p partition of old default', plain, 'alter table p add a int'],
    [3],
    [1, 2],
  ],
  [
    'a table that was there, as a partition',
    ['create table u (x int) partition by list (x); alter table u attach partition old default', plain],
    [2],
    [1, 1],
  ],
  ['a key to a table that was there', [plain, 'create table u (o int references old)', plain], [3], [2, 1]],
  ['an enum value', [plain, "alter type e add value 'x'", plain, plain], [4], [2, 2]],
  [
    'an enum value that is used',
    [plain, "alter type e add value 'x'", "alter table t alter e set default 'x'"],
    [2, 1],
  ],
  ['code after an enum value', [plain, "alter type e add value 'x'", plain, 'select f()'], [3, 1], [2, 2]],
  ['rows after an enum value', [plain, "alter type e add value 'x'", rows, plain], [2, 2], [2, 1, 1]],
  [
    'an enum value that its own file uses',
    [plain, "alter type e add value 'x'; alter table t alter e set default 'x'", plain],
    [1, 2],
    [1, 1, 1],
  ],
  [
    'a cast of rows to an enum with a value that its own file adds',
    [plain, "alter type e add value 'vip'; alter table t alter e type e using e::text::e", plain],
    [1, 2],
    [1, 1, 1],
  ],
  [
    'a block that adds an enum value',
    [plain, "do $$ begin alter type e add value 'x'; end $$", plain, plain],
    [1, 1, 2],
    [1, 1, 2],
  ],
  ['drops', [plain, 'alter table t drop column p', 'drop table t', rows], [4], [1, 1, 1, 1]],
  ['a drop beside code', [plain, 'drop table t', 'select f()', plain], [2, 2], [1, 1, 1, 1]],
  ['code that drops', [plain, 'drop table t cascade', plain], [1, 1, 1]],
  ['code beside a drop', ['select f()', 'drop table t', plain], [1, 2], [1, 1, 1]],
  ['a foreign key to public', [plain, 'create table u (p int references plans)', plain], [1, 1, 1]],
  ['a key that names public', [plain, 'create table u (p int references public.x)', plain], [1, 1, 1]],
  ['a foreign key within the tenant', [plain, 'create table u (t int references t)'], [2]],
  [
    'a block that names a table of public',
    [plain, "do $$ begin execute 'lock plans'; end $$", plain],
    [1, 1, 1],
  ],
  ['a grant on a table of public', [plain, 'grant select on plans to public', plain], [1, 1, 1]],
  ['a file that says so', [plain, '-- sqlmig: own-transaction\nselect 1', plain], [1, 1, 1]],
  ['a file that may change public', [plain, '-- sqlmig: allow-public\nselect 1', plain], [1, 1, 1]],
  ['a temporary table', [plain, 'create temp table t as select 1 as x', plain], [1, 1, 1]],
  ['a savepoint', [plain, 'savepoint s; create table s ()', plain], [1, 1, 1]],
  ['the mode of constraints', [plain, 'set constraints all deferred', plain], [1, 1, 1]],
  ['an advisory lock', [plain, 'select pg_advisory_xact_lock(1)', plain], [1, 1, 1]],
  ['more tables than a transaction should lock', Array.from({ length: 100 }, () => plain), [66, 34]],
])('%s', async ([, texts, sizes, sizesInUse = sizes]) => {
  const scripts = await Promise.all(
    texts.map((text, i) => checkedScript('tenant', `${i + 1}_file.sql`, text)),
  );
  const sizesOf = (schema: UnitSchema, apart = false) =>
    transactionsOf(scripts, { schema, context: testContext }, apart).map(({ length }) => length);
  expect(sizesOf(guarded)).toEqual(sizes);
  expect(sizesOf(inUse)).toEqual(sizesInUse);
  expect(sizesOf(guarded, true)).toHaveLength(scripts.length);
  expect(sizesOf({ ...guarded, guarded: null })).toHaveLength(scripts.length);
});

test('a file that drops something has its own transaction if tenants may have keys to public', async () => {
  const texts = [plain, 'alter table t drop column p', plain];
  const scripts = await Promise.all(texts.map((text, i) => checkedScript('tenant', `${i}_file.sql`, text)));
  const schema = { ...guarded, guarded: { ...guarded.guarded, mayBeTied: true } };
  expect(transactionsOf(scripts, { schema, context: testContext })).toHaveLength(3);
});

test('a transaction ends with a file that writes rows if triggers may lock rows of public', async () => {
  const texts = [plain, rows, 'create index on t (id)', rows, plain];
  const scripts = await Promise.all(texts.map((text, i) => checkedScript('tenant', `${i}_file.sql`, text)));
  const schema = { ...guarded, guarded: { ...guarded.guarded, mayBeCalled: true } };
  const sizes = transactionsOf(scripts, { schema, context: testContext }).map(({ length }) => length);
  expect(sizes).toEqual([2, 2, 1]);
});

test.for([
  [
    'create function f() returns trigger language plpgsql as $$ begin insert into public.log values (1); end $$',
    true,
  ],
  [
    'create function f() returns trigger language plpgsql as $$ begin insert into plans values (1); end $$',
    true,
  ],
  ['create trigger t after insert on t for each row execute function touch()', true],
  [
    'do $$ begin create trigger t after insert on t for each row execute function touch(); exception when others then null; end $$',
    true,
  ],
  ['do $$ begin perform 1 from plans; end $$', false],
  ['create function f() returns trigger language plpgsql as $$ begin return new; end $$', false],
  ['create table u (p int references plans)', false],
] as const)('may lock rows of public when it is called: %s', async ([text, expected]) => {
  const { statements } = await checkedScript('tenant', '1_file.sql', text);
  const { names, schemas } = guarded.guarded;
  expect(statements.some((one) => mayLockLater(one, names, new Set(schemas.keys())))).toBe(expected);
});

test('files that write rows do not share a transaction if a constraint may be deferred, or in a tenant of a kind', async () => {
  const texts = [plain, rows, 'create index on t (id)', rows, plain];
  const scripts = await Promise.all(texts.map((text, i) => checkedScript('tenant', `${i}_file.sql`, text)));
  const sizesWith = (more: Partial<UnitContext>) =>
    transactionsOf(scripts, { schema: guarded, context: { ...testContext, ...more } }).map(
      ({ length }) => length,
    );
  expect(sizesWith({ mayNotice: true })).toEqual([3, 2]);
  const historyTables = ['schema_migrations', 'schema_migrations_paid'];
  expect(sizesWith({ historyTables, table: 'schema_migrations_paid' })).toEqual([2, 1, 1, 1]);
});

test.for([
  ['create table t (x int unique deferrable initially deferred)', true],
  ['create table t (like public.template including all)', true],
  ['create table t (like "a template" excluding indexes including all)', true],
  ['create table t (created_by bigint default txid_current())', true],
  ['create trigger v before update on t for each row execute function versioning()', true],
  ['create function f() returns refcursor language plpgsql as $$ begin end $$', true],
  ['create table t (like public.template)', false],
  ['create table t (); -- the rest is deferred', false],
  ["insert into t values ('-- deferred')", true],
  [plain, false],
] as const)('may notice which files share its transaction: %s', ([text, expected]) => {
  expect(mayNoticeOthers([{ text: rows }, { text }])).toBe(expected);
});

test.for([
  ['create table u (p int references plans)', true],
  ['create table u (p int references public.x)', true],
  ['create table u (t int references t, public boolean)', true],
  ['create table u () inherits (public.plans)', true],
  ['alter table u add foreign key (p) references plans', true],
  ["do $$ begin execute 'alter table u add foreign key (p) references plans'; end $$", true],
  ['create table u (t int references t)', false],
  ['create table u (public boolean)', false],
  ['create index on u (touch)', false],
  ['create extension if not exists touch', false],
  ['do $$ begin perform 1; end $$', false],
] as const)('may tie a tenant to public: %s', async ([text, expected]) => {
  const { statements } = await checkedScript('tenant', '1_file.sql', text);
  const { names, schemas } = guarded.guarded;
  expect(statements.some((one) => mayTie(one, names, new Set(schemas.keys())))).toBe(expected);
});

const noted = (n: number) => `do $$ begin raise notice 'in ${n}'; end $$`;
const files = {
  'sql/tenant/1_a.sql': 'create table a ()',
  'sql/tenant/2_b.sql': `create table b ();\n${noted(2)}`,
  'sql/tenant/3_c.sql': 'create table c (x int);\ncreate index on c (x);\ncreate index on c (y);',
  'sql/tenant/4_d.sql': 'create table d ()',
};

test('files share a transaction; if one fails, those before it stay applied, and it is blamed with its place', async () => {
  const db = await freshDatabase();
  const bad = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  await db.query('create schema acme');
  const notices: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'server-notice') notices.push(event.message);
  };
  const failed = await up(await bad.config(), { select: all, onEvent });
  expect(failed.schemas.find(({ schema }) => schema === 'acme')).toMatchObject({
    state: 'failed',
    error: { code: 'migration-failed', sqlstate: '42703', file: 'sql/tenant/3_c.sql', line: 3, statement: 3 },
  });
  expect(notices).toEqual(['in 2']);
  expect(Object.keys(await db.history('acme'))).toEqual(['1', '2']);
  expect(await transactions(db, 'acme')).toEqual([{ tables: 2, transactions: 2, times: 2 }]);

  const good = { ...files, 'sql/tenant/3_c.sql': 'create table c ()' };
  const apart = project({ url: db.url, tenants: { list: ['apart'] }, transactionPerFile: true }, good);
  const joined = project({ url: db.url, tenants: { list: ['joined'] } }, good);
  for (const p of [apart, joined]) expect((await up(await p.config(), { select: all })).ok).toBe(true);
  expect(await transactions(db, 'apart')).toEqual([{ tables: 4, transactions: 4, times: 4 }]);
  expect(await transactions(db, 'joined')).toEqual([{ tables: 4, transactions: 1, times: 4 }]);
});

test('what a file has prepared does not outlive the rollback of its transaction', async () => {
  const db = await freshDatabase();
  const lists = ['acme', 'beta'];
  const p = project(
    { url: db.url, tenants: { list: lists }, concurrency: 1 },
    {
      'sql/tenant/1_t.sql': 'create table t (id serial)',
      'sql/tenant/2_u.sql':
        'prepare q as select 1;\nexecute q;\nselect 1 / count(*) from t;\ncreate table u ();',
    },
  );
  const { schemas } = await up(await p.config(), { select: all, maxFailures: { percent: 100 } });
  const error = { sqlstate: '22012', file: 'sql/tenant/2_u.sql', line: 3, statement: 3 };
  expect(schemas.slice(1)).toMatchObject(lists.map((schema) => ({ schema, version: '1', error })));
});

test('files before one that ends its connection stay applied', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': 'create table b ()',
      'sql/tenant/3_c.sql': 'select pg_terminate_backend(pg_backend_pid())',
    },
  );
  const { schemas } = await up(await p.config(), { select: all });
  expect(schemas.find(({ schema }) => schema === 'acme')).toMatchObject({
    state: 'failed',
    version: '2',
    migrations: [{ version: '1' }, { version: '2' }],
    error: { code: 'connection-lost' },
  });
});

test('files before one that is canceled stay applied, and it is not sent again', async () => {
  const db = await freshDatabase();
  await db.query('create sequence runs');
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': 'create table b ()',
      'sql/tenant/3_c.sql': `select nextval('public.runs'); set local statement_timeout = '200ms'; select pg_sleep(30);`,
      'sql/tenant/4_d.sql': 'create table d ()',
    },
  );
  const { schemas } = await up(await p.config(), { select: all });
  expect(schemas.find(({ schema }) => schema === 'acme')).toMatchObject({
    state: 'failed',
    version: '2',
    migrations: [{ version: '1' }, { version: '2' }],
    error: { code: 'migration-failed', sqlstate: '57014', file: 'sql/tenant/3_c.sql', line: 1 },
  });
  expect(await db.query('select last_value::int as n from runs')).toEqual([{ n: 2 }]);
});

test('files that drop something share a transaction in a new tenant, unless a file has a key to public', async () => {
  const db = await freshDatabase();
  const tenant = {
    'sql/tenant/1_a.sql': 'create table a (x int)',
    'sql/tenant/2_b.sql': 'create table b ()',
    'sql/tenant/3_drop.sql': 'alter table a drop column x',
    'sql/tenant/4_c.sql': 'create table c ()',
  };
  const plans = { 'sql/public/1_plans.sql': 'create table plans (id int primary key)' };
  const key = { 'sql/tenant/5_d.sql': 'create table d (plan int references plans)' };
  const apply = async (schema: string, files: Record<string, string>) => {
    const p = project({ url: db.url, tenants: { list: [schema] } }, { ...plans, ...files });
    expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
    return transactions(db, schema);
  };
  expect(await apply('free', tenant)).toEqual([{ tables: 3, transactions: 1, times: 4 }]);
  // The drop has its own between them, and the key too.
  expect(await apply('bound', { ...tenant, ...key })).toEqual([{ tables: 4, transactions: 3, times: 5 }]);
});

test('a default that is replaced beside code is not taken for a change of another schema', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql': 'create table a (x int default 1)',
      'sql/tenant/2_b.sql': 'create table b ();\nselect 1;',
      'sql/tenant/3_default.sql': 'alter table a alter x set default 2',
      'sql/tenant/4_c.sql': 'create table c ()',
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await transactions(db, 'acme')).toEqual([{ tables: 3, transactions: 1, times: 4 }]);
});

test('a file that cannot share a transaction is sent twice in the first tenant only', async () => {
  const db = await freshDatabase();
  const list = ['one', 'two'];
  const p = project(
    { url: db.url, tenants: { list }, concurrency: 1 },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': `do $$ begin if exists (select from pg_class where oid = to_regclass('a') and age(xmin) = 0) then raise exception 'joined'; end if; end $$`,
      'sql/tenant/3_c.sql': 'create table c ()',
      'sql/tenant/4_d.sql': 'create table d ()',
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 2 });
  const found = await Promise.all(list.map((schema) => transactions(db, schema)));
  // Tenants are taken in any order.
  expect(
    found
      .flat()
      .map((row) => row.transactions)
      .sort(),
  ).toEqual([2, 3]);
});

test('the last file before one that fails ended when that one began', async () => {
  const db = await freshDatabase();
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_a.sql': 'select 1' });
  await up(await p.config(), { select: all });
  const session = await testSession(db.url);
  const schema = {
    ...emptyTenant('acme'),
    ...{ oid: String((await db.query(`select 'acme'::regnamespace::oid as oid`))[0]?.oid) },
    history: [{ version: '1', name: 'a', checksum: 'x', state: 'applied' as const }],
  };
  const scripts = [
    await checkedScript('tenant', '2_b.sql', 'select 1'),
    await checkedScript('tenant', '3_c.sql', 'select 1 / 0'),
  ];
  const batch = { scripts, schema, context: testContext, apart: true, trusted: new Set<Script>() };
  const { error, begunAt } = await sendBatch(session, batch);
  expect(error?.code).toBe('22012');
  const [row] = await db.query('select applied_at::text as at from acme.schema_migrations where version = 2');
  expect(begunAt).toEqual([row?.at, expect.any(String)]);
  await db.query(`update acme.schema_migrations set applied_at = '2026-01-01 00:00:00+00' where version = 2`);
  const times = ['2026-01-01 00:00:00+00', '2026-01-01 00:00:00.25+00'];
  const { committed, durations } = await readCommitted(session, batch, times);
  await session.close();
  expect([committed, [...durations]]).toEqual([1, [['2', 250]]]);
});

/** How many transactions made the tables of a schema, and how many times of application its history has. */
function transactions(db: TestDatabase, schema: string) {
  return db.query(`select count(*)::int as tables, count(distinct xmin::text)::int as transactions,
      (select count(distinct applied_at)::int from ${schema}.schema_migrations) as times
    from pg_class where relnamespace = '${schema}'::regnamespace and relname ~ '^.$'`);
}

test('files whose constraints wait for the commit, or with savepoints, are not built in one transaction', async () => {
  const of = (...texts: readonly string[]) =>
    Promise.all(texts.map((text, i) => checkedScript('tenant', `${i + 1}_file.sql`, text)));
  const deferring = { ...testContext, mayNotice: true };
  expect(canShareOne(await of(plain, rows, rows), testContext)).toBe(true);
  expect(canShareOne(await of(plain, rows), deferring)).toBe(true);
  expect(canShareOne(await of(plain, rows, rows), deferring)).toBe(false);
  expect(canShareOne(await of('savepoint s', plain), testContext)).toBe(false);
  const deferred = 'create table u (t int references t deferrable initially deferred)';
  expect(canShareOne(await of(deferred, rows, rows), testContext)).toBe(false);
});
