import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
let role: string;
let url: string;
beforeAll(async () => {
  db = await freshDatabase();
  role = `role_${db.name}`;
  await db.query(`create role ${role} login password 'x' nosuperuser;
    do $$ begin execute format('grant create on database %I to ${role}', current_database()); end $$;
    grant create, usage on schema public to ${role}`);
  url = Object.assign(new URL(db.url), { username: role, password: 'x' }).href;
  // Before the database is dropped, which comes after this.
  afterAll(() => db.query(`drop owned by ${role} cascade; drop role ${role}`));
});

const files = { 'sql/tenant/1_a.sql': 'create table a ()' };

/** A project of a role without superuser's rights, whose tenants are up to date and have a file pending. */
async function pending(table: string, tenants: readonly string[], kind: 'list' | 'history' = 'list') {
  const p = project({ url, historyTable: table, tenants: { list: tenants } }, files);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  p.write({
    'sql/tenant/2_b.sql': 'create table b ()',
    ...(kind === 'history' && { 'sqlmig.config.json': JSON.stringify({ url, historyTable: table }) }),
  });
  return p;
}

interface Troubled {
  readonly code: string;
  readonly message: string;
  readonly sqlstate?: string;
}

/** Expects that everybody but one tenant is migrated, and that every command tells what is wrong with that one. */
async function expectTrouble(p: TestProject, schema: string, others: readonly string[], error: Troubled) {
  const { message } = error;
  const planned = await sqlmig(['plan', '--json'], p.dir);
  expect(planned).toMatchObject({ code: 1 });
  expect(find(planned.stdout, schema)).toMatchObject({ version: null, migrations: [], error });
  const status = await sqlmig(['status', '--check', '--json'], p.dir);
  expect(status).toMatchObject({ code: 1 });
  const { code: kind } = error;
  expect(find(status.stdout, schema)).toMatchObject({ version: null, findings: [{ kind, message }] });
  const verified = await sqlmig(['verify', '--json'], p.dir);
  expect(verified).toMatchObject({ code: 1 });
  expect(JSON.parse(verified.stdout).findings).toMatchObject([{ kind, schema, message }]);
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, applied: others.length, failed: 1, skipped: 0 });
  expect(find(stdout, schema)).toMatchObject({ state: 'failed', version: null, error });
  expect(find(stdout, schema).error).toMatchObject({ state: 'not touched', hint: expect.any(String) });
  const text = await sqlmig(['status'], p.dir);
  expect(text.stdout).toMatch(new RegExp(`tenant +unknown +${kind} +${schema}\n`));
}

function find(stdout: string, schema: string) {
  return JSON.parse(stdout).schemas.find((one: { schema: string }) => one.schema === schema);
}

const kinds = ['list', 'history'] as const;

test("another tool's history is the trouble of its tenant, and the others are migrated", async () => {
  const p = await pending('h_foreign', ['f_a', 'f_b', 'f_c']);
  await db.query(
    'drop table f_b.h_foreign; create table f_b.h_foreign (version bigint, inserted_at timestamp)',
  );
  const message =
    '"f_b"."h_foreign" is the history of Ecto (version bigint, inserted_at timestamp without time zone)';
  await expectTrouble(p, 'f_b', ['f_a', 'f_c'], { code: 'foreign-history', message });
});

test.for(kinds)('a history that may not be read (tenants from %s)', async (kind) => {
  const p = await pending(`h_rights_${kind}`, [`r_a_${kind}`, `r_b_${kind}`, `r_c_${kind}`], kind);
  const name = `r_b_${kind}.h_rights_${kind}`;
  await db.query(`alter table ${name} owner to current_user; revoke all on ${name} from ${role}`);
  const message = `"r_b_${kind}"."h_rights_${kind}" cannot be read: permission denied for table h_rights_${kind}`;
  const error = { code: 'history-unreadable', message, sqlstate: '42501' };
  await expectTrouble(p, `r_b_${kind}`, [`r_a_${kind}`, `r_c_${kind}`], error);
});

