import { beforeEach, expect, test } from 'vitest';
import { createNoticeGroups } from '../src/fleet/notice-groups.ts';
import { type RunEvent, type UpResult, up } from '../src/index.ts';
import { createPaint } from '../src/report/paint.ts';
import { createProgress } from '../src/report/progress.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
type Notice = RunEvent & { readonly type: 'server-notice' };

function fleet(tenants: readonly string[], files: Record<string, string>): TestProject {
  return project({ url: db.url, tenants: { list: [...tenants] } }, files);
}

async function listen(p: TestProject, rehearse = false): Promise<{ result: UpResult; notices: Notice[] }> {
  const notices: Notice[] = [];
  const onEvent = (event: RunEvent) => void (event.type === 'server-notice' && notices.push(event));
  const result = await up(await p.config(), { select: all, rehearse, onEvent });
  return { result, notices };
}

const warning = `select 1;
do $$
begin
  raise warning '12 rows skipped';
  raise notice 'hello';
end$$;`;

test('a WARNING is shown without --verbose, once for all tenants, with file and line', async () => {
  const p = fleet(numbered('t', 5), { 'sql/tenant/1_w.sql': warning });
  const { code, stdout, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(code).toBe(0);
  expect(stderr.match(/12 rows skipped/g)).toHaveLength(1);
  expect(stderr).toMatch(
    /^WARNING: 12 rows skipped \(sql\/tenant\/1_w\.sql:4\): t_\d, t_\d, t_\d and 2 more$/m,
  );
  expect(stdout + stderr).not.toContain('hello');
});

test('--quiet shows no warning, --verbose each notice as it comes, --json all in the answer', async () => {
  const files = (n: number) => ({ [`sql/tenant/${n}_w.sql`]: warning });
  const p = fleet(['acme', 'globex'], files(1));
  expect((await sqlmig(['up', '--all', '--quiet'], p.dir)).stderr).toBe('');
  p.write(files(2));
  const verbose = await sqlmig(['up', '--all', '--verbose'], p.dir);
  for (const who of ['acme', 'globex']) {
    expect(verbose.stderr).toContain(`WARNING: 12 rows skipped (sql/tenant/2_w.sql:4): ${who}\n`);
    expect(verbose.stderr).toContain(`NOTICE: hello (sql/tenant/2_w.sql:5): ${who}\n`);
  }
  p.write(files(3));
  const json = await sqlmig(['up', '--all', '--json', '--quiet'], p.dir);
  expect(JSON.parse(json.stdout).warnings).toEqual([
    {
      severity: 'WARNING',
      sqlstate: '01000',
      message: '12 rows skipped',
      file: 'sql/tenant/3_w.sql',
      line: 4,
      schemas: expect.arrayContaining(['acme', 'globex']),
      count: 2,
    },
  ]);
  p.write(files(4));
  const lines = (await sqlmig(['up', '--all', '--log-format', 'json'], p.dir)).stderr.trim().split('\n');
  const told = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'server-notice');
  expect(told).toHaveLength(2);
  expect(told[0]).toMatchObject({
    severity: 'WARNING',
    sqlstate: '01000',
    scope: 'tenant',
    schema: expect.stringMatching(/acme|globex/),
    file: 'sql/tenant/4_w.sql',
    line: 4,
  });
});

const long = 'x'.repeat(70);

test.each([
  ['42P07', 'create table if not exists t (i int)'],
  ['42P07', 'create index if not exists i on t (i)'],
  ['42P07', 'create sequence if not exists s'],
  ['42P06', 'create schema if not exists acme'],
  ['42701', 'alter table t add column if not exists i int'],
  ['42710', 'do $$begin create extension if not exists plpgsql; end$$'],
  ['42710', "alter type e add value if not exists 'a'"],
  ['42622', `create table ${long} ()`],
  ['42622', `do $$begin execute 'create table ${long} ()'; end$$`],
  ['00000', 'drop table if exists nowhere'],
  ['00000', 'drop index if exists nowhere'],
  ['00000', 'drop function if exists nowhere(int)'],
  ['00000', 'drop trigger if exists nowhere on t'],
  ['00000', 'alter table if exists nowhere add x int'],
  ['00000', 'alter table t drop column if exists nowhere'],
  ['00000', 'alter table t drop constraint if exists nowhere'],
  ['00000', 'drop type if exists nowhere'],
  ['00000', 'drop role if exists sqlmig_nowhere'],
  ['00000', 'drop table t cascade'],
  ['00000', 'truncate t cascade'],
  ['42P07', "do $$begin raise notice 't is there, skipping' using errcode = '42P07'; end$$"],
  ['01000', 'do $$begin raise warning $x$careful$x$; end$$'],
])('%s: what was skipped or cut is shown: %s', async (sqlstate, statement) => {
  const p = fleet(['acme'], {
    'sql/tenant/1_t.sql': `create table t (i int primary key); create index i on t (i); create sequence s; create type e as enum ('a');
create view v as select from t; create table child (i int references t);`,
  });
  expect((await listen(p)).notices).toEqual([]);
  p.write({ 'sql/tenant/2_x.sql': `-- sqlmig: allow-server\n\n${statement}` });
  const { result, notices } = await listen(p);
  expect(result).toMatchObject({ ok: true });
  expect(notices.length).toBeGreaterThan(0);
  expect(notices[0]).toMatchObject({
    important: true,
    sqlstate,
    schema: 'acme',
    file: 'sql/tenant/2_x.sql',
    line: 3,
  });
  expect(result.warnings[0]).toMatchObject({ sqlstate, schemas: ['acme'], count: 1 });
});

