import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ownServer } from './setup/cluster.ts';
import { imageMissing, insideContainer, runContainer, whileRunning } from './setup/docker.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const image = 'sqlmig-test/example';
const jobImage = 'sqlmig-test/example-job';
const newerImage = 'sqlmig-test/example-node-24';
const oldestBase = 'node:20-bookworm-slim';
const newerBase = 'node:24-bookworm-slim';

const missing = imageMissing(oldestBase);
const newerMissing = missing ?? imageMissing(newerBase);
for (const why of new Set([missing, newerMissing])) if (why !== null) console.log(`skipped: ${why}`);
const it = missing === null ? test : test.skip;
const itWithNewerNode = newerMissing === null ? test : test.skip;

const run = (name: string, options: readonly string[], args: readonly string[] = [], of = image) =>
  runContainer(of, name, options, args);

let context = '';
beforeAll(() => {
  if (missing !== null) return;
  context = mkdtempSync(join(tmpdir(), 'sqlmig-image-'));
  cpSync(join(root, 'examples/docker'), context, { recursive: true });
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', context], {
    cwd: root,
    stdio: 'pipe',
  });
  for (const [file, tag, base] of [
    ['Dockerfile', image, oldestBase],
    ['Dockerfile.job', jobImage, oldestBase],
    ...(newerMissing === null ? [['Dockerfile', newerImage, newerBase] as const] : []),
  ] as const) {
    const how = ['--network', 'host', '--build-arg', `NODE=${base}`, '-f', join(context, file)];
    execFileSync('docker', ['build', '-q', '-t', tag, ...how, context], { stdio: 'pipe' });
  }
});
afterAll(() => {
  if (context !== '') rmSync(context, { recursive: true, force: true });
});

/** A folder of migrations that containers may read, in the place of the example's. */
function volume(files: Readonly<Record<string, string>>): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-volume-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o755);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(dir, file, '..'), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
  return ['-v', `${dir}:/app/sql:ro`];
}

it('ten replicas at once on an empty database: all reach their app, each migration ran once; SIGTERM ends them', async () => {
  const server = await ownServer();
  const replicas = Array.from({ length: 10 }, (_, i) => `sqlmig-replica-${process.pid}-${i}`);
  const env = ['-e', `DATABASE_URL=${server.url}`, '-e', 'PORT=0'];
  const running = replicas.map((name) => run(name, env));
  const isUp = (name: string) => insideContainer('logs', name).includes('app is up');
  await whileRunning(Promise.race(running), () => replicas.every(isUp));
  for (const [schema, versions] of [
    ['public', 1],
    ['acme', 1],
    ['globex', 1],
  ] as const) {
    expect(await server.query(`select count(*)::int as n from ${schema}.schema_migrations`)).toEqual([
      { n: versions },
    ]);
  }
  execFileSync('docker', ['stop', '-t', '10', ...replicas], { stdio: 'pipe' });
  expect((await Promise.all(running)).map(({ code }) => code)).toEqual(replicas.map(() => 0));
});

itWithNewerNode(
  'where Node can, sqlmig becomes the app: process 1 is the app itself, and SIGTERM is its own',
  async () => {
    const server = await ownServer();
    const name = `sqlmig-newer-${process.pid}`;
    const env = ['-e', `DATABASE_URL=${server.url}`, '-e', 'PORT=0'];
    const ended = run(name, env, [], newerImage);
    await whileRunning(ended, () => insideContainer('logs', name).includes('app is up'));
    const program = insideContainer('exec', name, 'cat', '/proc/1/cmdline').split('\0');
    expect(program.slice(0, 2)).toEqual(['node', 'server.js']);
    execFileSync('docker', ['stop', '-t', '10', name], { stdio: 'pipe' });
    expect(await ended).toMatchObject({ code: 0 });
    expect(await server.query('select count(*)::int as n from acme.schema_migrations')).toEqual([{ n: 1 }]);
  },
);

