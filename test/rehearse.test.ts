import { beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { loadConfig, type UpResult, up } from '../src/index.ts';
import { rehearsalDocument, rehearsalItems } from '../src/report/rehearsal-markdown.ts';
import { upTable } from '../src/report/up.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const objects = () =>
  db.query(
    `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`,
  );

test('runs everything for real, shows locks and time, and leaves nothing', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    {
      'sql/public/1_plans.sql': 'create table plans (id int primary key);',
      'sql/tenant/1_users.sql': 'create table users (id int primary key, plan int references plans (id));',
    },
  );
  // On an empty database: tenants see what public would have made.
  const first = await sqlmig(['up', '--all', '--rehearse', '--json'], p.dir);
  expect(first).toMatchObject({ code: 0 });
  expect(JSON.parse(first.stdout)).toMatchObject({
    ok: true,
    rehearsed: true,
    applied: 3,
    schemas: [
      { schema: 'public' },
      { schema: 'acme', migrations: [{ version: '1', name: 'users' }], locks: [] },
      {},
    ],
  });
  expect(await objects()).toEqual([]);

  expect((await sqlmig(['up', '--all'], p.dir)).code).toBe(0);
  const before = await objects();
  p.write({
    'sql/public/2_more.sql': 'alter table plans add column title text;',
    'sql/tenant/2_title.sql':
      'alter table users add column title text; update users set title = (select title from plans);',
    'sql/tenant/3_index.sql': 'create index on users (title);',
  });
  const second = await sqlmig(['up', '--all', '--rehearse'], p.dir);
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toMatch(/^tenant {2}would apply {2}2 migrations +at 3 +up to \d+ ms +acme, globex$/m);
  expect(second.stderr).toContain('3 would be applied, 0 up to date, 0 failed');
  expect(second.stdout).toContain('locks  AccessExclusiveLock  users');
  expect(second.stdout).toContain('locks  AccessExclusiveLock  public.plans');
  expect(second.stdout).toContain('rehearsal: everything was rolled back\n');
  expect(await objects()).toEqual(before);
  expect(await db.history('acme')).toEqual({ 1: 1 });
  expect((await sqlmig(['status', '--check'], p.dir)).code).toBe(1);
});

test('a file that would fail is told with its place: exit 1, nothing left', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['bad'] }, historyTable: 'bad_history', publicSchema: 'bad_public' },
    {
      'sql/public/1_a.sql': 'create table a (id int)',
      'sql/tenant/1_b.sql': 'create table b (id int);',
      'sql/tenant/2_c.sql': '-- ü\ninsert into b select id from a;\ninsert into b values (nothing);',
      'sql/tenant/3_d.sql': 'create table d ();',
    },
  );
  const { code, stdout } = await sqlmig(['up', '--all', '--rehearse', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).schemas[1]).toMatchObject({
    state: 'failed',
    error: {
      file: 'sql/tenant/2_c.sql',
      line: 3,
      column: 23,
      statement: 2,
      state: 'rolled back; bad does not exist',
    },
  });
  expect(await db.query(`select count(*)::int as n from pg_namespace where nspname like 'bad%'`)).toEqual([
    { n: 0 },
  ]);
});

const online = {
  'sql/public/1_a.sql': 'create table left_a (id int);',
  'sql/public/2_i.sql': 'create index concurrently on left_a (id);',
  'sql/tenant/1_b.sql': 'create table b (id int);',
  'sql/tenant/2_i.sql': 'create index concurrently on b (id);',
  'sql/tenant/3_c.sql': 'create table c (id int);',
};

