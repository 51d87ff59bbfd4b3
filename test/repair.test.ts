import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { lockObjects } from '../src/protocol/keys.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { holdLock, lockObjectOf } from './setup/gate.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

/** A project in which an applied file was changed since. */
async function changed(historyTable: string, tenants: readonly string[]) {
  const p = project(
    { url: db.url, historyTable, tenants: { list: tenants } },
    { 'sql/public/1_p.sql': `create table ${historyTable}_p ()`, 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  return p;
}

const states = (stdout: string) =>
  Object.fromEntries(
    JSON.parse(stdout).schemas.map((one: { schema: string; state: string; error?: { code: string } }) => [
      one.schema,
      one.error?.code ?? one.state,
    ]),
  );

test('a schema in which a run is at work is waited for, and what was changed elsewhere is told', async () => {
  const p = await changed('h_busy', ['k_a', 'k_b', 'k_c']);
  p.write({ 'sql/tenant/1_t.sql': 'create table t () -- changed' });
  const release = await holdLock(db.url, lockObjectOf('k_b'));
  const args = ['repair', '--all', '--yes', '--wait-for-lock', '500ms'];
  const { code, stdout } = await sqlmig([...args, '--json'], p.dir);
  expect(code).toBe(4);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, accepted: true });
  expect(states(stdout)).toEqual({ k_a: 'repaired', k_b: 'lock-timeout', k_c: 'repaired' });
  const text = await sqlmig(args, p.dir);
  expect(text).toMatchObject({ code: 4, stdout: expect.stringContaining('failed  1 schema: k_b') });
  expect(text.stderr).toContain('error[lock-timeout]: gave up after');
  expect(text.stderr).toContain('k_b is at 1');
  const waiting = start(['repair', '--all', '--yes', '--json'], p.dir);
  await delay(1_000);
  await release();
  const ended = await waiting.ended;
  expect(ended.code).toBe(0);
  expect(states(ended.stdout)).toEqual({ k_b: 'repaired' });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
});

test('public is waited for while tenants are migrated', async () => {
  const p = await changed('h_public', ['l_a']);
  p.write({ 'sql/public/1_p.sql': 'create table h_public_p () -- changed' });
  const release = await holdLock(db.url, String(lockObjects.fleet), { shared: true });
  const gaveUp = await sqlmig(['repair', '--all', '--yes', '--json', '--wait-for-lock', '1s'], p.dir);
  expect(gaveUp.code).toBe(4);
  expect(states(gaveUp.stdout)).toEqual({ public: 'lock-timeout' });
  const waiting = start(['repair', '--all', '--yes'], p.dir);
  await delay(3_000);
  await release();
  expect(await waiting.ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('repaired  1 schema: public'),
  });
});

test('one schema of which nothing is known does not keep the others from being repaired', async () => {
  const p = await changed('h_odd', ['m_a', 'm_b']);
  await db.query('alter table m_b.h_odd drop column run_id');
  p.write({ 'sql/tenant/1_t.sql': 'create table t () -- changed' });
  const { code, stdout } = await sqlmig(['repair', '--all', '--yes', '--json'], p.dir);
  expect(code).toBe(1);
  expect(states(stdout)).toEqual({ m_a: 'repaired', m_b: 'history-damaged' });
});

test('an interrupted migration is settled once nobody is at work in its schema', async () => {
  const p = project(
    { url: db.url, historyTable: 'h_settle', tenants: { list: ['s_a'] } },
    {
      'sql/tenant/1_t.sql':
        '-- sqlmig: no-transaction\nselect 1;\nselect 1 / count(*) from pg_class where false;',
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 1 });
  const release = await holdLock(db.url, lockObjectOf('s_a'));
  const args = ['repair', 's_a', '1', '--mark-applied', '--json'];
  const gaveUp = await sqlmig([...args, '--wait-for-lock', '500ms'], p.dir);
  expect(gaveUp.code).toBe(4);
  expect(states(gaveUp.stdout)).toEqual({ s_a: 'lock-timeout' });
  const resumed = await sqlmig(
    ['repair', 's_a', '1', '--resume', '--json', '--wait-for-lock', '500ms'],
    p.dir,
  );
  expect(resumed.code).toBe(4);
  const waiting = start(args, p.dir);
  await delay(1_000);
  await release();
  const ended = await waiting.ended;
  expect(ended.code).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({ ok: true, file: 'sql/tenant/1_t.sql' });
  expect(states(ended.stdout)).toEqual({ s_a: 'repaired' });
});

test('SIGTERM ends a repair that waits, and what it has not changed is told', async () => {
  const p = await changed('h_term', ['v_a', 'v_b']);
  p.write({ 'sql/tenant/1_t.sql': 'create table t () -- changed' });
  const release = await holdLock(db.url, lockObjectOf('v_b'));
  const waiting = start(['repair', '--all', '--yes', '--json'], p.dir);
  for (let tries = 0; tries < 1_200; tries++) {
    const rows = await db.query(`select from v_a.h_term where checksum <> (select checksum from v_b.h_term)`);
    if (rows.length > 0) break;
    await delay(50);
  }
  waiting.process.kill('SIGTERM');
  const { code, stdout } = await waiting.ended;
  expect(code).toBe(143);
  expect(states(stdout)).toEqual({ v_a: 'repaired', v_b: 'interrupted' });
  await release();
});

