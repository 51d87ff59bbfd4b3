import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

test('shows who holds what and what was left behind, and ends a backend on demand', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql': 'create table a (id int)',
      'sql/tenant/2_i.sql': '-- sqlmig: no-transaction\nselect 1; select pg_sleep(60)',
    },
  );
  expect(await sqlmig(['locks'], p.dir)).toMatchObject({ code: 0, stdout: 'no locks are held\n' });
  const run = start(['up', '--all', '--json'], p.dir);
  const sleeping = `select pid from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(sleeping)).length === 0) await delay(20);
  const [row] = await db.query(sleeping);
  const pid = String(row?.pid);
  const held = await sqlmig(['locks'], p.dir);
  expect(held.stdout).toMatch(
    new RegExp(`^acme +held +exclusive +\\d+ s +backend ${pid} .*run [0-9a-f]{8} at 2 on `, 'm'),
  );
  expect(held.stdout).toMatch(/^\(fleet\) +held +shared/m);
  expect(await sqlmig(['locks', '--kill', '1', '--yes'], p.dir)).toMatchObject({ code: 2 });
  expect(await sqlmig(['locks', '--kill', pid], p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`backend ${pid}: run`),
  });
  const killed = await sqlmig(['locks', '--kill', pid, '--yes'], p.dir);
  expect(killed).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^if run [0-9a-f]{8} is still running, it will retry acme/m),
  });
  expect(await run.ended).toMatchObject({ code: 1 });
  const left = await sqlmig(['locks', '--json'], p.dir);
  expect(JSON.parse(left.stdout)).toMatchObject({
    holders: [],
    incomplete: [{ kind: 'incomplete', schema: 'acme', version: '2' }],
  });
});