it('the job image: four at once share the work and all succeed, with lines of JSON; again there is nothing to do', async () => {
  const server = await ownServer();
  const env = ['-e', `DATABASE_URL=${server.url}`];
  const jobs = Array.from({ length: 4 }, (_, i) => run(`sqlmig-job-${process.pid}-${i}`, env, [], jobImage));
  for (const { code, output } of await Promise.all(jobs)) {
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('"type":"run-finished"');
  }
  expect(await server.query('select count(*)::int as n from acme.schema_migrations')).toEqual([{ n: 1 }]);
  const again = await run(`sqlmig-job-${process.pid}`, env, ['up', '--all'], jobImage);
  expect({ code: again.code, output: again.output }).toMatchObject({
    code: 0,
    output: expect.stringContaining('up to date'),
  });
});

it('SIGTERM while migrating: 143, nothing half-done, no backend left, and the app never started', async () => {
  const server = await ownServer();
  const sql = volume({
    'public/1_slow.sql': 'create table slow (); select pg_sleep(600)',
    'tenant/.keep': '',
  });
  const name = `sqlmig-term-${process.pid}`;
  const ended = run(name, ['-e', `DATABASE_URL=${server.url}`, '-e', 'SQLMIG_TENANT_DIR=sql/tenant', ...sql]);
  const active = `select count(*)::int as n from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`;
  while (
    (
      await server.query(
        `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      )
    )[0]?.n !== 1
  )
    await delay(50);
  execFileSync('docker', ['stop', '-t', '10', name], { stdio: 'pipe' });
  const { code, output } = await ended;
  expect({ code, output }).toMatchObject({ code: 143 });
  expect(output).not.toContain('app is up');
  expect(await server.query(active)).toEqual([{ n: 0 }]);
  expect(await server.query(`select to_regclass('slow') as slow`)).toEqual([{ slow: null }]);
});

it('a failing migration: exit 1, the app does not start, and the log names file and line', async () => {
  const server = await ownServer();
  const sql = volume({ 'public/1_wrong.sql': 'create table t ();\nselect nowhere;', 'tenant/.keep': '' });
  const { code, output } = await run(`sqlmig-fail-${process.pid}`, [
    '-e',
    `DATABASE_URL=${server.url}`,
    ...sql,
  ]);
  expect({ code, output }).toMatchObject({ code: 1 });
  expect(output).toContain('sql/public/1_wrong.sql:2:8');
  expect(output).not.toContain('app is up');
});

it('a server that is not there: exit 3 once the wait is over; a container killed in the middle: the next one goes on', async () => {
  const nobody = [
    '-e',
    'DATABASE_URL=postgres://u:s3cret@127.0.0.1:1/db',
    '--entrypoint',
    'node_modules/.bin/sqlmig',
  ];
  const { code, output } = await run(`sqlmig-none-${process.pid}`, nobody, ['up', '--all', '--wait', '1s']);
  expect({ code, output }).toMatchObject({ code: 3 });
  expect(output).not.toContain('s3cret');

  const server = await ownServer();
  const env = ['-e', `DATABASE_URL=${server.url}`];
  const slow = volume({
    'public/1_p.sql': 'create table tenants (schema_name text)',
    'public/2_slow.sql': 'select pg_sleep(2)',
    'tenant/.keep': '',
  });
  const killed = `sqlmig-kill-${process.pid}`;
  const ended = run(killed, [...env, ...slow]);
  while (
    (
      await server.query(
        `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      )
    )[0]?.n !== 1
  )
    await delay(50);
  execFileSync('docker', ['kill', killed], { stdio: 'pipe' });
  expect((await ended).code).toBe(137);
  const again = await run(
    `sqlmig-again-${process.pid}`,
    [...env, ...slow],
    ['node', '-e', `console.log('app is up')`],
  );
  expect({ code: again.code, output: again.output }).toMatchObject({
    code: 0,
    output: expect.stringContaining('app is up'),
  });
});
