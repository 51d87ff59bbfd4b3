import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { type Ended, type Running, sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project, type TestProject } from './setup/project.ts';
import { tellingProxy, unreliableProxy } from './setup/proxy.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

/** The end of a run that must not take forever. */
async function endOf(run: Running, ms = 45_000): Promise<Ended> {
  const late = setTimeout(() => run.process.kill('SIGKILL'), ms);
  const ended = await run.ended;
  clearTimeout(late);
  return ended;
}

/** Every end has a documented exit code and, where it is not 0, an error that says why. */
function expectDocumented({ code, signal, stderr }: Ended) {
  expect({ code, signal, stderr }).toMatchObject({ signal: null, code: expect.toBeOneOf([0, 1, 3, 4]) });
  expect(stderr).not.toMatch(/unhandled|uncaught|TypeError|unsettled top-level|at .*engine\.cjs/i);
  if (code !== 0) expect(stderr).toMatch(/error\[[a-z-]+\]: \S/);
}

test('all connections are reset while a non-transactional file runs: the run ends, and says how', async () => {
  const proxy = await unreliableProxy(db.url);
  const p = project(
    { url: proxy.url, tenants: { list: numbered('v', 12) }, historyTable: 'cut_once' },
    { 'sql/tenant/2_v.sql': '-- sqlmig: no-transaction\nselect pg_sleep(0.4);' },
  );
  const run = start(['up', '--all'], p.dir);
  const begun = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;
  while ((await db.query(begun))[0]?.n === 0) await delay(20);
  proxy.cut();
  expectDocumented(await endOf(run));
});

// SQLMIG_TEST_CUTS=200 npx vitest run test/cuts.test.ts --testTimeout 3600000
const cuts = Number(process.env.SQLMIG_TEST_CUTS ?? 8);

test(
  `all connections are reset at ${cuts} random moments: every run ends as documented, everything exactly once`,
  async () => {
    await db.query('create table effects (schema text, version int)');
    const effect = (version: number) => `insert into public.effects values (current_schema(), ${version});`;
    const files = (whole: boolean) => ({
      'sql/tenant/1_a.sql': `-- sqlmig: allow-public\ncreate table a (id int); select pg_sleep(0.02); ${effect(1)}`,
      'sql/tenant/2_b.sql': whole
        ? `-- sqlmig: allow-public\n${effect(2)}`
        : `-- sqlmig: no-transaction\n-- sqlmig: allow-public\n${effect(2)}\nselect pg_sleep(0.05);`,
      'sql/tenant/3_c.sql': `-- sqlmig: allow-public\n${effect(3)}`,
    });
    const attempt = async (i: number) => {
      const proxy = await unreliableProxy(db.url);
      const whole = i % 2 === 0;
      const tenants = numbered(`cut${i}`, 12);
      const settings = { url: proxy.url, tenants: { list: tenants }, historyTable: `cut_${i}` };
      const p = project(settings, files(whole));
      const run = start(['up', '--all', '--max-failures', '100%'], p.dir);
      await delay(200 + Math.random() * (whole ? 900 : 1_600));
      proxy.cut();
      expectDocumented(await endOf(run));
      const again = await endOf(start(['up', '--all', '--max-failures', '100%', '--url', db.url], p.dir));
      expectDocumented(again);
      if (whole) expect(again.code).toBe(0);
      // What stopped within a file is left to a person; nothing is ever done twice, and all else is done.
      const rows = await db.query(`select schema, count(*)::int as n, count(distinct version)::int as versions
      from effects where schema like 'cut${i}\\_%' group by 1`);
      expect(rows.filter(({ n, versions }) => n !== versions)).toEqual([]);
      const done = await Promise.all(
        tenants.map((tenant) =>
          db.query(`select count(*) filter (where state = 'applied')::int as applied,
          count(*) filter (where state = 'incomplete')::int as incomplete from "${tenant}"."cut_${i}"`),
        ),
      );
      expect(
        done.flat().filter(({ applied, incomplete }) => Number(applied) + 2 * Number(incomplete) < 3),
      ).toEqual([]);
    };
    for (let i = 0; i < cuts; i += 2) await Promise.all([attempt(i), attempt(i + 1)]);
  },
  Math.max(60_000, cuts * 20_000),
);

