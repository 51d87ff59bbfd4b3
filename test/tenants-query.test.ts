import { beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.query(`create table customers (id int, slug varchar(20), code char(8), made timestamptz, tags text[], label name);
    insert into customers values (1, 'acme', 'acme', now(), '{1,2}', 'acme')`);
});

const listWith = (query: string, url = db.url) =>
  sqlmig(['tenant', 'list', '--json'], project({ url, tenants: { query } }).dir);

test.for([
  ['select slug from customers'],
  ['select code from customers'],
  ['select label from customers'],
  ['select slug::text as anything from customers -- with a comment'],
  ['select id, slug as schema_name, made from customers;'],
  ['select made, slug as schema from customers'],
  ['select slug as tenant, code from customers'],
  [`values ('acme')`],
] as const)('%s', async ([query]) => {
  const { code, stdout } = await listWith(query);
  expect({ code, tenants: JSON.parse(stdout).tenants }).toMatchObject({
    code: 0,
    tenants: [{ schema: 'acme' }],
  });
});

const manyColumns =
  'the query must return one column, or one that is named schema, schema_name or tenant; it returns ';

test.for([
  ['select slug, made from customers', `${manyColumns}slug character varying, made timestamp with time zone`],
  [
    'select slug as schema, code as tenant from customers',
    `${manyColumns}schema character varying, tenant character`,
  ],
  [
    'select slug as schema, code as schema from customers',
    `${manyColumns}schema character varying, schema character`,
  ],
  ['select tags from customers', 'the column tags must be text; the query returns tags text[]'],
  ['select id from customers', 'the column id must be text; the query returns id integer'],
  [
    'select made from customers',
    'the column made must be text; the query returns made timestamp with time zone',
  ],
  [
    'select slug, made as tenant from customers',
    'the column tenant must be text; the query returns slug character varying, tenant timestamp with time zone',
  ],
  ['select from customers', 'the query returns no columns'],
] as const)('%s is refused, and no row of it is a tenant', async ([query, why]) => {
  const { code, stdout } = await listWith(query);
  expect({ code, error: JSON.parse(stdout).error }).toMatchObject({
    code: 2,
    error: { code: 'tenants-query-failed', message: `the tenants cannot be listed: ${why}` },
  });
});

test.for([
  [`select 'a'; commit; create table escaped()`, '42601'],
  ['create table escaped()', '25006'],
  ['commit', undefined],
] as const)('%s cannot leave its transaction', async ([query, sqlstate]) => {
  const { code, stdout } = await listWith(query);
  expect(code).toBe(2);
  expect(JSON.parse(stdout).error).toMatchObject({ code: 'tenants-query-failed' });
  if (sqlstate !== undefined) expect(JSON.parse(stdout).error).toMatchObject({ sqlstate });
  expect(await db.query(`select to_regclass('public.escaped') as t`)).toEqual([{ t: null }]);
});

test('a type of an extension that is text will do', async () => {
  await db.query(
    `create extension citext; create table sites (slug citext); insert into sites values ('Acme')`,
  );
  const { code, stdout } = await listWith('select slug from sites');
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, tenants: [{ schema: 'Acme' }] });
});

test.skipIf(poolerMissing() !== null)('behind a pooler in transaction mode', async () => {
  const pooler = await startPooler(db.url, 'transaction', 4);
  const { code, stdout } = await listWith('select slug from customers', pooler);
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, tenants: [{ schema: 'acme' }] });
});
