import { beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
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
