import { beforeEach, expect, test } from 'vitest';
import { findSchemas } from '../src/history/presence.ts';
import { status, up } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const files = {
  'sql/public/1_p.sql': 'create table p (id int primary key)',
  'sql/tenant/1_t.sql': 'create table t (id int primary key)',
  'sql/tenant/R__v.sql': 'create or replace view v as select 1 as one',
};
const next = {
  'sql/public/2_p.sql': 'create table p2 ()',
  'sql/tenant/2_t.sql': 'create table t2 ()',
  'sql/tenant/3_i.sql': 'create index concurrently t_i on t (id)',
  'sql/tenant/4_t.sql': 'create table t4 ()',
  'sql/tenant/R__v.sql': 'create or replace view v as select 2 as one',
};

/** Tables as version 0.1.0 made them. */
const asBefore = ['public', 'acme', 'globex']
  .map(
    (schema) => `alter table ${schema}.schema_migrations drop constraint if exists schema_migrations_check,
  drop constraint if exists schema_migrations_state_check, drop constraint if exists schema_migrations_scope_check;
update ${schema}.schema_migrations set state = 'running' where state = 'incomplete';
alter table ${schema}.schema_migrations add check (state in ('applied', 'running')), add check (scope in ('public', 'tenant')),
  replica identity default;`,
  )
  .join('\n');

test.for(['for all tables', 'for tables in schema public, acme, globex'])(
  'a publication %s, made before, between and inside migrations, stops nothing',
  async (which) => {
    const p = project({ url: db.url, tenants: { list: ['acme', 'globex'] } }, files);
    if (which === 'for all tables') await db.query(`create publication pub ${which}`);
    expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
    if (which !== 'for all tables') await db.query(`create publication pub ${which}`);
    await db.query(asBefore);
    p.write(next);
    const result = await up(await p.config(), { select: all });
    expect(result.schemas.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1, 4: 1, R__v: 1 });
    await db.query(`drop publication pub; ${asBefore}`);
    p.write({
      'sql/public/3_pub.sql': 'create publication inside for all tables',
      'sql/tenant/5_t.sql': 'create table t5 ()',
    });
    expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 3 });
    await db.query(asBefore);
    p.write({ 'sql/tenant/5_t.sql': '-- changed\ncreate table t5 ()' });
    expect(await sqlmig(['repair', '--all', '--yes'], p.dir)).toMatchObject({ code: 0 });
  },
);

test('a non-transactional file alone brings an earlier table up to date too', async () => {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  await up(await p.config(), { select: all });
  await db.query(
    `create publication pub for all tables; alter table acme.schema_migrations replica identity default`,
  );
  p.write({ 'sql/tenant/2_i.sql': 'create index concurrently t_i on t (id)' });
  expect((await up(await p.config(), { select: all })).schemas[1]?.error).toBeUndefined();
});

test.for([
  ['--resume', { state: 'applied', done_statements: 2 }],
  ['--mark-applied', { state: 'applied', done_statements: 2 }],
] as const)(
  'what version 0.1.0 calls running is incomplete, and repair %s settles it',
  async ([how, row]) => {
    const own = await freshDatabase();
    const slow = 'create table slow ();\ncreate index concurrently on nothing_yet (id);';
    const p = project({ url: own.url, tenants: { list: ['acme', 'globex'] } }, files);
    await up(await p.config(), { select: all });
    p.write({ 'sql/tenant/2_i.sql': slow });
    await up(await p.config(), { select: all, maxFailures: { count: 2 } });
    await own.query(
      `create table acme.nothing_yet (id int); ${asBefore} update acme.schema_migrations set at_statement = 2 where version = 2`,
    );
    expect(await status(await p.config())).toMatchObject({
      schemas: [{}, { findings: [{ kind: 'incomplete', version: '2' }] }, {}],
    });
    expect(await sqlmig(['repair', 'acme', '2', how], p.dir)).toMatchObject({ code: 0 });
    expect(
      await own.query('select state, done_statements from acme.schema_migrations where version = 2'),
    ).toEqual([row]);
  },
);

test('a table with the check that earlier versions made keeps it, and needs no upgrade', async () => {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  await up(await p.config(), { select: all });
  await db.query(
    `alter table acme.schema_migrations add check (state in ('applied', 'incomplete') and scope in ('public', 'tenant'))`,
  );
  p.write(next);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  const checks = await db.query(
    `select conrelid::regclass::text as table from pg_constraint where contype = 'c' and conname ~ '^schema_migrations'`,
  );
  expect(checks).toEqual([{ table: 'acme.schema_migrations' }]);
});

test('a schema without a history has none that needs an upgrade', async () => {
  await db.query('create schema empty');
  const session = await testSession(db.url);
  const found = await findSchemas(session, ['empty'], 'schema_migrations');
  expect(found.get('empty')).toMatchObject({ hasTable: false, isCurrent: true });
  await session.close();
});
