import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { createTenant, renameTenant, up } from '../src/index.ts';
import { nameKey } from '../src/protocol/keys.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { holdKey, holdLock, lockObjectOf } from './setup/gate.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const schemas = async (prefix: string) =>
  (
    await db.query(
      `select nspname::text as name from pg_namespace where nspname like '${prefix}%' order by 1`,
    )
  ).map(({ name }) => name);

test('the history and the rows follow, and the list has to', async () => {
  const p = project(
    { url: db.url, historyTable: 'follow', tenants: { list: ['re_old'] } },
    { 'sql/tenant/1_a.sql': 'create table a (id serial); insert into a default values' },
  );
  await up(await p.config(), { select: all });
  const renamed = await sqlmig(['tenant', 'rename', 're_old', 're "new"'], p.dir);
  expect(renamed).toMatchObject({ code: 0, stdout: 're_old  renamed to re "new"\n' });
  expect(renamed.stderr).toContain('\nthe config still lists re_old: up would create it');
  expect(renamed.stderr).toContain('does not list re "new" yet');
  expect(await schemas('re')).toEqual(['re "new"']);
  p.write({
    'sqlmig.config.json': JSON.stringify({
      url: db.url,
      historyTable: 'follow',
      tenants: { list: ['re "new"'] },
    }),
  });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
  expect(await db.query('select count(*)::int as n from "re ""new""".a')).toEqual([{ n: 1 }]);
});

test('names that are wrong, taken or not a tenant are refused', async () => {
  const p = project(
    { url: db.url, historyTable: 'wrong', tenants: { pattern: 'wr\\_%' } },
    { 'sql/tenant/1_a.sql': '' },
  );
  await db.query('create schema wr_taken; create schema plain; create table plain.t ()');
  const config = await p.config();
  await up(config, { select: { kind: 'public' } });
  await createTenant(config, { name: 'wr_a' });
  for (const [name, to, code] of [
    ['wr_a', 'pg_x', 'bad-tenant-name'],
    ['public', 'wr_x', 'bad-tenant-name'],
    ['wr_a', 'wr_taken', 'tenant-exists'],
    ['wr_none', 'wr_x', 'schema-missing'],
    ['plain', 'wr_x', 'no-history'],
    ['wr_a', 'other', 'unlisted-tenant'],
  ] as const)
    await expect(renameTenant(config, { name, to })).rejects.toMatchObject({ code });
  expect(await renameTenant(config, { name: 'wr_a', to: 'other', unlisted: true })).toMatchObject({
    state: 'renamed',
    listsOld: false,
    listsNew: false,
  });
});

test('functions and strings that have the old name are listed, and stop it unless accepted', async () => {
  const p = project(
    { url: db.url, historyTable: 'texts', tenants: { list: ['texts_a', 'texts_b'] } },
    {
      'sql/tenant/1_a.sql': `create table orders (id int);
        create function counts() returns bigint language plpgsql as 'begin return (select count(*) from orders); end';`,
    },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'tenants', names: ['texts_a'] } });
  await db.query(`create function public.report() returns bigint language plpgsql as $$ begin
      return (select count(*) from texts_a.orders);
    end $$;
    create function public.by_path() returns int language sql set search_path = texts_a as 'select 1';
    create view public.seen as select to_regclass('texts_a.orders') as o;`);
  const refused = await renameTenant(config, { name: 'texts_a', to: 'texts_b' });
  expect(refused).toMatchObject({ state: 'failed', error: { code: 'name-in-use' } });
  const messages = refused.mentions.map(({ message }) => message).join('\n');
  expect(messages).toContain('report() names texts_a: line 2: return (select count(*) from texts_a.orders);');
  expect(messages).toContain('by_path() has texts_a in its search_path');
  expect(messages).toContain('view public.seen');
  expect(messages).not.toContain('counts()');
  expect(await schemas('texts')).toEqual(['texts_a']);
  expect(await sqlmig(['tenant', 'rename', 'texts_a', 'texts_b'], p.dir)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('report() names texts_a'),
  });
  expect(await sqlmig(['tenant', 'rename', 'texts_a', 'texts_b', '--accept-mentions'], p.dir)).toMatchObject({
    code: 0,
  });
  expect(await schemas('texts')).toEqual(['texts_b']);
});

test('both names are locked, and a killed process leaves one of the two', async () => {
  const p = project(
    { url: db.url, historyTable: 'both', tenants: { list: ['lo_a', 'lo_b'] } },
    { 'sql/tenant/1_a.sql': '' },
  );
  const config = await p.config();
  await up(config, { select: { kind: 'tenants', names: ['lo_a'] } });
  const change = { name: 'lo_a', to: 'lo_b', waitForLockMs: 100 };
  for (const hold of [() => holdLock(db.url, lockObjectOf('lo_a')), () => holdKey(db.url, nameKey('lo_b'))]) {
    const release = await hold();
    expect(await renameTenant(config, change)).toMatchObject({
      state: 'failed',
      error: { code: 'lock-timeout' },
    });
    await release();
  }
  // The rename waits for a transaction that has the row of the schema.
  const release = await holdLock(db.url, lockObjectOf('lo_a'));
  const killed = start(['tenant', 'rename', 'lo_a', 'lo_b'], p.dir);
  await delay(500);
  killed.process.kill('SIGKILL');
  await killed.ended;
  await release();
  while ((await db.leftovers()).length > 0) await delay(20);
  expect(await schemas('lo')).toEqual(['lo_a']);
  const ends = await Promise.allSettled([
    renameTenant(config, { name: 'lo_a', to: 'lo_b' }),
    createTenant(config, { name: 'lo_b' }),
    up(config, { select: all }),
  ]);
  expect(ends.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(1);
  expect(await schemas('lo')).toContain('lo_b');
  expect(await db.leftovers()).toEqual([]);
});
