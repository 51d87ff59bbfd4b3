import { expect, test } from 'vitest';
import { checkFiles } from '../src/operations/check-files.ts';
import { loadConfig } from '../src/project/config.ts';
import type { Overrides } from '../src/project/settings.ts';
import { sqlmig } from './setup/cli.ts';
import { project } from './setup/project.ts';

// No database, and no URL either.
const files = {
  'sql/public/1_plans.sql': 'create table plans (code text primary key);\n',
  'sql/tenant/1_users.sql': 'create table users (id int);\n',
};

test('check accepts good files without a database', async () => {
  const p = project({}, files);
  expect(await sqlmig(['check'], p.dir)).toEqual({
    code: 0,
    signal: null,
    stdout: '2 files, no warnings\n',
    stderr: '',
  });
});

test('check reports what is risky, and fails for it only with --strict', async () => {
  const p = project(
    {},
    { ...files, 'sql/tenant/2_risky.sql': '\n  create table t (id int references public.users);\n' },
  );
  const plain = await sqlmig(['check', '--json'], p.dir);
  const strict = await sqlmig(['check', '--strict', '--json'], p.dir);
  expect([plain.code, strict.code]).toEqual([0, 1]);
  const { files: checked, findings } = JSON.parse(strict.stdout);
  expect(checked).toBe(3);
  expect(findings[0]).toEqual({
    kind: 'lint',
    scope: 'tenant',
    version: '2',
    name: 'risky',
    rule: expect.any(String),
    file: 'sql/tenant/2_risky.sql',
    line: 2,
    column: expect.any(Number),
    message: expect.any(String),
  });
  const text = await sqlmig(['check'], p.dir);
  expect(text.stdout).toContain('warning: sql/tenant/2_risky.sql:2:');
  expect(text.stdout).toMatch(/3 files, \d+ warnings?\n$/);
});

test('check reports a mistake in a down file', async () => {
  const p = project({}, { ...files, 'sql/tenant/1_users.down.sql': 'drop tabel users;\n' });
  const { findings } = JSON.parse((await sqlmig(['check', '--json'], p.dir)).stdout);
  expect(findings).toMatchObject([{ kind: 'down-file', rule: 'sql-syntax', line: 1 }]);
});

test('check reports all mistakes at once: exit 2', async () => {
  const p = project(
    {},
    {
      ...files,
      'sql/public/noversion.sql': 'select 1;\n',
      'sql/tenant/2_syntax.sql': 'create tabel x ();\n',
      'sql/tenant/3_commit.sql': 'select 1;\nrollback;\n',
    },
  );
  const { code, stdout } = await sqlmig(['check', '--json'], p.dir);
  expect(code).toBe(2);
  expect(
    JSON.parse(stdout)
      .errors.map((error: { code: string }) => error.code)
      .sort(),
  ).toEqual(['bad-file-name', 'sql-syntax', 'transaction-control']);
});

test('check prints no control characters of a file, and the caret stays below its character', async () => {
  const p = project({}, { 'sql/tenant/1_a.sql': "select '\x1b]0;title\x07', 1 frm x y;\n" });
  const { stderr } = await sqlmig(['check'], p.dir);
  expect(stderr).not.toMatch(/(?!\n)\p{Cc}/u);
  const [line = '', caret = ''] = stderr.split('\n').slice(3);
  expect(line.slice(caret.indexOf('^'))).toMatch(/^[xy]/);
});

test('check warns about locks, except of rules and files that the config leaves out', async () => {
  const p = project(
    {},
    {
      ...files,
      'sql/tenant/2_old.sql': 'drop table plans;\n',
      'sql/tenant/10_index.sql': 'select 1;\ncreate index on users (id);\ndrop table old;\n',
      'sql/tenant/11_allowed.sql': '-- sqlmig: allow drop-table\ndrop table older;\n',
    },
  );
  const config = (lint: object) =>
    loadConfig({ cwd: p.dir, env: {}, overrides: { url: 'postgres://127.0.0.1:1/none', lint } as Overrides });
  const rules = async (lint: object) =>
    (await checkFiles(await config(lint))).findings.map(({ rule, file, line }) => `${rule} ${file}:${line}`);
  const old = 'drop-table sql/tenant/2_old.sql:1';
  const index = 'create-index sql/tenant/10_index.sql:2';
  expect(await rules({})).toEqual([old, index, 'drop-table sql/tenant/10_index.sql:3']);
  expect(await rules({ off: ['drop-table'] })).toEqual([index]);
  expect(await rules({ off: ['drop-table', 'create-index'] })).toEqual([]);
  expect(await rules({ after: '0002', off: ['create-index'] })).toEqual([
    'drop-table sql/tenant/10_index.sql:3',
  ]);
  await expect(config({ off: ['drop-tabel'] })).rejects.toThrow('"lint.off.0" in');
  await expect(config({ after: 'v2' })).rejects.toThrow('must be the version of a file, in digits');
  p.write({ 'sqlmig.config.json': '{ "lint": { "after": "2" } }' });
  const { code, stdout } = await sqlmig(['check', '--strict'], p.dir);
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: `warning: sql/tenant/10_index.sql:2:1: CREATE INDEX on users blocks writes to it until the index is built; use CONCURRENTLY, in a file of its own [create-index]
warning: sql/tenant/10_index.sql:3:1: DROP TABLE breaks a running release that still uses old; drop it after a release that does not [drop-table]
5 files, 2 warnings
`,
  });
});
