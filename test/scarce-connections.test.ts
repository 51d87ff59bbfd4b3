import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { spawnSqlmig, sqlmig, start } from './setup/cli.ts';
import { type OwnServer, ownServer } from './setup/cluster.ts';
import { numbered, project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

const tenants = numbered('t', 12);
const files = {
  'sql/public/1_p.sql': 'create table p (id int)',
  'sql/tenant/1_a.sql': 'create table a (id int)',
  'sql/tenant/2_i.sql': 'create index concurrently a_id on a (id)',
  'sql/tenant/3_b.sql': 'create table b (id int)',
};

/** The URL of a role without any rights but on this database. */
async function roleOf(server: OwnServer, limit = ''): Promise<string> {
  await server.query(`create role app login password 'app' ${limit}`);
  await server.query('grant create on database postgres to app; grant all on schema public to app');
  return Object.assign(new URL(server.url), { username: 'app', password: 'app' }).href;
}

async function expectDone(server: OwnServer): Promise<void> {
  const [row] = await server.query(
    `select count(*)::int as n from pg_class where relname in ('a', 'b', 'a_id')`,
  );
  expect(row).toEqual({ n: 3 * tenants.length });
}

test('a role with CONNECTION LIMIT 1: everything goes over the one session, and that is said once', async () => {
  const server = await ownServer();
  const url = await roleOf(server, 'connection limit 1');
  const p = project({ url, tenants: { list: tenants } }, files);
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr.match(/accepts no more sessions/g)).toHaveLength(1);
  await expectDone(server);
  p.write({ 'sql/tenant/4_c.sql': '-- sqlmig: no-transaction\nselect 1;\nselect 1 / 0;' });
  expect(await sqlmig(['up', '--tenants', 't_1'], p.dir)).toMatchObject({ code: 1 });
  for (const args of [
    ['status'],
    ['repair', 't_1', '4', '--mark-applied'],
    ['tenant', 'create', 't_1', '--if-not-exists'],
    ['up', '--all', '--rehearse'],
    ['locks'],
  ])
    expect({ args, ...(await sqlmig(args, p.dir)) }).toMatchObject({ args, code: 0 });
});

test('a session that is kept for tenants gives its place to public', async () => {
  const server = await ownServer();
  const url = await roleOf(server, 'connection limit 2');
  const many = numbered('m', 120);
  const p = project({ url, tenants: { list: many } }, { 'sql/tenant/1_a.sql': 'create table a (id int)' });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  p.write({
    'sql/public/1_p.sql': 'create table p (id int)',
    'sql/tenant/2_b.sql': 'create table b (id int)',
  });
  const { code, stderr } = await sqlmig(['up', '--all', '--concurrency', '1'], p.dir);
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('accepts no more sessions'),
  });
  expect(await server.query(`select count(*)::int as n from pg_class where relname in ('b', 'p')`)).toEqual([
    { n: 121 },
  ]);
});

test('a server with one slot left: the same', async () => {
  const server = await ownServer({ max_connections: '12', superuser_reserved_connections: '3' });
  const url = await roleOf(server);
  const p = project({ url, tenants: { list: tenants } }, files);
  const others = await Promise.all(Array.from({ length: 8 }, () => testSession(server.url)));
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('accepts no more sessions'),
  });
  await expectDone(server);
  await Promise.all(others.map((session) => session.close()));
});

test('a server without a free slot is waited for with --wait, and for some seconds without', async () => {
  const server = await ownServer();
  const url = await roleOf(server, 'connection limit 0');
  const p = project({ url, tenants: { list: tenants } }, files);
  const runs = [start(['up', '--all', '--wait', '60s'], p.dir), start(['up', '--all'], p.dir)];
  await delay(1_500);
  await server.query('alter role app connection limit 2');
  const ended = await Promise.all(runs.map((run) => run.ended));
  expect(ended.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0]);
  await expectDone(server);
});

// 50 replicas and 100 slots: SQLMIG_TEST_REPLICAS=50 npx vitest run test/scarce-connections.test.ts --testTimeout 600000
const replicas = Number(process.env.SQLMIG_TEST_REPLICAS ?? 8);

test(`${replicas} replicas start on a server with twice as many slots: all are done`, async () => {
  const server = await ownServer({
    max_connections: String(2 * replicas),
    superuser_reserved_connections: '3',
  });
  const url = await roleOf(server);
  const p = project({ url, tenants: { list: tenants } }, files);
  const runs = await Promise.all(
    Array.from({ length: replicas }, () => spawnSqlmig(['up', '--all', '--wait', '60s'], p.dir)),
  );
  expect(runs.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(runs.map(() => 0));
  await expectDone(server);
});