test('a selection is settled at once, with an outcome for each schema', async () => {
  const p = project(
    { url: db.url, historyTable: 'h_all', tenants: { list: ['r_a', 'r_b', 'r_c', 'r_d', 'r_e'] } },
    {
      'sql/tenant/1_t.sql': 'create table t (id int); insert into t values (1), (1)',
      'sql/tenant/2_i.sql': 'create unique index concurrently t_id on t (id)',
    },
  );
  expect(await sqlmig(['up', '--tenants', 'r_a,r_b,r_c,r_d', '--max-failures', '9'], p.dir)).toMatchObject({
    code: 1,
  });
  await db.query(`delete from r_a.t; delete from r_b.t;
    update r_d.h_all set checksum = 'x' where version = 2`);
  for (const args of [
    ['repair', '--resume'],
    ['repair', 'r_a', '2', '--all', '--resume'],
  ])
    expect(await sqlmig(args, p.dir)).toMatchObject({ code: 2 });
  const { code, stdout } = await sqlmig(
    ['repair', '--tenants', 'r_a,r_c,r_d,r_e', '--resume', '--json'],
    p.dir,
  );
  expect(code).toBe(1);
  expect(states(stdout)).toEqual({ r_a: 'repaired', r_c: 'migration-failed', r_d: 'checksum-changed' });
  expect(JSON.parse(stdout).incomplete).toMatchObject([
    { schema: 'r_a', file: 'sql/tenant/2_i.sql', atStatement: 1, invalidIndexes: ['t_id'] },
    { schema: 'r_c' },
    { schema: 'r_d' },
  ]);
  await db.query('delete from r_c.t; drop index r_d.t_id');
  const all = await sqlmig(['repair', '--all', '--resume', '--concurrent-index-jobs', '2'], p.dir);
  expect(all).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('sql/tenant/2_i.sql stopped in r_b, r_c at statement 1 of 1 (0 done)'),
  });
  expect(all.stdout).toContain('repaired  2 schemas: r_b, r_c\nfailed  1 schema: r_d\n');
  expect(await sqlmig(['repair', '--all', '--mark-applied'], p.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('repaired  1 schema: r_d\nsettled\n'),
  });
  expect(await sqlmig(['repair', '--all', '--resume'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'no migration is incomplete\n',
  });
});

test('a statement to go on with is for one file', async () => {
  const p = project(
    { url: db.url, historyTable: 'h_from', tenants: { list: ['f_a', 'f_b'] } },
    {
      'sql/tenant/1_t.sql': '-- sqlmig: no-transaction\nselect 1;\nselect 2;',
      'sql/tenant/2_t.sql': '-- sqlmig: no-transaction\nselect 1;\nselect 2;',
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  const begin = (schema: string, version: number) =>
    db.query(
      `update ${schema}.h_from set state = 'incomplete', at_statement = 2, done_statements = 1 where version = ${version}`,
    );
  await begin('f_a', 1);
  await begin('f_b', 2);
  const args = ['repair', '--all', '--from-statement', '2'];
  expect(await sqlmig(args, p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('incomplete in 2 files: sql/tenant/1_t.sql, sql/tenant/2_t.sql'),
  });
  await db.query(`update f_b.h_from set state = 'applied', at_statement = null, done_statements = 2`);
  await begin('f_b', 1);
  expect(await sqlmig(args, p.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('repaired  2 schemas: f_a, f_b'),
  });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
});

test('--from-statement cannot exceed the file, nor skip what never started in a selected schema', async () => {
  const p = project(
    { url: db.url, historyTable: 'h_beyond', tenants: { list: ['b_a', 'b_b'] } },
    {
      'sql/tenant/1_t.sql': 'create table beyond (id int)',
      'sql/tenant/2_i.sql': `create index concurrently beyond_1 on beyond (id);
create index concurrently beyond_2 on beyond (id);
vacuum beyond;`,
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  const stop = (schema: string, at: number) =>
    db.query(
      `update ${schema}.h_beyond set state = 'incomplete', at_statement = ${at}, done_statements = ${at - 1} where version = 2`,
    );
  const row = async (schema: string) =>
    (await db.query(`select state, done_statements as done from ${schema}.h_beyond where version = 2`))[0];
  await stop('b_a', 1);
  await stop('b_b', 3);
  for (const which of [['b_a', '2'], ['--all']]) {
    expect(await sqlmig(['repair', ...which, '--from-statement', '5'], p.dir)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        '--from-statement 5 is out of range: sql/tenant/2_i.sql has 3 statements',
      ),
    });
  }
  expect(await row('b_a')).toEqual({ state: 'incomplete', done: 0 });

  await db.query('drop index b_a.beyond_1, b_a.beyond_2');
  const { code, stdout } = await sqlmig(['repair', '--all', '--from-statement', '3', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).schemas).toMatchObject([
    {
      schema: 'b_a',
      state: 'failed',
      error: {
        code: 'bad-usage',
        statement: 2,
        hint: 'settle this schema on its own: sqlmig repair b_a 2 --resume',
      },
    },
    { schema: 'b_b', state: 'repaired' },
  ]);
  expect(await row('b_a')).toEqual({ state: 'incomplete', done: 0 });
  expect(await sqlmig(['repair', 'b_a', '2', '--resume'], p.dir)).toMatchObject({ code: 0 });

  await stop('b_b', 2);
  expect(await sqlmig(['repair', 'b_b', '2', '--from-statement', '4'], p.dir)).toMatchObject({ code: 0 });
  expect(await row('b_b')).toEqual({ state: 'applied', done: 3 });
});