const slow = (p: TestProject, args: readonly string[] = ['up', '--all']) => start(args, p.dir);
const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`;

test('SIGTERM ends a run whose connections answer no more, and what is not known is called that', async () => {
  const proxy = await unreliableProxy(db.url);
  const p = project(
    {
      url: proxy.url,
      tenants: { list: ['mute_1', 'mute_2', 'mute_3'] },
      concurrency: 2,
      historyTable: 'mute',
    },
    { 'sql/tenant/1_slow.sql': 'create table slow (); select pg_sleep(60)' },
  );
  const run = slow(p);
  while ((await db.query(sleeping))[0]?.n !== 2) await delay(20);
  proxy.stall(true);
  run.process.kill('SIGTERM');
  // It ends within the ten seconds that a container has; a loaded machine gets some more.
  const { code, signal, stderr } = await endOf(run, 20_000);
  expect({ code, signal }).toEqual({ code: 143, signal: null });
  expect(stderr).toMatch(/the state of mute_\d is unknown/);
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`,
  );
});

test('what was committed before an interruption is told, although its connection was lost', async () => {
  const proxy = await unreliableProxy(db.url);
  // An interrupted run has two seconds to look again, too few for a busy machine once in a while.
  for (const tenant of ['told', 'again', 'at_last']) {
    const p = project(
      { url: proxy.url, tenants: { list: [tenant] }, historyTable: tenant },
      {
        'sql/tenant/1_quick.sql': 'create table quick ()',
        'sql/tenant/2_slow.sql': '-- sqlmig: own-transaction\nselect pg_sleep(2)',
      },
    );
    const run = slow(p, ['up', '--all', '--json']);
    while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
    proxy.stall(false);
    run.process.kill('SIGTERM');
    const { code, stdout } = await endOf(run, 20_000);
    expect(code).toBe(143);
    const { migrations, error } = JSON.parse(stdout).schemas.find(
      ({ schema }: { schema: string }) => schema === tenant,
    );
    expect(migrations).toMatchObject([{ version: '1' }, { version: '2' }].slice(0, migrations.length));
    if (migrations.length > 0) return;
    expect(error).toMatchObject({ state: expect.stringContaining(`the state of ${tenant} is unknown`) });
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`,
    );
  }
  expect.unreachable('no run has told what it had committed');
});

test('a schema that failed is read again until it is known, although its connections keep breaking', async () => {
  const proxy = await unreliableProxy(db.url);
  let hasFailed = false;
  let cuts = 0;
  const url = await tellingProxy(proxy.url, /1 \/ 0|nspname as schema/, (chunk) => {
    if (chunk.includes('1 / 0')) hasFailed = true;
    else if (hasFailed && cuts < 3) {
      cuts += 1;
      proxy.cut();
    }
  });
  const p = project(
    { url, tenants: { list: ['often'] }, historyTable: 'often_cut' },
    {
      'sql/tenant/1_first.sql': 'create table first ()',
      'sql/tenant/2_division.sql': '-- sqlmig: own-transaction\nselect 1 / 0',
    },
  );
  const { code, stdout } = await endOf(start(['up', '--all', '--json'], p.dir));
  const outcome = JSON.parse(stdout).schemas.find(({ schema }: { schema: string }) => schema === 'often');
  expect({ code, cuts }).toEqual({ code: 1, cuts: 3 });
  expect(outcome).toMatchObject({
    state: 'failed',
    version: '1',
    migrations: [{ version: '1' }],
    error: { code: 'migration-failed' },
  });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('repair heeds %s: what runs is canceled, and it exits %i', async (signal, code) => {
  const schema = `repair_${code}`;
  const file = '-- sqlmig: no-transaction\nselect pg_sleep(60);';
  const p = project(
    { url: db.url, tenants: { list: [schema, `${schema}_b`] }, historyTable: `repair_${code}` },
    { 'sql/tenant/1_slow.sql': file },
  );
  const up = slow(p, ['up', '--all', '--concurrent-index-jobs', '2']);
  while ((await db.query(sleeping))[0]?.n !== 2) await delay(20);
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and application_name like 'sqlmig%' and datname = current_database()`,
  );
  expect(await endOf(up)).toMatchObject({ code: 1 });
  const run = slow(p, ['repair', '--all', '--from-statement', '1']);
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
  run.process.kill(signal);
  expect(await endOf(run)).toMatchObject({
    code,
    stderr: expect.stringMatching(
      /error\[[a-z-]+\](?:.|\n)*(?:sqlmig status shows what is still to be repaired|run sqlmig status once the database can be reached)/,
    ),
  });
  expect(await db.query(sleeping)).toEqual([{ n: 0 }]);
  expect(await sqlmig(['status', '--check'], p.dir)).toMatchObject({ code: 1 });
});
