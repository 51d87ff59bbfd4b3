import { beforeEach, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
let p: TestProject;
beforeEach(async () => {
  db = await freshDatabase();
});

async function applied(): Promise<void> {
  p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    {
      'sql/public/001_p.sql': 'create table p ();\n',
      'sql/tenant/001_a.sql': 'create table a ();\n',
      'sql/tenant/003_c.sql': 'create table c ();\nselect 1;\n',
      'sql/tenant/R__v.sql': 'create or replace view v as select 1 as one;\n',
    },
  );
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(0);
  expect((await sqlmig(['verify'], p.dir)).code).toBe(0);
}

const verify = async () => {
  const { code, stdout } = await sqlmig(['verify', '--json'], p.dir);
  return { code, ...(JSON.parse(stdout) as { ok: boolean; findings: object[] }) };
};

test('an edited file: checksum-changed in every tenant that has it, and up stops before it touches them', async () => {
  await applied();
  p.write({
    'sql/tenant/003_c.sql': 'create table c (id int);\n',
    'sql/tenant/004_d.sql': 'create table d ()',
  });
  const found = await verify();
  expect(found).toMatchObject({ code: 1, ok: false });
  expect(found.findings).toMatchObject(
    ['acme', 'globex'].map((schema) => ({
      kind: 'checksum-changed',
      schema,
      scope: 'tenant',
      version: '003',
      name: 'c',
      file: 'sql/tenant/003_c.sql',
    })),
  );
  const text = await sqlmig(['verify'], p.dir);
  expect(text.stdout).toMatch(/checksum-changed: sql\/tenant\/003_c\.sql.*\n.*acme, globex/);

  const up = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(up.code).toBe(1);
  expect(JSON.parse(up.stdout)).toMatchObject({
    failed: 2,
    upToDate: 1,
    schemas: [{}, { error: { code: 'checksum-changed' } }, {}],
  });
  expect(await db.history('acme')).toEqual({ 1: 1, 3: 1, R__v: 1 });
  expect((await sqlmig(['up', '--all', '--ignore-changed'], p.dir)).code).toBe(0);
  expect(await db.history('acme')).toEqual({ 1: 1, 3: 1, 4: 1, R__v: 1 });
});

test('a renamed file: renamed in every tenant; up goes on, and repair records the new name', async () => {
  await applied();
  p.remove('sql/tenant/003_c.sql');
  p.write({ 'sql/tenant/0003_charges.sql': 'create table c ();\nselect 1;\n' });
  expect(await verify()).toMatchObject({
    code: 1,
    findings: ['acme', 'globex'].map((schema) => ({
      kind: 'renamed',
      schema,
      version: '0003',
      name: 'charges',
      file: 'sql/tenant/0003_charges.sql',
      message: 'sql/tenant/0003_charges.sql was applied as 3_c',
    })),
  });
  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(0);
  const repair = await sqlmig(['repair', '--all', '--yes'], p.dir);
  expect(repair).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/applied as c, \w{12} in 2 schemas/),
  });
  expect(await verify()).toMatchObject({ code: 0, ok: true });
});

test('verify says what it compared and what is pending; --check-pending makes that exit 1', async () => {
  await applied();
  expect((await sqlmig(['verify'], p.dir)).stdout).toBe(
    'clean: 3 schemas match the files (7 applied migrations)\n',
  );
  expect((await sqlmig(['verify', '--check-pending'], p.dir)).code).toBe(0);
  await db.query('create schema initech');
  p.write({
    'sql/tenant/004_d.sql': 'create table d ()',
    'sqlmig.config.json': JSON.stringify({ url: db.url, tenants: { list: ['acme', 'globex', 'initech'] } }),
  });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({
    code: 0,
    stdout: [
      'compared 7 applied migrations in 4 schemas with the files: no differences',
      'pending: 1 migration in acme, globex',
      'pending: 4 migrations in initech, where nothing is applied',
      '',
    ].join('\n'),
  });
  expect((await sqlmig(['verify', '--check-pending'], p.dir)).code).toBe(1);
  const { stdout, code } = await sqlmig(['verify', '--check-pending', '--json'], p.dir);
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({
    code: 1,
    ok: false,
    findings: [],
    schemas: [
      { schema: 'public', scope: 'public', version: '001', compared: 1, pending: 0 },
      { schema: 'acme', version: '003', compared: 3, pending: 1 },
      { schema: 'globex', compared: 3, pending: 1 },
      { schema: 'initech', version: null, compared: 0, pending: 4 },
    ],
  });
});

