import { beforeAll, expect, test } from 'vitest';
import { spawnSqlmig, sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const app = ['--', process.execPath, '-e', `console.log('app runs')`];

/** A project whose files were applied to public and two tenants, with a history table of its own. */
async function applied(historyTable: string): Promise<TestProject> {
  const p = project(
    { url: db.url, historyTable, tenants: { list: [`${historyTable}_a`, `${historyTable}_b`] } },
    {
      'sql/public/1_a.sql': `create table ${historyTable}_plans ();`,
      'sql/public/2_b.sql': '',
      'sql/tenant/1_a.sql': 'create table a ();',
      'sql/tenant/2_b.sql': '',
    },
  );
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(0);
  return p;
}

test('both folders empty: exit 2 from up, plan and tenant create, and the app does not start', async () => {
  const p = await applied('mf1');
  for (const file of ['public/1_a', 'public/2_b', 'tenant/1_a', 'tenant/2_b']) p.remove(`sql/${file}.sql`);
  for (const command of [['up', '--all', ...app], ['up', '--tenants', 'mf1_a'], ['plan']]) {
    const { code, stdout, stderr } = await sqlmig(command, p.dir);
    expect({ command, code, stdout }).toEqual({ command, code: 2, stdout: '' });
    expect(stderr).toContain(
      'error[files-missing]: sql/public has no migration files, but public has applied migrations',
    );
    expect(stderr).toContain('nothing was touched');
    expect(stderr).toContain('hint: the image or the working directory lacks its migration files');
  }
  const { stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(stderr).toContain('sql/tenant has no migration files, but 2 schemas have applied migrations');
  expect(await sqlmig(['tenant', 'create', 'mf1_new', '--unlisted'], p.dir)).toMatchObject({ code: 2 });
  expect(await db.query(`select 1 from pg_namespace where nspname = 'mf1_new'`)).toEqual([]);
  // Those that tell what is there go on doing so.
  expect((await sqlmig(['status'], p.dir)).code).toBe(0);
  expect((await sqlmig(['verify'], p.dir)).stdout).toContain('file-missing');
});

test('one folder empty: the other is not touched either', async () => {
  const p = await applied('mf2');
  for (const file of ['1_a', '2_b']) p.remove(`sql/tenant/${file}.sql`);
  p.write({ 'sql/public/3_c.sql': 'create table mf2_never ();' });
  const { code, stdout } = await sqlmig(['up', '--all', '--json', ...app], p.dir);
  expect(code).toBe(2);
  const { error, errors } = JSON.parse(stdout);
  expect(error).toMatchObject({
    code: 'files-missing',
    message: 'sql/tenant has no migration files, but 2 schemas have applied migrations',
  });
  expect(errors).toHaveLength(1);
  expect(await db.query(`select to_regclass('public.mf2_never') as t`)).toEqual([{ t: null }]);
  // Public alone has all it needs.
  expect((await sqlmig(['up', '--public'], p.dir)).code).toBe(0);
});

test('a folder with some of its files is an older release: a warning, and the app starts', async () => {
  const p = await applied('mf3');
  for (const scope of ['public', 'tenant']) p.remove(`sql/${scope}/2_b.sql`);
  const { code, stdout, stderr } = await spawnSqlmig(['up', '--all', ...app], p.dir);
  expect(code).toBe(0);
  expect(stdout).toContain('app runs');
  expect(stderr).toContain('a newer release has run here');
});

test('empty folders are fine where nothing was applied from them', async () => {
  const p = project({ url: db.url, historyTable: 'mf4', tenants: { list: ['mf4_a'] } });
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(0);
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(0);
});
