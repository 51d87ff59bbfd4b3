import { beforeAll, expect, test } from 'vitest';
import { readStoredDigests, storeDigests } from '../src/execute/kept-digest.ts';
import { up } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project, type TestProject } from './setup/project.ts';
import { countingProxy } from './setup/proxy.ts';
import { testContext, testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const files = { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/tenant/2_b.sql': 'create table b ()' };

/** Tenants with both files whose digests are kept. */
async function kept(prefix: string, n = 20): Promise<TestProject> {
  const p = project(
    { url: db.url, tenants: { list: numbered(prefix, n) }, historyTable: prefix, digest: true },
    files,
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect((await keptOf(prefix)).sort()).toEqual(numbered(prefix, n).sort());
  return p;
}

async function keptOf(table: string): Promise<string[]> {
  const session = await testSession(db.url);
  const digests = await readStoredDigests(session, { publicSchema: 'public', table });
  await session.close();
  return [...digests.keys()];
}

test('with digests kept, nothing to do is told without reading the tables', async () => {
  const proxy = await countingProxy(db.url);
  const tenants = numbered('many', 300);
  const p = project({ url: proxy.url, tenants: { list: tenants }, historyTable: 'many' }, files);
  await up(await p.config(), { select: all });
  const config = await p.config();
  const look = async (digest: boolean) => {
    const result = await up({ ...config, digest }, { select: all });
    expect(result).toMatchObject({ ok: true, applied: 0, upToDate: 301 });
  };
  const reading = await proxy.during(() => look(false));
  await look(true);
  const believing = await proxy.during(() => look(true));
  // Six batches and the greeting of a second session against one query.
  expect(reading - believing).toBeGreaterThanOrEqual(5);
});

test.for([
  [
    'a row deleted by hand',
    'delete from edited_5.edited where version = 2',
    { applied: 1 },
    'drop table edited_5.b',
  ],
  [
    'a row deleted while triggers are off',
    'set session_replication_role = replica; delete from edited_5.edited where version = 2; reset session_replication_role',
    { applied: 1 },
    'drop table edited_5.b',
  ],
  ['a truncated history', 'truncate edited_5.edited', { applied: 1 }, 'drop table edited_5.a, edited_5.b'],
  ['a changed checksum', `update edited_5.edited set checksum = 'x' where version = 1`, { failed: 1 }, ''],
  [
    'a row deleted by one who does not own the table',
    'set role clerk; delete from edited_5.edited where version = 2; reset role',
    { applied: 1 },
    'drop table edited_5.b',
  ],
] as const)('%s is noticed by the very next run', async ([, edit, expected, before]) => {
  await db.query(
    `do $$ begin if not exists (select from pg_roles where rolname = 'clerk') then create role clerk; grant clerk to current_user; end if; end $$`,
  );
  await db.query(
    numbered('edited', 20)
      .map((name) => `drop schema if exists ${name} cascade;`)
      .join(''),
  );
  const p = await kept('edited');
  await db.query('grant usage on schema edited_5 to clerk; grant all on edited_5.edited to clerk');
  await db.query(`${before}; ${edit}`);
  expect(await keptOf('edited')).not.toContain('edited_5');
  expect(await up(await p.config(), { select: all })).toMatchObject(expected);
});

test('a run that keeps no digests, and repair, take away those of what they change', async () => {
  const p = await kept('plain');
  p.write({ 'sql/tenant/3_c.sql': 'create table c ()' });
  const config = await p.config();
  const some = { kind: 'tenants', names: ['plain_3'] } as const;
  expect(await up({ ...config, digest: false }, { select: some })).toMatchObject({ ok: true, applied: 1 });
  expect(await keptOf('plain')).not.toContain('plain_3');
  p.remove('sql/tenant/3_c.sql');
  await up(await p.config(), { select: all });
  expect(await keptOf('plain')).toHaveLength(20);
  p.write({ 'sql/tenant/1_a.sql': 'create table a ( )' });
  const { code, stderr } = await sqlmig(['repair', '--all', '--yes'], p.dir);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(await keptOf('plain')).toEqual([]);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
});

test('a history that somebody is writing to is left out, and so is one with a comment of its own', async () => {
  const p = await kept('busy');
  const config = await p.config();
  await db.query(`comment on table busy_2.busy is 'ours'; update busy_4.busy set run_id = run_id`);
  const writer = await testSession(db.url);
  await writer.run(
    `begin; insert into busy_4.busy (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) values (0, 'x', 'x', 'x', 'x', 'applied', 'tenant', 1, 1)`,
  );
  const session = await testSession(db.url);
  await storeDigests(session, ['busy_2', 'busy_4', 'busy_6', 'gone'], {
    ...testContext,
    table: 'busy',
  });
  await session.close();
  const now = await keptOf('busy');
  expect([now.includes('busy_2'), now.includes('busy_4'), now.includes('busy_6')]).toEqual([
    false,
    false,
    true,
  ]);
  await writer.run('commit');
  await writer.close();
  expect(await db.query(`select obj_description('busy_2.busy'::regclass) as comment`)).toEqual([
    { comment: 'ours' },
  ]);
  const result = await up(config, { select: all });
  expect(result).toMatchObject({ ok: true });
});

test('without its trigger a digest is not believed', async () => {
  const p = await kept('bare');
  await db.query(
    `alter table bare_1.bare disable trigger sqlmig_digest; drop trigger sqlmig_digest on bare_2.bare; alter table bare_3.bare enable trigger sqlmig_digest`,
  );
  const now = await keptOf('bare');
  expect(['bare_1', 'bare_2', 'bare_3', 'bare_4'].filter((name) => now.includes(name))).toEqual(['bare_4']);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
  expect(await keptOf('bare')).toHaveLength(20);
});
