import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { sqlmig, start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { unreliableProxy } from './setup/proxy.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
let version: number;
beforeAll(async () => {
  db = await freshDatabase();
  version = Number((await db.query('show server_version_num'))[0]?.server_version_num);
});

const settingsOf = (name: string) => ({ url: db.url, tenants: { list: [name] }, historyTable: name });

test('transaction_timeout of the database is lifted, in files within a transaction and without one', async () => {
  if (version < 170_000) return;
  const p = project(settingsOf('timed'), {
    'sql/public/1_p.sql': 'select pg_sleep(1.5)',
    'sql/tenant/1_a.sql': 'create table a (); select pg_sleep(1.5)',
    'sql/tenant/2_b.sql': '-- sqlmig: no-transaction\nselect pg_sleep(1.5);',
  });
  await db.query(`alter database ${db.name} set transaction_timeout = '1s'`);
  try {
    const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  } finally {
    await db.query(`alter database ${db.name} reset transaction_timeout`);
  }
});

test('what the server said last is told, with its SQLSTATE', async () => {
  const session = await testSession(db.url);
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sqlmig test' and datname = current_database()`,
  );
  while (!session.lost) await delay(10);
  await expect(session.run('select 1')).rejects.toMatchObject({
    message: 'terminating connection due to administrator command',
    sqlstate: '57P01',
  });
  const p = project(settingsOf('fatal'), {
    'sql/tenant/1_a.sql': `select pg_terminate_backend(pg_backend_pid())`,
  });
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(1);
  expect(stderr).toContain('terminating connection due to administrator command');
  expect(stderr).toContain('57P01');
});

test('default_transaction_read_only is respected before anything is tried, unless it is told not to be', async () => {
  const p = project(settingsOf('reads'), { 'sql/tenant/1_a.sql': 'create table a ()' });
  await db.query(`alter database ${db.name} set default_transaction_read_only = on`);
  try {
    for (const args of [
      ['up', '--all'],
      ['tenant', 'create', 'reads'],
      ['repair', '--all', '--yes'],
    ]) {
      const { code, stderr } = await sqlmig(args, p.dir);
      expect({ code, stderr }).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('error[read-only]'),
      });
      expect(stderr.match(/error\[/g)).toHaveLength(1);
      expect(stderr).toContain(`set for the database "${db.name}" (ALTER DATABASE)`);
    }
    expect(await sqlmig(['status'], p.dir)).toMatchObject({ code: 0 });
    p.write({
      'sql/tenant/2_i.sql': 'create index concurrently a_i on a ((true))',
      'sql/public/1_p.sql': 'create table read_only_p ()',
    });
    const up = await sqlmig(['up', '--all', '--ignore-read-only'], p.dir);
    expect(up).toMatchObject({ code: 0, stderr: expect.not.stringContaining('error[') });
  } finally {
    await db.query(
      `set default_transaction_read_only = off; alter database ${db.name} reset default_transaction_read_only`,
    );
  }
});

test('a standby is called one, and the error points to a URL of several hosts', async () => {
  const server = await ownServer();
  await server.becomeStandby();
  const p = project({ ...settingsOf('standby'), url: server.url }, { 'sql/tenant/1_a.sql': '' });
  const { code, stderr } = await sqlmig(['up', '--all', '--ignore-read-only'], p.dir);
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('is a standby') });
  expect(stderr).toContain('target_session_attrs=read-write');
});

test('a history that somebody has locked: status, plan and up tell who holds it, and give up', async () => {
  const p = project(settingsOf('locked'), { 'sql/tenant/1_a.sql': 'create table a ()' });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  const holder = await testSession(db.url);
  const [row] = await holder.run('begin; lock table locked.locked; select pg_backend_pid() as pid');
  const commands = [['status'], ['plan'], ['verify'], ['up', '--all', '--wait-for-lock', '3s']];
  const ended = await Promise.all(commands.map((args) => sqlmig(args, p.dir)));
  for (const { code, stderr } of ended) {
    expect(code).toBe(4);
    expect(stderr).toContain('error[lock-timeout]');
    expect(stderr).toContain(`locked.locked is locked by backend ${row?.pid}`);
    expect(stderr).toContain('sqlmig test');
  }
  await holder.run('commit');
  await holder.close();
  expect(await sqlmig(['status', '--check'], p.dir)).toMatchObject({ code: 0 });
});

test('a lock that is gone in time costs a wait, which is told', async () => {
  const p = project({ ...settingsOf('briefly'), tenants: { query: 'select name from briefly_names' } }, {});
  await db.query(`create table briefly_names (name text); insert into briefly_names values ('briefly')`);
  p.write({ 'sql/tenant/1_a.sql': 'create table a ()' });
  const holder = await testSession(db.url);
  await holder.run('begin; lock table briefly_names');
  const run = start(['up', '--all', '--verbose'], p.dir);
  let told = '';
  run.process.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  while (!told.includes('briefly_names is locked by')) await delay(50);
  await holder.run('commit');
  await holder.close();
  expect(await run.ended).toMatchObject({ code: 0 });
});

test('a message that has been silent for long is asked about: at work it may go on, else the session is lost', async () => {
  const proxy = await unreliableProxy(db.url);
  const open = () => testSession(proxy.url, undefined, 300);
  const works = await open();
  await expect(works.run('select pg_sleep(3), 1 as one')).resolves.toMatchObject([{ one: 1 }]);
  await works.close();
  const stalled = await open();
  const answer = stalled.run('select pg_sleep(1)');
  await delay(100);
  proxy.stall(false);
  await expect(answer).rejects.toThrow(
    /no answer from the server for \d+ s, and its backend is no longer active/,
  );
  const mute = await open();
  const nothing = mute.run('select pg_sleep(1)');
  await delay(100);
  proxy.stall(true);
  await expect(nothing).rejects.toThrow(
    /no answer from the server for \d+ s, and it can no longer be reached/,
  );
});
