import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { annotation } from '../src/report/github.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

test('an annotation escapes what would end it', () => {
  expect(annotation({ code: 'x', message: '50%\nof it', file: 'a,b:c.sql', line: 2, column: 3 })).toBe(
    '::error file=a%2Cb%3Ac.sql,line=2,col=3,title=sqlmig%3A x::50%25%0Aof it\n',
  );
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