test('what is not rehearsed, since the role may not create a database, is said once a file', async () => {
  const own = await freshDatabase();
  const role = `rehearses_${own.name}`;
  await own.query(`create role ${role} login password 'x' nosuperuser nocreatedb;
    alter schema public owner to ${role}; grant create on database ${own.name} to ${role}`);
  try {
    const url = Object.assign(new URL(own.url), { username: role, password: 'x' }).href;
    const p = project({ url, tenants: { list: ['l1', 'l2', 'l3', 'l4'] } }, online);
    const { code, stdout, stderr } = await sqlmig(['up', '--all', '--rehearse'], p.dir);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tenant +would apply +1 migration +at 1 .*l1, l2, l3, l4$/m);
    const left = `it is non-transactional, and role "${role}" may not create a temporary database`;
    expect(stdout).toContain(`
sql/public/2_i.sql: not rehearsed: ${left}
sql/tenant/2_i.sql: not rehearsed in 4 tenants: ${left}
sql/tenant/3_c.sql: not rehearsed in 4 tenants: it follows sql/tenant/2_i.sql
rehearsal: everything was rolled back
`);
    const { 'sql/tenant/1_b.sql': first, ...rest } = online;
    const whole = project({ url, tenants: { list: ['l1'] } }, { 'sql/tenant/1_b.sql': first });
    await own.query(`create schema l1; alter schema l1 owner to ${role}`);
    expect((await sqlmig(['up', '--all'], whole.dir)).code).toBe(0);
    whole.write(rest);
    const none = await sqlmig(['up', '--all', '--rehearse', '--json'], whole.dir);
    const result = JSON.parse(none.stdout);
    expect(result).toMatchObject({
      ...{ ok: true, applied: 1, upToDate: 0, skipped: 1 },
      schemas: [
        { schema: 'public', state: 'applied' },
        { schema: 'l1', state: 'skipped', version: '1' },
      ],
      unrehearsed: [{ scope: 'public' }, { scope: 'tenant', schemas: 1 }, { file: 'sql/tenant/3_c.sql' }],
    });
    expect(none.stderr).toContain('1 would be applied, 0 up to date, 0 failed, 1 not rehearsed (');
    const comment = rehearsalItems(rehearsalDocument(none.stdout) as UpResult).join('\n');
    expect(comment).toContain('sql/tenant/3_c.sql: not rehearsed in 1 tenant');
    expect(comment).not.toContain('up to date');
    expect(stderr.split('\n').filter((line) => line.startsWith('warning'))).toEqual([
      `warning: sql/public/2_i.sql and what follows it are not rehearsed: ${left}`,
      `warning: sql/tenant/2_i.sql and what follows it are not rehearsed in 4 tenants: ${left}`,
    ]);
  } finally {
    await own.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
});

test('a non-transactional file and what follows it run in a temporary database, which is dropped', async () => {
  const p = project({ url: db.url, tenants: { list: ['n1', 'n2'] }, historyTable: 'n_history' }, online);
  const config = await loadConfig({ cwd: p.dir });
  const rehearse = async () => {
    const warnings: string[] = [];
    const onEvent = (event: RunEvent) => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    const result = await up(config, {
      select: { kind: 'all', except: [] },
      rehearse: true,
      sample: 2,
      onEvent,
    });
    return { result, warnings };
  };
  const before = await objects();
  const { result, warnings } = await rehearse();
  expect(warnings).toEqual([]);
  expect(result).toMatchObject({ ok: true, applied: 3 });
  expect(result.schemas[0]?.costs).toMatchObject([{ file: 'sql/public/1_a.sql' }, { scratch: true }]);
  for (const schema of result.schemas.slice(1)) {
    expect(schema).toMatchObject({ state: 'applied', version: '3' });
    expect(schema.migrations.map(({ version }) => version)).toEqual(['1', '2', '3']);
    expect(schema.costs?.map(({ file, scratch, rows }) => [file, scratch, rows])).toEqual([
      ['sql/tenant/1_b.sql', undefined, []],
      ['sql/tenant/2_i.sql', true, null],
      ['sql/tenant/3_c.sql', true, null],
    ]);
  }
  const tenants = result.costs?.filter(({ scope }) => scope === 'tenant') ?? [];
  expect(tenants.map(({ scratch, estimate }) => [scratch, estimate?.tenants])).toEqual([
    [undefined, 2],
    [true, undefined],
    [true, undefined],
  ]);
  expect(upTable(result)).toContain(
    '  ran in a temporary database without rows, since it cannot run in the transaction',
  );
  p.write({ 'sql/tenant/3_c.sql': 'create table c (id int);\ncreate table b ();' });
  expect((await rehearse()).result).toMatchObject({
    ok: false,
    failed: 2,
    schemas: [
      { state: 'applied' },
      {
        state: 'failed',
        schema: 'n1',
        error: {
          file: 'sql/tenant/3_c.sql',
          line: 2,
          schema: 'n1',
          state: expect.stringMatching(/^rolled back; it ran in a temp/),
        },
        costs: [{}, { scratch: true }],
      },
      { state: 'failed', schema: 'n2', error: { schema: 'n2' } },
    ],
  });
  expect(await objects()).toEqual(before);
  const left = `select count(*)::int as n from pg_database where datname = 'sqlmig_replay_${result.runId}'`;
  expect(await db.query(left)).toEqual([{ n: 0 }]);
});

