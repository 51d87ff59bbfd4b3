import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { up, verify } from '../src/index.ts';
import { citusServer, startCitus } from './setup/citus.ts';
import { numbered, project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

const native = citusServer();
if (native === null) console.log('skipped: no Citus here');
const it = native === null ? test.skip : test;

const all = { kind: 'all', except: [] } as const;

it('tenants on two workers: indexes, a reference table, guards, a worker whose sessions end', async () => {
  const { coordinator, workers } = await startCitus(native as string);
  const tenants = numbered('t', 6);
  const p = project(
    { url: coordinator.url, tenants: { list: tenants }, concurrency: 3 },
    {
      'sql/public/1_plans.sql': `create table plans (id int primary key, name text); insert into plans values (1);
        select create_reference_table('plans');`,
      'sql/tenant/1_t.sql': `create table t (id int primary key, plan int references plans);
        create index on t (plan); insert into t values (1, 1);`,
      'sql/tenant/2_more.sql': `do $$ begin insert into t values (2, 1); end $$; create index more on t (id, plan);`,
    },
  );
  const wrong = project({ url: workers[0].url, tenants: { list: tenants } });
  await expect(up(await wrong.config(), { select: all })).rejects.toMatchObject({ code: 'config-invalid' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 7 });
  const places = await coordinator.query(
    'select count(distinct nodeport)::int as n from citus_shards where nodeport <> inet_server_port()',
  );
  expect(places).toEqual([{ n: 2 }]);

  for (const [text, code] of [
    [`update plans set name = 'x'`, 'changes-public'],
    ['insert into t_2.t values (3)', 'changes-other-schema'],
    ['delete from schema_migrations', 'changes-history'],
  ] as const) {
    p.write({ 'sql/tenant/3_bad.sql': `insert into t values (3);\n${text};` });
    const { schemas } = await up(await p.config(), { select: { kind: 'tenants', names: ['t_1'] } });
    expect(schemas[1]?.error).toMatchObject({ code });
  }

  // Waits on the server that has the tenant.
  const holder = await testSession(workers[0].url);
  await holder.run('select pg_advisory_lock(7)');
  p.write({
    'sql/tenant/3_bad.sql':
      'insert into t values (3); select pg_advisory_xact_lock(7) from t limit 1; create index on t (plan, id)',
  });
  const run = up(await p.config(), { select: all });
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory'`;
  while ((await workers[0].query(end)).length === 0) await delay(20);
  await holder.close();
  await run;
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await verify(await p.config())).toMatchObject({ ok: true });
  const rows = tenants.map((tenant) => `select sum(id) from ${tenant}.t having count(*) = 3`);
  expect(await coordinator.query(rows.join(' union all '))).toEqual(tenants.map(() => ({ sum: '6' })));
});
