import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { sqlmig, start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { effectsTable, leavesEffect } from './setup/effects.ts';
import { numbered, project } from './setup/project.ts';

// Nobody writes the log of asynchronous commits out for so long: a crash loses all that was not flushed on purpose.
const lazy = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' };
const tenants = numbered('t', 200);
const files = {
  'sql/public/1_effects.sql': effectsTable,
  'sql/tenant/1_a.sql': leavesEffect(
    'tenant',
    1,
    'create table a (id int primary key); select pg_sleep(0.02);',
  ),
  'sql/tenant/2_b.sql': leavesEffect('tenant', 2, 'create table b (id int references a);'),
};
const effects = `select schema, version, count(*)::int as n from effects where scope = 'tenant' group by 1, 2`;
const locks = `select count(*)::int as n from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;

test('the server crashes in the middle of 200 tenants: what it lost is done again, everything exactly once', async () => {
  const server = await ownServer(lazy);
  const p = project({ url: server.url, tenants: { list: tenants } }, files);
  const run = start(['up', '--all', '--max-failures', '100%'], p.dir);
  const enough = async () => {
    const [row] = await server.query(`select to_regclass('effects') is not null as there`);
    return row?.there === true && (await server.query(effects)).length > 80;
  };
  while (!(await enough())) await delay(20);
  await server.crash();
  const { code, stderr } = await run.ended;
  expect(stderr).not.toMatch(/uncaught|unhandled|TypeError/i);
  // A run that says it is done must be: what it had told before the crash as well.
  if (code === 0) expect(await server.query(effects)).toHaveLength(400);

  expect(await sqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
  const all = await server.query(effects);
  expect(all).toHaveLength(400);
  expect(all.filter((effect) => effect.n !== 1)).toEqual([]);
  expect(await server.query(locks)).toEqual([{ n: 0 }]);
});

test('a crash right after success was told loses nothing, although commits did not wait for the disk', async () => {
  const server = await ownServer(lazy);
  const p = project({ url: server.url, tenants: { list: numbered('t', 20) } }, files);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  await server.crash();
  expect(await server.query(effects)).toHaveLength(40);
  expect((await sqlmig(['up', '--all'], p.dir)).stderr).toContain('0 applied, 21 up to date');
});

test('commits of tenants wait for the disk with --sync only, those of public always', async () => {
  const server = await ownServer(lazy);
  const seen = `create table seen as select current_setting('synchronous_commit') as s`;
  const p = project(
    { url: server.url, tenants: { list: ['lazy'] } },
    { 'sql/public/1_p.sql': seen, 'sql/tenant/1_t.sql': seen },
  );
  await sqlmig(['up', '--all'], p.dir);
  await sqlmig(['tenant', 'create', 'eager', '--sync', '--unlisted'], p.dir);
  expect(
    await server.query(
      `select (select s from public.seen) as public, (select s from lazy.seen) as lazy, (select s from eager.seen) as eager`,
    ),
  ).toEqual([{ public: 'on', lazy: 'off', eager: 'on' }]);
});
