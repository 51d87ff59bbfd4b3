import { beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { holdLock, lockObjectOf } from './setup/gate.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const three = {
  'sql/tenant/1_a.sql': 'create table a ()',
  'sql/tenant/2_b.sql': 'create table b ()',
  'sql/tenant/3_c.sql': 'create table c ()',
};

async function migrated(historyTable: string, tenants: readonly string[]) {
  const p = project({ url: db.url, historyTable, tenants: { list: tenants } }, three);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  return p;
}

const keys = async (schema: string, table: string) =>
  (await db.query(`select version::int as v from ${schema}.${table} order by 1`)).map(({ v }) => v);

test('repair --forget deletes the rows of files that are gone, when asked, and verify is clean', async () => {
  const p = await migrated('h_forget', ['f_a', 'f_b']);
  p.remove('sql/tenant/1_a.sql');
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 1 });
  const asked = await sqlmig(['repair', '--all', '--forget'], p.dir);
  expect(asked).toMatchObject({ code: 2, stdout: '' });
  expect(asked.stderr).toContain('tenant 1_a has no file and is applied in 2 schemas: f_a, f_b');
  expect(asked.stderr).toContain('confirm with --yes');
  expect(await keys('f_a', 'h_forget')).toEqual([1, 2, 3]);
  const { code, stdout } = await sqlmig(['repair', '--all', '--forget', '--yes', '--json'], p.dir);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    forgotten: true,
    missing: [
      { schema: 'f_a', version: '1', name: 'a' },
      { schema: 'f_b', version: '1', name: 'a' },
    ],
    schemas: [
      { schema: 'f_a', scope: 'tenant', state: 'repaired' },
      { schema: 'f_b', scope: 'tenant', state: 'repaired' },
    ],
  });
  expect(await keys('f_b', 'h_forget')).toEqual([2, 3]);
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['repair', '--all', '--forget', '--yes'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'no file is missing\n',
  });
});

test('repair --forget takes the locks of a run', async () => {
  const p = await migrated('h_locked', ['g_a', 'g_b']);
  p.remove('sql/tenant/1_a.sql');
  const release = await holdLock(db.url, lockObjectOf('g_a'));
  const args = ['repair', '--all', '--forget', '--yes', '--json', '--wait-for-lock', '300ms'];
  const { code, stdout } = await sqlmig(args, p.dir);
  await release();
  expect(code).toBe(4);
  expect(JSON.parse(stdout).schemas).toMatchObject([
    { schema: 'g_a', state: 'failed', error: { code: 'lock-timeout' } },
    { schema: 'g_b', state: 'repaired' },
  ]);
  expect(await keys('g_a', 'h_locked')).toEqual([1, 2, 3]);
});

test('what a newer release has applied is no finding and never forgotten', async () => {
  const p = await migrated('h_newer', ['n_a']);
  p.remove('sql/tenant/3_c.sql');
  const verified = await sqlmig(['verify'], p.dir);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('clean') });
  expect(verified.stderr).toContain(
    'n_a has applied versions above the newest file (2): a newer release has run here',
  );
  expect(await sqlmig(['status', '--check'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['repair', '--all', '--forget', '--yes'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'no file is missing\n',
  });
  // Without any file it is not the release that is older, but the files that are missing.
  p.remove('sql/tenant/1_a.sql');
  p.remove('sql/tenant/2_b.sql');
  expect(await sqlmig(['repair', '--all', '--forget', '--yes'], p.dir)).toMatchObject({ code: 2 });
  expect(await keys('n_a', 'h_newer')).toEqual([1, 2, 3]);
});

test.for([['3'], ['4']] as const)(
  'a baseline %s counts as applied where what it replaces is, and runs for new tenants',
  async ([version]) => {
    const [table, old, half, fresh] = [
      `h_base_${version}`,
      `old_${version}`,
      `half_${version}`,
      `fresh_${version}`,
    ];
    const p = await migrated(table, [old, half]);
    await db.query(`delete from ${half}.${table} where version = 3; drop table ${half}.c`);
    for (const file of Object.keys(three)) p.remove(file);
    p.write({
      [`sql/tenant/${version}_base.sql`]:
        '-- sqlmig: replaces 1..3\ncreate table a (); create table b (); create table c ();',
      'sql/tenant/5_d.sql': 'create table d ()',
      'sqlmig.config.json': JSON.stringify({
        url: db.url,
        historyTable: table,
        tenants: { list: [old, half, fresh] },
      }),
    });
    const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
    expect(code).toBe(1);
    const [, first, second, third] = JSON.parse(stdout).schemas;
    expect(first).toMatchObject({ state: 'applied', version: '5', migrations: [{ version: '5' }] });
    expect(second).toMatchObject({
      state: 'failed',
      error: {
        code: 'baseline-incomplete',
        message: `sql/tenant/${version}_base.sql replaces versions that are only partly applied: 3 is missing`,
        state: `not touched; ${half} is at 2`,
      },
    });
    expect(third).toMatchObject({ state: 'applied', migrations: [{ version }, { version: '5' }] });
    expect(await keys(old, table)).toEqual([1, 2, 3, 5]);
    expect(await keys(fresh, table)).toEqual([Number(version), 5]);
    const verified = await sqlmig(['verify', '--json'], p.dir);
    expect(JSON.parse(verified.stdout).findings).toMatchObject([
      { kind: 'baseline-incomplete', schema: half },
    ]);
    expect(await sqlmig(['verify', '--all', '--except-tenants', half], p.dir)).toMatchObject({ code: 0 });
    const again = await sqlmig(['up', '--all', '--except-tenants', half], p.dir);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/up to date +at 5/) });
  },
);

test('mistakes in a baseline are known before anything connects', async () => {
  const p = project(
    { url: 'postgres://127.0.0.1:1/x' },
    {
      ...three,
      'sql/tenant/4_base.sql': '-- sqlmig: replaces 1..2',
      'sql/tenant/5_odd.sql': '-- Odd.\n-- sqlmig: replaces all',
    },
  );
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(2);
  expect(JSON.parse(stdout).errors).toMatchObject([
    {
      code: 'bad-baseline',
      file: 'sql/tenant/5_odd.sql',
      line: 2,
      message: expect.stringContaining('"all"'),
    },
    {
      code: 'bad-baseline',
      file: 'sql/tenant/4_base.sql',
      line: 1,
      message: 'it replaces 1, but sql/tenant/1_a.sql is still there',
    },
  ]);
});