test('what code says with RAISE NOTICE or INFO is for --verbose, whatever it says', async () => {
  const p = fleet(['acme'], {
    'sql/tenant/1_n.sql': `do $$begin raise notice 'table "t" does not exist, skipping'; raise info 'x'; raise notice 'identifier "x" will be truncated'; end$$`,
  });
  const { result, notices } = await listen(p);
  expect(notices.map(({ important }) => important)).toEqual([false, false, false]);
  expect(result.warnings).toEqual([]);
});

test('tenants that share a message are told apart', async () => {
  const tenants = numbered('t', 60);
  const p = fleet(tenants, { 'sql/tenant/1_t.sql': 'create table t (i int)' });
  await listen(p);
  p.write({
    'sql/tenant/2_w.sql': `do $$begin raise warning 'in %', current_schema(); end$$; create table if not exists t (i int); create table ${long} ();`,
  });
  const { result, notices } = await listen(p);
  const warned = notices.filter(({ severity }) => severity === 'WARNING');
  expect(new Set(warned.map(({ message, schema }) => `${message} by ${schema}`))).toEqual(
    new Set(tenants.map((name) => `in ${name} by ${name}`)),
  );
  for (const sqlstate of ['42P07', '42622']) {
    expect(result.warnings.filter((group) => group.sqlstate === sqlstate)).toMatchObject([{ count: 60 }]);
  }
});

test('several files at once: each with its own file, and its schemas', async () => {
  const p = fleet(['acme', 'globex'], {
    'sql/public/1_p.sql': 'create table if not exists p (); create table if not exists p ();',
    'sql/tenant/1_w.sql': warning,
    'sql/tenant/2_t.sql': 'drop table if exists nowhere',
  });
  const { result } = await listen(p);
  expect(result.warnings).toMatchObject([
    { severity: 'NOTICE', sqlstate: '42P07', file: 'sql/public/1_p.sql', schemas: ['public'], count: 1 },
    { severity: 'WARNING', file: 'sql/tenant/1_w.sql', count: 2 },
    { severity: 'NOTICE', sqlstate: '00000', file: 'sql/tenant/2_t.sql', line: 1, count: 2 },
  ]);
});

test('a non-transactional file: the statement is known', async () => {
  const p = fleet(['acme'], {
    'sql/tenant/1_n.sql': `-- sqlmig: no-transaction
create procedure p() language plpgsql as $$begin raise warning 'in p'; commit; end$$;
call p();
drop table if exists a;
do $$begin
  raise warning 'in do';
end$$;
reset all;`,
  });
  const { result } = await listen(p);
  expect(result.warnings).toMatchObject([
    { message: 'in p', line: 3 },
    { sqlstate: '00000', line: 4 },
    { message: 'in do', line: 6 },
  ]);
});

test('a dry run tells what the server said, file by file', async () => {
  const p = fleet(['acme'], {
    'sql/public/1_p.sql': `do $$begin raise warning 'in public'; end$$`,
    'sql/tenant/1_a.sql': 'drop table if exists nowhere',
    'sql/tenant/2_w.sql': warning,
  });
  const { notices } = await listen(p, true);
  const ofTenant = notices.filter(({ important, schema }) => important && schema === 'acme');
  expect(ofTenant).toMatchObject([
    { file: 'sql/tenant/1_a.sql', line: 1 },
    { file: 'sql/tenant/2_w.sql', line: 4 },
  ]);
});

test('what sqlmig itself does is no warning', async () => {
  const p = fleet(['acme', 'bad'], {
    'sql/tenant/1_t.sql': `select 1 / case current_schema() when 'bad' then 0 else 1 end; create temp table x ();`,
    'sql/tenant/2_n.sql': 'vacuum pg_class;',
  });
  const { code, stderr } = await sqlmig(['up', '--all', '--digest', '--max-failures', '9'], p.dir);
  expect(code).toBe(1);
  expect(stderr).not.toContain('WARNING');
  expect(stderr).not.toContain('NOTICE');
});

test('a settled migration and a new tenant tell theirs as well', async () => {
  const p = fleet([], { 'sql/tenant/1_w.sql': warning });
  const created = await sqlmig(['tenant', 'create', 'signup', '--unlisted'], p.dir);
  expect(created.stderr).toContain('WARNING: 12 rows skipped (sql/tenant/1_w.sql:4): signup\n');
});

const notice = (schema: string, message: string): Notice => ({
  type: 'server-notice',
  severity: 'NOTICE',
  sqlstate: '42P07',
  important: true,
  message,
  schema,
});

test('ten thousand tenants with twenty notices each are twenty groups', () => {
  const groups = createNoticeGroups();
  for (const schema of numbered('t', 10_000)) {
    for (const message of numbered('relation', 20)) groups.add(notice(schema, message));
    groups.add(notice(schema, 'relation_1'));
  }
  expect(groups.list()).toHaveLength(20);
  expect(groups.list()[0]).toEqual({
    severity: 'NOTICE',
    sqlstate: '42P07',
    message: 'relation_1',
    schemas: numbered('t', 10),
    count: 10_000,
  });
});

test('texts that differ from tenant to tenant are kept up to a thousand, and twenty are shown', () => {
  let text = '';
  const progress = createProgress({
    write: (chunk) => {
      text += chunk;
    },
    live: false,
    columns: () => 80,
    verbose: false,
    paint: createPaint(false),
    now: () => 0,
  });
  for (const schema of numbered('t', 5_000)) progress.onEvent(notice(schema, `table\nof ${schema}`));
  progress.end();
  const lines = text.trimEnd().split('\n');
  expect(lines).toHaveLength(21);
  expect(lines[0]).toBe('NOTICE: table\\u{a}of t_1: t_1');
  expect(lines[20]).toBe('and 4980 more messages from the server; --verbose shows them all');
});