test('a schema that may not be used', async () => {
  const p = await pending('h_usage', ['u_a', 'u_b']);
  await db.query(`alter schema u_b owner to current_user; revoke all on schema u_b from ${role}`);
  const error = {
    code: 'history-unreadable',
    message: '"u_b"."h_usage" cannot be read: permission denied for schema u_b',
  };
  await expectTrouble(p, 'u_b', ['u_a'], error);
});

test.for(kinds)('row security that hides rows is seen (tenants from %s)', async (kind) => {
  const p = await pending(`h_rls_${kind}`, [`l_a_${kind}`, `l_b_${kind}`], kind);
  const table = `l_b_${kind}.h_rls_${kind}`;
  await db.query(
    `alter table ${table} enable row level security; alter table ${table} force row level security`,
  );
  const message = `"l_b_${kind}"."h_rls_${kind}" cannot be read: query would be affected by row-level security policy for table "h_rls_${kind}"`;
  await expectTrouble(p, `l_b_${kind}`, [`l_a_${kind}`], {
    code: 'history-unreadable',
    message,
    sqlstate: '42501',
  });
});

test.for(kinds)('a history of ours that lost a column (tenants from %s)', async (kind) => {
  const p = await pending(`h_lost_${kind}`, [`d_a_${kind}`, `d_b_${kind}`], kind);
  await db.query(`alter table d_b_${kind}.h_lost_${kind} drop column run_id`);
  const message = `"d_b_${kind}"."h_lost_${kind}" is a sqlmig history that lacks the column run_id`;
  await expectTrouble(p, `d_b_${kind}`, [`d_a_${kind}`], { code: 'history-damaged', message });
});

test('among many tenants as well', async () => {
  const names = Array.from({ length: 15 }, (_, i) => `many_${i}`);
  const p = await pending('h_many', names);
  await db.query('alter table many_7.h_many drop column state, drop column scope');
  const message = '"many_7"."h_many" is a sqlmig history that lacks the columns state, scope';
  const others = names.filter((name) => name !== 'many_7');
  await expectTrouble(p, 'many_7', others, { code: 'history-damaged', message });
});

test('in public it stops everything, as a failure of public does', async () => {
  const p = project(
    { url, historyTable: 'h_pub', tenants: { list: ['p_a'] } },
    { 'sql/public/1_a.sql': 'create table p_shared ()', ...files },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  await db.query('alter table public.h_pub drop column state');
  p.write({ 'sql/public/2_b.sql': '', 'sql/tenant/2_b.sql': '' });
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).schemas).toMatchObject([
    { schema: 'public', state: 'failed', error: { code: 'history-damaged' } },
    { schema: 'p_a', state: 'skipped', error: { code: 'public-failed' } },
  ]);
  expect(await sqlmig(['tenant', 'create', 'p_a', '--json'], p.dir)).toMatchObject({ code: 1 });
});

test('a NULL or a bad name among the rows of the tenants query is told, and the others are migrated', async () => {
  await db.query(
    `create table names_given as select * from (values ('q_a'), (null), ('pg_q'), ('q_b')) v (schema_name);
     grant select on names_given to ${role}`,
  );
  const query = 'select schema_name from names_given';
  const p = project({ url, historyTable: 'h_null', tenants: { query } }, files);
  const { code, stdout, stderr } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, applied: 2, failed: 2, skipped: 0 });
  expect(find(stdout, 'NULL')).toMatchObject({
    state: 'failed',
    error: { code: 'bad-tenant-name', message: `a tenant's name must be text, not null` },
  });
  expect(find(stdout, 'pg_q')).toMatchObject({ state: 'failed', error: { code: 'bad-tenant-name' } });
  expect(stderr).toContain('must be text, not null');
  expect(await db.query(`select to_regclass('q_b.a') is not null as made`)).toEqual([{ made: true }]);
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 1 });
  const listed = await sqlmig(['tenant', 'list'], p.dir);
  expect(listed).toMatchObject({ code: 1, stdout: expect.stringMatching(/^tenant .*\nq_a .*\nq_b .*\n$/) });
  expect(listed.stderr).toContain('error[bad-tenant-name]');
  // Who asks for some tenants by name has nothing to do with the others.
  expect(await sqlmig(['up', '--tenants', 'q_a'], p.dir)).toMatchObject({ code: 0 });
});

