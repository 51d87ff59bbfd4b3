import { beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const tenants = () =>
  db.query(`select nspname from pg_namespace where nspname in ('acme', 'globex') order by 1`);

test('a down section in one file keeps every file from running, up and plan alike', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    {
      'sql/public/1_plans.sql': 'create table plans ();',
      'sql/tenant/1_users.sql': 'create table users ();',
      'sql/tenant/2_posts.sql': `-- Up Migration\ncreate table posts ();\n\n-- Down Migration\ndrop table posts;\n`,
    },
  );
  for (const command of [['up', '--all'], ['plan']]) {
    const { code, stderr } = await sqlmig(command, p.dir);
    expect(code).toBe(2);
    expect(stderr).toContain('error[down-section]');
    expect(stderr).toContain('sql/tenant/2_posts.sql:4:1');
    expect(stderr).toContain('hint: move that section into 2_posts.down.sql');
  }
  expect(await db.query(`select to_regclass('public.plans') as t`)).toEqual([{ t: null }]);
  expect(await tenants()).toEqual([]);

  // The cure works, mark and all.
  p.write({
    'sql/tenant/2_posts.sql': '-- Up Migration\ncreate table posts ();\n\n-- Down Migration\n',
    'sql/tenant/2_posts.down.sql': '-- Down Migration\ndrop table posts;\n',
  });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.query(`select to_regclass('acme.posts')::text as t`)).toEqual([{ t: 'acme.posts' }]);
});

test('a date with hyphens is refused at the first file, not at the second as a duplicate', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['dated'] }, historyTable: 'dated_history' },
    { 'sql/tenant/2024-01-05_t.sql': 'create table t ();' },
  );
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(2);
  expect(stderr).toContain('error[bad-file-name]: sql/tenant/2024-01-05_t.sql');
  expect(stderr).toContain('hint: name it 20240105_t.sql');
  expect(await db.query(`select 1 from pg_namespace where nspname = 'dated'`)).toEqual([]);
});

test('new writes a name that begins with a number so that it is read again', async () => {
  const p = project({ url: db.url });
  const { code, stdout } = await sqlmig(['new', '2024', 'report', '--tenant'], p.dir);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^sql\/tenant\/\d{14}__2024_report\.sql\n$/),
  });
  expect(await sqlmig(['new', 'next', '--tenant'], p.dir)).toMatchObject({ code: 0 });
});
