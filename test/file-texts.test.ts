import { beforeEach, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const pairs = `BEGIN;
create type role_new as enum ('user', 'admin');
alter table users alter role type role_new using role::text::role_new;
alter type role rename to role_old;
alter type role_new rename to role;
drop type role_old;
COMMIT;

create table log (t text);

start transaction;
savepoint a;
insert into log values ('undone');
create table undone ();
rollback to savepoint a;
insert into log values ('kept');
release a;
end;
`;
const files = {
  'sql/public/1_p.sql': 'create table plans (id int primary key)',
  'sql/tenant/1_users.sql': `create type role as enum ('user'); create table users (id int, role role);`,
  'sql/tenant/2_pairs.sql': pairs,
  // Still open at its end, and it runs code.
  'sql/tenant/3_open.sql': `savepoint b; do $$ begin insert into log values ('code'); end $$; savepoint c;`,
};
const tenants = { list: ['acme', 'globex'] };

async function expectDone(): Promise<void> {
  for (const schema of tenants.list) {
    expect(await db.history(schema)).toEqual({ 1: 1, 2: 1, 3: 1 });
    expect(await db.query(`select t from ${schema}.log`)).toEqual([{ t: 'kept' }, { t: 'code' }]);
    expect(await db.query(`select to_regclass('${schema}.undone') as t`)).toEqual([{ t: null }]);
  }
}

test('pairs of BEGIN and COMMIT and savepoints run, in a rehearsal and for real', async () => {
  const p = project({ url: db.url, tenants }, files);
  expect(await sqlmig(['up', '--all', '--rehearse'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.query(`select 1 from pg_namespace where nspname = 'acme'`)).toEqual([]);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  await expectDone();
});

test('a file with pairs is applied whole or not at all, and its lines stay true', async () => {
  const broken = { ...files, 'sql/tenant/2_pairs.sql': `${pairs}insert into log values (1 / 0);` };
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, broken);
  const { code, stderr, stdout } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(1);
  expect(stderr + stdout).toContain('sql/tenant/2_pairs.sql:19:1 · statement 13 of 13');
  expect(await db.query(`select to_regclass('acme.log') as t, to_regtype('acme.role_old') as r`)).toEqual([
    { t: null, r: null },
  ]);
  expect(await db.history('acme')).toEqual({ 1: 1 });
});

const missing = poolerMissing();
if (missing !== null) console.log(`skipped: ${missing}`);
test.skipIf(missing !== null)('savepoints and pairs behind PgBouncer in transaction mode', async () => {
  const url = await startPooler(db.url, 'transaction', 4);
  const p = project({ url, tenants }, files);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  await expectDone();
});

test.for([
  ['savepoint a; alter table plans add x int;', 1],
  ['savepoint a; alter table plans add x int; release a;', 1],
  ['savepoint a; do $$ begin alter table plans add x int; end $$; release a', 1],
  ['savepoint a; alter table plans add x int; rollback to a;', 0],
  ['savepoint a; do $$ begin alter table plans add x int; end $$; rollback to a', 0],
  ['savepoint a; delete from schema_migrations', 1],
  ['savepoint a; delete from schema_migrations; rollback to a', 0],
] as const)('the guards see what a savepoint keeps: %s', async ([text, code]) => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/public/1_p.sql': 'create table plans (id int primary key)', 'sql/tenant/1_x.sql': text },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code });
  expect(
    await db.query(
      `select count(*)::int as n from pg_attribute where attrelid = 'plans'::regclass and attname = 'x'`,
    ),
  ).toEqual([{ n: 0 }]);
  expect(await db.history('acme')).toEqual(code === 0 ? { 1: 1 } : {});
});

test('in a non-transactional file a pair is refused with the reason', async () => {
  const p = project({ url: db.url }, { 'sql/public/1_v.sql': 'begin;\nselect 1;\ncommit;\nvacuum;' });
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(2);
  expect(stderr).toContain(
    'BEGIN has no effect here, since the statements of this file run one by one (VACUUM)',
  );
  expect(stderr).toContain('sql/public/1_v.sql:1:1');
});

test('what only a newer grammar refuses is judged by the server', async () => {
  const [server] = await db.query(`select current_setting('server_version_num')::int / 10000 as major`);
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': `create table t (\n  system_user text,\n  b text);
create function json_value(a text) returns text language sql as $$ select a $$;
insert into t values ('x', json_value('y'));`,
    },
  );
  const plan = await sqlmig(['plan'], p.dir);
  expect(plan).toMatchObject({ code: 0 });
  expect(plan.stdout).toContain('sql/tenant/1_t.sql:2:3: system_user is a keyword since PostgreSQL 16');
  const up = await sqlmig(['up', '--all'], p.dir);
  if (Number(server?.major) < 16) {
    expect(up).toMatchObject({ code: 0 });
    expect(await db.query('select * from acme.t')).toEqual([{ system_user: 'x', b: 'y' }]);
  } else {
    expect(up.code).toBe(1);
    expect(up.stderr + up.stdout).toContain(
      'error[migration-failed]: syntax error at or near "system_user" (42601)',
    );
    expect(up.stderr + up.stdout).toContain('sql/tenant/1_t.sql:2:3');
  }
});

test('a value that a file adds to an enum may equal a text that it writes', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': `create type mood as enum ('sad'); create table log (t text); create table m (m mood);`,
      'sql/tenant/2_t.sql': `alter type mood add value 'new'; insert into log values ('new');`,
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  p.write({ 'sql/tenant/3_t.sql': `alter type mood add value 'newer';\ninsert into m values ('newer');` });
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up.code).toBe(1);
  expect(up.stderr + up.stdout).toContain('(55P04)');
  expect(up.stderr + up.stdout).toContain('sql/tenant/3_t.sql:2:23');
});

test('a broken .down.sql is a finding of its own, and stops nothing', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': 'create table t ()',
      'sql/tenant/1_t.down.sql': '-- back\ndrp table t;',
      'sql/tenant/2_u.down.sql': 'drop table u;\ncommit',
    },
  );
  const plan = await sqlmig(['plan'], p.dir);
  expect(plan).toMatchObject({ code: 0 });
  expect(plan.stdout).toContain('1_t.sql');
  expect(plan.stdout).toContain('warning: sql/tenant/1_t.down.sql:2:1: syntax error at or near "drp"');
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['new', 'next', '--tenant'], p.dir)).toMatchObject({ code: 0 });

  const verify = await sqlmig(['verify'], p.dir);
  expect(verify.code).toBe(1);
  expect(verify.stdout).toContain('down-file: sql/tenant/1_t.down.sql:2:1: syntax error at or near "drp"\n');
  expect(verify.stdout).toContain(
    '2 findings in .down.sql files, which up never runs\ncompared 1 applied migration',
  );
  const json = await sqlmig(['verify', '--json'], p.dir);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: false,
    findings: [
      {
        kind: 'down-file',
        schema: null,
        scope: 'tenant',
        version: '1',
        name: 't',
        rule: 'sql-syntax',
        file: 'sql/tenant/1_t.down.sql',
        line: 2,
        column: 1,
      },
      { kind: 'down-file', version: '2', rule: 'transaction-control', line: 2, column: 1 },
    ],
  });
  // Beside a mistake that does stop, all are shown.
  p.write({ 'sql/tenant/3_x.sql': 'selec 1' });
  const stopped = await sqlmig(['plan'], p.dir);
  expect(stopped.code).toBe(2);
  expect(stopped.stderr).toContain('1_t.down.sql:2:1');
});