test('bad names hide neither public nor the tenant that is called like them', async () => {
  const query = `select unnest(array['NULL', null, 'public'])`;
  const p = project({ url, historyTable: 'h_alike', tenants: { query } }, files);
  const run = async () => {
    const { stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
    const { schemas, ...rest } = JSON.parse(stdout);
    type Outcome = { schema: string; scope: string; state: string; error?: { code: string } };
    return {
      ...rest,
      schemas: schemas.map(({ schema, scope, state, error }: Outcome) => [scope, schema, state, error?.code]),
    };
  };
  const bad = ['NULL', 'public'].map((schema) => ['tenant', schema, 'failed', 'bad-tenant-name']);
  expect(await run()).toMatchObject({
    failed: 2,
    schemas: [
      ['public', 'public', 'up-to-date', undefined],
      ['tenant', 'NULL', 'applied', undefined],
      ...bad,
    ],
  });
  p.write({ 'sql/public/1_x.sql': 'create table alike ()', 'sql/public/2_x.sql': 'select 1/0' });
  expect(await run()).toMatchObject({
    failed: 3,
    upToDate: 1,
    skipped: 0,
    schemas: [
      ['public', 'public', 'failed', 'migration-failed'],
      ['tenant', 'NULL', 'up-to-date', undefined],
      ...bad,
    ],
  });
});

test('a role that may create nothing is told the GRANT to run, before any tenant starts', async () => {
  const poor = `Poor ${db.name}`;
  const quoted = `"${poor}"`;
  await db.query(
    `create role ${quoted} login password 'x' nosuperuser; revoke create on schema public from public`,
  );
  afterAll(() => db.query(`drop owned by ${quoted} cascade; drop role ${quoted}`));
  const settings = {
    url: Object.assign(new URL(db.url), { username: encodeURIComponent(poor), password: 'x' }).href,
    historyTable: 'h_poor',
    tenants: { list: ['poor_a', 'poor_b'] },
  };
  const p = project(settings, { 'sql/public/1_a.sql': 'create table poor_shared ()', ...files });
  const onSchema = `GRANT CREATE ON SCHEMA "public" TO ${quoted};`;
  const onDatabase = `GRANT CREATE ON DATABASE "${db.name}" TO ${quoted};`;
  const refused = async (args: readonly string[], hint: string) => {
    const { code, stdout } = await sqlmig([...args, '--json'], p.dir);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({
      code: 1,
      error: {
        code: 'server-refused',
        sqlstate: '42501',
        state: 'nothing was touched',
        hint: `have the owner or a superuser run: ${hint}`,
      },
    });
  };
  await refused(['up', '--all'], `${onSchema} ${onDatabase}`);
  await refused(['up', '--public'], onSchema);
  await db.query(onSchema);
  await refused(['up', '--all'], onDatabase);
  expect(await db.query(`select to_regclass('public.h_poor') as made`)).toEqual([{ made: null }]);
  expect(await sqlmig(['up', '--public'], p.dir)).toMatchObject({ code: 0 });
  await refused(['tenant', 'create', 'poor_a'], onDatabase);
  await db.query(onDatabase);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  // Nothing is to be created any more, so nothing is needed.
  await db.query(onDatabase.replace('GRANT', 'REVOKE').replace(' TO ', ' FROM '));
  p.write({ 'sql/tenant/2_b.sql': 'create table b ()' });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
});