test('other line ends, a byte order mark and a changed repeatable are no finding', async () => {
  await applied();
  p.write({
    'sql/tenant/003_c.sql': '\ufeffcreate table c ();\r\nselect 1;\r',
    'sql/tenant/R__v.sql': 'create or replace view v as select 1 as one, 2 as two;\n',
  });
  expect(await verify()).toMatchObject({ code: 0, ok: true, findings: [] });
});

test('a deleted file: file-missing; status and plan name it, and up goes on', async () => {
  await applied();
  p.remove('sql/tenant/001_a.sql');
  expect(await verify()).toMatchObject({
    code: 1,
    findings: [{ kind: 'file-missing', schema: 'acme', version: '1', name: 'a' }, { schema: 'globex' }],
  });
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up.code).toBe(0);
  expect(up.stderr).toContain('files no longer exist');
  const plan = await sqlmig(['plan'], p.dir);
  expect(plan).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(
      'warning: 1_a is applied, but its file no longer exists; up continues without it: acme, globex\n',
    ),
  });
  const planned = JSON.parse((await sqlmig(['plan', '--json'], p.dir)).stdout);
  expect(planned.warnings).toMatchObject([
    { kind: 'file-missing', schema: 'acme', version: '1' },
    { kind: 'file-missing', schema: 'globex' },
  ]);
  p.write({ 'sql/tenant/003_c.sql': 'create table c (id int);\n' });
  const status = await sqlmig(['status'], p.dir);
  expect(status).toMatchObject({
    code: 0,
    stderr: '4 findings; exit code 0 without --check\n',
  });
  expect(status.stdout).toContain(
    'file-missing: 1_a is applied, but its file no longer exists\n  in 2 tenants: acme, globex\n',
  );
  expect(status.stdout).toMatch(
    /checksum-changed: sql\/tenant\/003_c\.sql differs from what was applied .*\n {2}in 2 tenants: acme, globex\n/,
  );
  expect(await sqlmig(['status', '--check'], p.dir)).toMatchObject({ code: 1, stderr: '' });
});

test('a lower number added later: out-of-order; up refuses it unless it is allowed', async () => {
  await applied();
  p.write({ 'sql/tenant/002_b.sql': 'create table b ()' });
  expect(await verify()).toMatchObject({
    code: 1,
    findings: [{ kind: 'out-of-order', schema: 'acme', version: '002' }, {}],
  });
  const up = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(up.code).toBe(1);
  expect(JSON.parse(up.stdout).schemas[1].error).toMatchObject({
    code: 'out-of-order',
    file: 'sql/tenant/002_b.sql',
  });
  expect(await db.history('acme')).toEqual({ 1: 1, 3: 1, R__v: 1 });
  expect((await sqlmig(['up', '--all', '--out-of-order'], p.dir)).code).toBe(0);
  expect(await db.history('globex')).toEqual({ 1: 1, 2: 1, 3: 1, R__v: 1 });
});

test('an older replica says that a newer release has run here, and goes on', async () => {
  await applied();
  p.remove('sql/tenant/003_c.sql');
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(0);
  expect(stderr).toContain('a newer release has run here');
});

test('a migration that was started but not finished is a finding, and nobody runs it again silently', async () => {
  await applied();
  await db.query(`update acme.schema_migrations set state = 'incomplete' where version = 3`);
  expect(await verify()).toMatchObject({
    code: 1,
    findings: [{ kind: 'incomplete', schema: 'acme', version: '003' }],
  });
  p.write({ 'sql/tenant/004_d.sql': 'create table d ()' });
  const up = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(up.code).toBe(1);
  expect(JSON.parse(up.stdout)).toMatchObject({
    applied: 1,
    failed: 1,
    schemas: [{}, { state: 'failed', error: { code: 'incomplete' } }, { state: 'applied' }],
  });
});

test('status: a line a scope and version, --check fails when something is pending', async () => {
  await applied();
  expect(await sqlmig(['status', '--check'], p.dir)).toMatchObject({ code: 0 });
  p.write({ 'sql/tenant/004_d.sql': 'create table d ()' });
  await sqlmig(['up', '--tenants', 'globex'], p.dir);
  const { code, stdout } = await sqlmig(['status', '--check'], p.dir);
  expect(code).toBe(1);
  expect(stdout.slice(stdout.indexOf('\n') + 1)).toBe(
    [
      'scope   version  pending     schemas',
      'public  at 001   up to date  public',
      'tenant  at 003   1 pending   acme',
      'tenant  at 004   up to date  globex',
      '',
    ].join('\n'),
  );
  expect(JSON.parse((await sqlmig(['status', '--json'], p.dir)).stdout)).toMatchObject({
    ok: false,
    schemas: [
      { schema: 'public', pending: 0, version: '001' },
      { schema: 'acme', pending: 1, version: '003', findings: [] },
      { schema: 'globex', pending: 0 },
    ],
  });
});
