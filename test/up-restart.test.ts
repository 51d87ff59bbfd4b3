import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { serverAccount } from '../src/embedded/account.ts';
import { serverBinaries } from '../src/embedded/binaries.ts';
import { type Cluster, ensureCluster, type RunningServer, startCluster } from '../src/embedded/cluster.ts';
import { sqlmig, start } from './setup/cli.ts';
import { effectsTable, leavesEffect } from './setup/effects.ts';
import { numbered, project } from './setup/project.ts';

/** Starts again on the port that the first start got. */
async function restart(cluster: Cluster, port: string): Promise<RunningServer> {
  for (let tries = 0; ; tries++) {
    try {
      return await startCluster({ ...cluster, settings: { ...cluster.settings, port } });
    } catch (error) {
      if (tries === 20) throw error;
      await delay(100);
    }
  }
}

test('the server restarts at once in the middle of 200 tenants: everything exactly once', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-restart-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const account = serverAccount();
  const native = serverBinaries(fileURLToPath(new URL('..', import.meta.url)), account);
  const cluster = { dir: `${dir}-cluster`, native, account, settings: { synchronous_commit: 'on' } };
  onTestFinished(() => rmSync(cluster.dir, { recursive: true, force: true }));
  ensureCluster(cluster);
  let server = await startCluster(cluster);
  const port = new URL(server.url).port;
  onTestFinished(() => server.stop());

  const tenants = numbered('t', 200);
  const p = project(
    { url: server.url, tenants: { list: tenants } },
    {
      'sql/public/1_effects.sql': effectsTable,
      'sql/tenant/1_a.sql': leavesEffect(
        'tenant',
        1,
        'create table a (id int primary key); select pg_sleep(0.02);',
      ),
      'sql/tenant/2_b.sql': leavesEffect('tenant', 2, 'create table b (id int references a);'),
    },
  );
  const query = async (text: string) => {
    const sql = postgres(server.url, { max: 1, fetch_types: false, onnotice: () => {} });
    return [...(await sql.unsafe(text).finally(() => sql.end({ timeout: 1 })))];
  };
  const run = start(['up', '--all', '--max-failures', '100%'], p.dir);
  const enough = async () => {
    const [row] = await query(`select to_regclass('effects') is not null as there`);
    return row?.there === true && Number((await query('select count(*)::int as n from effects'))[0]?.n) > 80;
  };
  while (!(await enough())) await delay(20);
  const ended = new Promise((resolve) => server.process.once('exit', resolve));
  server.process.kill('SIGQUIT');
  await ended;
  server = await restart(cluster, port);
  const { stderr } = await run.ended;
  expect(stderr).not.toMatch(/uncaught|unhandled|TypeError/i);

  expect(await sqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
  const effects = await query(
    `select schema, version, count(*)::int as n from effects where scope = 'tenant' group by 1, 2`,
  );
  expect(effects).toHaveLength(400);
  expect(effects.filter((effect) => effect.n !== 1)).toEqual([]);
  expect(await query(`select count(*)::int as n from pg_locks where locktype = 'advisory'`)).toEqual([
    { n: 0 },
  ]);
});
