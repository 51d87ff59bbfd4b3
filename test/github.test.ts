import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { annotationLine, failureAnnotations } from '../src/report/github.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

test('an annotation escapes what would end it', () => {
  const at = { file: 'a,b:c.sql', line: 2, column: 3 };
  expect(annotationLine({ level: 'error', code: 'x', message: '50%\nof it', ...at })).toBe(
    '::error file=a%2Cb%3Ac.sql,line=2,col=3,title=sqlmig%3A x::50%25%0Aof it\n',
  );
});

test('schemas with the same error share an annotation', () => {
  const failures = numbered('t', 400).map((schema) => ({
    schema,
    error: { code: 'x', message: `no right to ${schema}.a` },
  }));
  const stopped = { schema: 'last', error: { code: 'stopped', message: '' } };
  expect(failureAnnotations([...failures, stopped])).toMatchObject([
    { level: 'error', code: 'x', message: 'no right to t_1.a (t_1, t_2, t_3 and 397 more)' },
  ]);
});

const annotations = (text: string) => text.split('\n').filter((line) => line.startsWith('::'));
const inGitHub = { GITHUB_ACTIONS: 'true' };

test('findings are marked: as errors if they change the exit code, else as warnings', async () => {
  const db = await freshDatabase();
  const evil = 'x\n::add-mask::y';
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex', evil] } },
    { 'sql/tenant/1_a.sql': 'create table a (id int);\n' },
  );
  await sqlmig(['up', '--all'], p.dir);
  p.write({
    'sql/tenant/1_a.sql': 'create table a (id bigint);\n',
    'sql/tenant/2_b.sql': 'create table b (id int references public.a);\n',
    'sql/tenant/2_b.down.sql': 'drop tabel b;\n',
  });
  const of = async (...args: string[]) => {
    const { code, stderr } = await sqlmig(args, p.dir, inGitHub);
    return [
      code,
      ...annotations(stderr).map((line) => line.replace(/^::(\w+) .*title=sqlmig%3A ([\w-]+)::.*/, '$1 $2')),
    ];
  };
  const lint = 'warning hard-coded-schema';
  expect(await of('verify')).toEqual([1, 'error checksum-changed', 'error sql-syntax', lint]);
  expect(await of('status')).toEqual([0, 'warning checksum-changed']);
  expect(await of('status', '--check')).toEqual([1, 'error checksum-changed']);
  expect(await of('plan')).toEqual([1, 'error checksum-changed', lint, 'warning sql-syntax']);
  expect(await of('check')).toEqual([0, lint, 'warning sql-syntax']);
  expect(await of('check', '--strict')).toEqual([1, 'error hard-coded-schema', 'error sql-syntax']);
  const { stderr } = await sqlmig(['verify'], p.dir, inGitHub);
  expect(stderr).toContain('acme, globex, x\\u{a}::add-mask::y');
});

test('at most ten of a level, each text once', async () => {
  const columns = numbered('c', 12).map((name) => `${name} int references public.a`);
  const p = project(
    {},
    { 'sql/tenant/1_a.sql': `create table a (id int);\ncreate table b (\n${columns.join(',\n')});\n` },
  );
  const { stderr } = await sqlmig(['check'], p.dir, inGitHub);
  expect(annotations(stderr)).toHaveLength(10);
});

test('in a GitHub workflow errors are marked at their files, and the step has a summary', async () => {
  const p = project({}, { 'sql/tenant/1_a.sql': 'selec 1;\n' });
  const summary = join(p.dir, 'summary.md');
  const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: join(p.dir, '..'), GITHUB_STEP_SUMMARY: summary };
  const { code, stderr } = await sqlmig(['check'], p.dir, env);
  expect(code).toBe(2);
  const folder = p.dir.slice(p.dir.lastIndexOf('/') + 1);
  expect(stderr).toContain(
    `::error file=${folder}/sql/tenant/1_a.sql,line=1,col=1,title=sqlmig%3A sql-syntax::`,
  );
  p.write({ 'sql/tenant/1_a.sql': 'select 1;\n' });
  expect((await sqlmig(['check'], p.dir, env)).stderr).toBe('');
  const text = readFileSync(summary, 'utf8');
  expect(text).toContain('error[sql-syntax]');
  expect(text).toContain('1 file, no warnings');
  expect((await sqlmig(['check'], p.dir)).stderr).toBe('');
});

test('in a GitHub workflow a text of a file or the server gives no command and does not end the summary', async () => {
  const db = await freshDatabase();
  const said = '\n::stop-commands::x\n  ::add-mask::a\n##[group]g\n````\n# heading';
  const p = project(
    { tenants: { list: ['acme'] } },
    { 'sql/tenant/1_a.sql': `do $$ begin raise exception using message = '${said}'; end $$;\n` },
  );
  const summary = join(p.dir, 'summary.md');
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary, DATABASE_URL: db.url };
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir, env);
  expect(code).toBe(1);
  // The runner trims each line, and takes the older form anywhere in it.
  const commands = stderr.split('\n').filter((line) => /^\s*::|##\[/.test(line));
  expect(commands).toEqual([expect.stringMatching(/^::error [^:]*::/)]);
  expect(readFileSync(summary, 'utf8')).toMatch(/^(`{5,})text\n.*# heading.*\n\1\n$/s);
});

test('plan --markdown: warnings about locks in new files, errors in place of a plan, and the summary as Markdown', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    { 'sql/tenant/1_a.sql': 'create table a (id int);\ndrop table if exists b;\n' },
  );
  await sqlmig(['up', '--all', '--quiet'], p.dir);
  p.write({ 'sql/tenant/2_i.sql': 'create index on a (id);\n' });
  const summary = join(p.dir, 'summary.md');
  const run = await sqlmig(['plan', '--markdown'], p.dir, { ...inGitHub, GITHUB_STEP_SUMMARY: summary });
  expect(run.code).toBe(0);
  expect(run.stdout).toContain('**1 file to apply in 2 schemas, 1 warning in database');
  expect(run.stdout).toContain('- **`create-index`** at `sql/tenant/2_i.sql:1:1`');
  expect(annotations(run.stderr)).toEqual([expect.stringContaining('title=sqlmig%3A create-index')]);
  expect(readFileSync(summary, 'utf8')).toBe(run.stdout);
  const rehearsal = await sqlmig(['up', '--all', '--rehearse', '--json'], p.dir);
  p.write({ 'r.json': rehearsal.stdout });
  const costs = await sqlmig(['plan', '--markdown', '--rehearsal', 'r.json'], p.dir);
  expect(costs).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/- `sql\/tenant\/2_i\.sql: up to \d+ ms \(/),
  });
  for (const args of [
    ['--rehearsal', 'r.json'],
    ['--markdown', '--rehearsal', 'sqlmig.config.json'],
    ['--markdown', '--rehearsal', 'none'],
  ])
    expect(await sqlmig(['plan', ...args], p.dir)).toMatchObject({ code: 2 });
  p.write({ 'sql/tenant/3_x.sql': 'selec `1`;\n' });
  const broken = await sqlmig(['plan', '--markdown'], p.dir);
  expect(broken.code).toBe(2);
  expect(broken.stdout).toContain(
    '**no plan: 1 error**\n\n#### Errors\n\n- **`sql-syntax`** at `sql/tenant/3_x.sql:1:1`',
  );
  const both = await sqlmig(['plan', '--markdown', '--json'], p.dir);
  expect(both).toMatchObject({ code: 2, stdout: expect.stringContaining('cannot be combined') });
});
