import { spawnSync } from 'node:child_process';
import { existsSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Command } from '../src/cli/command.ts';
import { defectOf, stackOf } from '../src/cli/defect.ts';
import { execute } from '../src/cli/execute.ts';
import { spawnSqlmig } from './setup/cli.ts';
import { project } from './setup/project.ts';
import { testTerminal } from './setup/terminal.ts';

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

test('a defect is one sentence with its place, and no password', () => {
  const error = defectOf(new TypeError('no x of\n postgres://u:hunter2@h/db'));
  expect(error.code).toBe('internal-error');
  expect(error.message).toMatch(
    /^sqlmig ended unexpectedly \(defects\.test\.ts:\d+:\d+\): no x of postgres:\/\/\*\*\*$/,
  );
  expect(stackOf(error)[0]).toMatch(/^ +at .*defects\.test\.ts/);
  expect(defectOf('a word').message).toBe('sqlmig ended unexpectedly: a word');
  expect(defectOf(error)).toBe(error);
});

test.for([
  ['text', false],
  ['text', true],
  ['json', false],
  ['json', true],
] as const)('a defect in a command is exit 70: %s, verbose %s', async ([logFormat, verbose]) => {
  const p = project({});
  const { terminal, stdout, stderr } = testTerminal(p.dir);
  const args = { _: [], $0: '', embedded: false, json: true, quiet: false, logFormat, verbose, color: false };
  const command: Command = {
    ...{ name: 'boom', describe: '', options: {}, examples: [], needsDatabase: false },
    prepare: () => async () => {
      throw new TypeError('boom');
    },
  };
  expect(await execute({ command, args }, terminal)).toBe(70);
  expect(JSON.parse(stdout())).toMatchObject({ ok: false, error: { code: 'internal-error' } });
  if (logFormat === 'json') {
    const line = JSON.parse(stderr());
    expect(line).toMatchObject({ type: 'error', code: 'internal-error' });
    expect('stack' in line).toBe(verbose);
  } else {
    expect(stderr()).toMatch(/^error\[internal-error\]: .*boom\n/);
    expect(stderr().includes('\n    at ')).toBe(verbose);
  }
});

test('what is thrown outside of every promise is exit 70, without a stack', async () => {
  const config = `setImmediate(() => { throw new TypeError('boom'); }); export default {};`;
  const p = project({}, { 'bad.mjs': config });
  const { code, stderr } = await spawnSqlmig(['new', 'x', '--tenant', '--config', 'bad.mjs'], p.dir);
  expect(code).toBe(70);
  expect(stderr).toMatch(/^error\[internal-error\]: sqlmig ended unexpectedly.*boom\n/);
  expect(stderr).not.toContain('    at ');
});

test.for([
  [['new', '--tenant'], 'new requires <name>'],
  [['new', '--tenant', '--json'], 'new requires <name>'],
  [['tenant', 'create'], 'tenant create requires <name>'],
  [['new', 'x', '--config'], '--config requires a value'],
  [['status', '--log-format'], '--log-format requires a value'],
  [['status', '--pool-mode', 'x'], '--pool-mode takes "session" or "transaction", not "x"'],
  [['up', '--all', '--', ''], 'a program after --'],
] as const)('%j is a usage error', async ([args, why]) => {
  const { code, stderr } = await spawnSqlmig(args, project({}).dir);
  expect({ code, why: stderr.includes(why) ? why : stderr }).toEqual({ code: 2, why });
});

test('a folder that cannot be made is no defect: exit 2', async () => {
  const p = project({});
  const taken = await spawnSqlmig(['new', 'x', '--public', '--public-dir', 'sqlmig.config.json/y'], p.dir);
  expect(taken).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error[file-exists]: cannot write sqlmig.config.json/y: ENOTDIR'),
  });
  rmSync(join(p.dir, 'sqlmig.config.json'));
  rmSync(join(p.dir, 'sql'), { recursive: true });
  p.write({ sql: '' });
  const init = await spawnSqlmig(['init'], p.dir);
  expect(init).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error[file-exists]: cannot write sql/public/.gitkeep'),
  });
});

test.runIf(existsSync('/dev/full'))('an answer that cannot be written is exit 74; stderr may be lost', () => {
  const p = project({});
  const full = openSync('/dev/full', 'w');
  const run = (stdio: ('pipe' | number)[]) =>
    spawnSync(process.execPath, [cli, 'new', 'x', '--tenant'], { cwd: p.dir, stdio });
  const lost = run(['pipe', full, 'pipe']);
  expect(lost.status).toBe(74);
  expect(lost.stderr.toString()).toMatch(
    /^error\[output-failed\]: cannot write the output to stdout: ENOSPC/,
  );
  expect(run(['pipe', 'pipe', full]).status).toBe(0);
  expect(readdirSync(join(p.dir, 'sql/tenant'))).toHaveLength(2);
});

test.skipIf(process.platform === 'win32')('a reader that closes the pipe early is no error', () => {
  const p = project({});
  const { stdout, stderr } = spawnSync(
    'bash',
    ['-c', 'set -o pipefail; "$0" "$1" --help | :; echo $?', process.execPath, cli],
    { cwd: p.dir },
  );
  expect([stdout.toString(), stderr.toString()]).toEqual(['0\n', '']);
});