test('no role, slot or comment of the server is changed through the temporary database', async () => {
  const own = await freshDatabase();
  const role = (n: number) => `beyond_${n}_${own.name}`;
  const slot = `slot_${own.name}`;
  const hidden = (n: number) => `execute format('cre' || 'ate role %I', '${role(n)}')`;
  const shared = () =>
    own.query(`select rolname::text as name from pg_roles where rolname ~ '^beyond_\\d_${own.name}$'
union all select slot_name::text from pg_replication_slots where slot_name = '${slot}'
union all select datname::text from pg_database where shobj_description(oid, 'pg_database') = '${own.name}'`);
  const rehearse = async (files: Record<string, string>) => {
    const p = project(
      { url: own.url, tenants: { list: [] } },
      {
        'sql/public/1_a.sql': online['sql/public/1_a.sql'],
        'sql/public/2_i.sql': online['sql/public/2_i.sql'],
        ...files,
      },
    );
    const warnings: string[] = [];
    const onEvent = (event: RunEvent) => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    const select = { kind: 'public' } as const;
    const result = await up(await p.config(), { select, rehearse: true, onEvent });
    return {
      ok: result.ok,
      warnings,
      left: result.unrehearsed,
      files: result.costs?.map(({ file }) => file.slice('sql/public/'.length)),
    };
  };
  const ran = ['1_a.sql', '2_i.sql'];
  const beyond = 'the file would change more than its database';
  const refused = (file: string) => `sql/public/${file} and what follows it are not rehearsed: ${beyond}`;
  const left = (file: string, why: string) => ({
    ...{ scope: 'public', file: `sql/public/${file}`, schemas: 1, why },
  });
  const parts = `-- sqlmig: no-transaction
do $$ begin for i in 1..2 loop insert into left_a values (i); commit; end loop; end $$;`;
  const calls = `create function make_role() returns void language plpgsql as $$ begin ${hidden(1)}; end $$;
create function make_slot() returns void language sql as $$ select pg_create_physical_replication_slot('${slot}') $$;
select make_slot();
do $$ begin perform pg_create_physical_replication_slot('${slot}'); end $$;`;
  expect(
    await rehearse({
      'sql/public/3_parts.sql': parts,
      'sql/public/4_c.sql': calls,
      'sql/public/5_d.sql': 'select make_role();',
    }),
  ).toEqual({
    ok: true,
    files: [...ran, '3_parts.sql', '4_c.sql'],
    left: [left('5_d.sql', beyond)],
    warnings: [
      refused('5_d.sql'),
      expect.stringMatching(/^sql\/public\/4_c\.sql:3 .* a call of pg_create_physical_replication_slot /),
      expect.stringMatching(/^sql\/public\/4_c\.sql:4 .* a call of pg_create_physical_replication_slot /),
    ],
  });
  const commits = `-- sqlmig: no-transaction
create procedure p() language plpgsql as $$ begin ${hidden(2)}; end $$;
call p();`;
  const comments = `do $$ begin execute 'com' || 'ment on data' || 'base postgres is ''${own.name}'''; end $$`;
  for (const [file, text] of [
    ['3_call.sql', commits],
    ['3_comment.sql', comments],
    ['3_grant.sql', "do $$ begin execute 'gr' || 'ant create on data' || 'base template1 to public'; end $$"],
  ] as const) {
    expect(await rehearse({ [`sql/public/${file}`]: text, 'sql/public/5_e.sql': 'select 1;' })).toEqual({
      ok: true,
      files: ran,
      left: [left(file, beyond), left('5_e.sql', `it follows sql/public/${file}`)],
      warnings: [refused(file)],
    });
  }
  expect(await shared()).toEqual([]);
});
