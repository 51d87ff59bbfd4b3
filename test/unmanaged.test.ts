import { beforeEach, expect, test } from 'vitest';
import { completePlan } from '../src/decide/plan.ts';
import { plan, status, up } from '../src/index.ts';
import type { Session } from '../src/server/session.ts';
import { readTargets } from '../src/state/target.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const tenants = { list: ['full', 'bare', 'new'] };
const files = {
  'sql/public/1_a.sql': 'create table regions ()',
  'sql/tenant/1_a.sql': 'create table users ()',
};
const after = (stdout: string) => stdout.slice(stdout.indexOf('\n') + 1);

test('a schema with tables but no applied migration is not managed yet, and says how to go on', async () => {
  await db.query('create schema bare; create schema "full"; create table "full".users ()');
  const p = project({ url: db.url, tenants }, files);
  expect((await status(await p.config())).schemas).toEqual([
    expect.not.objectContaining({ unmanaged: true }),
    expect.objectContaining({ schema: 'full', version: null, unmanaged: true, pending: 1 }),
    expect.not.objectContaining({ unmanaged: true }),
    expect.not.objectContaining({ unmanaged: true }),
  ]);
  const planned = await plan(await p.config());
  expect(planned.schemas.filter(({ unmanaged }) => unmanaged).map(({ schema }) => schema)).toEqual(['full']);
  const note = `not managed yet: 1 schema has tables but no applied migration, so up runs every file there: full
  hint: record the files that built it with: sqlmig adopt --baseline VERSION, or another tool's history with: sqlmig adopt --history
`;
  expect(after((await sqlmig(['status'], p.dir)).stdout)).toBe(`scope   version          pending    schemas
public  empty            1 pending  public
tenant  empty            1 pending  bare, new
tenant  not managed yet  1 pending  full
${note}`);
  expect(after((await sqlmig(['plan'], p.dir)).stdout)).toBe(`scope   schemas    version          pending
public  public     empty            1 migration
  sql/public/1_a.sql
tenant  full       not managed yet  1 migration
  sql/tenant/1_a.sql
tenant  bare, new  empty            1 migration
  sql/tenant/1_a.sql
${note}`);
});

test('a file that meets what exists there fails with that hint; one that skips it takes the schema over', async () => {
  await db.query('create schema "full"; create table "full".users ()');
  const p = project({ url: db.url, tenants: { list: ['full'] } }, files);
  const failed = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(JSON.parse(failed.stdout).schemas[1]).toMatchObject({
    state: 'failed',
    unmanaged: true,
    error: {
      state: 'rolled back; full is not managed yet',
      hint: expect.stringContaining('adopt --baseline'),
    },
  });
  expect((await status(await p.config())).schemas[1]).toMatchObject({ unmanaged: true });
  p.write({ 'sql/tenant/1_a.sql': 'create table if not exists users ()' });
  const { stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(JSON.parse(stdout).schemas[1]).not.toHaveProperty('unmanaged');
  expect((await status(await p.config())).ok).toBe(true);
});

test('a file of a kind that meets what exists there fails with the hint for kinds', async () => {
  await db.query('create schema shop; create table shop.users ()');
  const p = project(
    { url: db.url, scopes: [{ name: 'shop', tenants: { list: ['shop'] } }] },
    { 'sql/shop/1_a.sql': 'create table users ()' },
  );
  const { stdout, stderr } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect({ stdout, stderr }).toMatchObject({ stdout: expect.stringContaining('"failed": 1') });
  expect(JSON.parse(stdout).schemas[1]).toMatchObject({
    scope: 'shop',
    unmanaged: true,
    error: { hint: expect.stringContaining('--baseline VERSION --scope NAME') },
  });
  p.write({ 'sql/shop/1_a.sql': 'create table if not exists users ()' });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
});

test('tables of an extension are not the application’s', async () => {
  await db.query('create schema old; create table old.t (); alter extension plpgsql add table old.t');
  const p = project({ url: db.url, tenants: { list: ['old'] } }, files);
  expect((await status(await p.config())).schemas[1]).not.toHaveProperty('unmanaged');
  await db.query('alter extension plpgsql drop table old.t');
  expect((await status(await p.config())).schemas[1]).toMatchObject({ unmanaged: true });
});

test('a schema that another run builds while it is read is not taken for one that is not managed', async () => {
  await db.query('create schema bare; create schema "full"; create table "full".users ()');
  const config = await project({ url: db.url, tenants: { list: ['bare', 'full'] } }, files).config();
  const session = await testSession(db.url);
  let isBuilt = false;
  const read: Session['read'] = async (text, ...more) => {
    // Between the query of the histories and that of the tables.
    if (text.includes('pg_depend') && !isBuilt) {
      isBuilt = true;
      await up(config, { select: { kind: 'tenants', names: ['bare'] } });
    }
    return session.read(text, ...more);
  };
  const reader = { session: { ...session, read }, spares: async () => [] };
  const basis = { scope: 'tenant', files: [], options: completePlan({}, config) } as const;
  const requests = ['bare', 'full'].map((schema) => ({ schema, basis }));
  const found = await readTargets(requests, reader, 'schema_migrations');
  expect(found.map(({ isUnmanaged, rows }) => [isUnmanaged, rows.length])).toEqual([
    [false, 1],
    [true, 0],
  ]);
  await session.close();
});
