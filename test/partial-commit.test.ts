import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { parseStatements } from '../src/sql/parse.ts';
import { commitsInParts } from '../src/sql/transaction-rules.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const asked = '-- sqlmig: no-transaction\n';
const procedure = `create table hits (i int);
create procedure fill(bad boolean) language plpgsql as $$begin
  insert into hits values (1); commit;
  if bad then perform 1 / 0; end if;
  insert into hits values (2);
end$$;`;

function tenant(files: Record<string, string>): TestProject {
  return project({ url: db.url, tenants: { list: ['acme'] } }, files);
}

async function failure(p: TestProject) {
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  return { code, ...JSON.parse(stdout).schemas[1].error };
}

const hits = () => db.query('select i from acme.hits order by i');
const begun = () =>
  db.query(
    'select version::int, at_statement, done_statements from acme.schema_migrations where state <> $$applied$$',
  );

test.each([
  ['a procedure', 'call fill(true);'],
  ['a DO block', 'do $$begin insert into hits values (1); commit; perform 1 / 0; end$$;'],
  [
    'a block in a block',
    'do $$begin do $in$begin insert into hits values (1); commit; end$in$; perform 1 / 0; end$$;',
  ],
])('what %s committed before it failed is not run again', async (_, statement) => {
  const p = tenant({ 'sql/tenant/1_p.sql': procedure, 'sql/tenant/2_fill.sql': asked + statement });
  expect(await failure(p)).toMatchObject({
    code: 'migration-failed',
    sqlstate: '22012',
    statement: 1,
    statements: 1,
    state: expect.stringContaining(
      'statement 1 may have committed part of its work, and the migration is marked as incomplete',
    ),
    hint: 'check what it left behind, then run: sqlmig repair acme 2 --from-statement 1 (runs it again) or --mark-applied (skips it)',
  });
  expect(await begun()).toEqual([{ version: 2, at_statement: 1, done_statements: 0 }]);
  expect(await failure(p)).toMatchObject({ code: 'incomplete' });
  expect(await hits()).toEqual([{ i: 1 }]);
});

test('repair says what it cannot know, and does what a person says', async () => {
  const p = tenant({
    'sql/tenant/1_p.sql': procedure,
    'sql/tenant/2_fill.sql': `${asked}call fill(true);\ninsert into hits values (3);`,
  });
  await failure(p);
  const explained = await sqlmig(['repair', 'acme', '2'], p.dir);
  expect(explained.stderr).toContain('part of its work may be committed');
  const resumed = await sqlmig(['repair', 'acme', '2', '--resume'], p.dir);
  expect(resumed).toMatchObject({ code: 1, stderr: expect.stringContaining('error[unsettled]') });
  expect(resumed.stderr).toContain(
    '--from-statement 1 (runs it again) or --from-statement 2 (keeps what it did)',
  );
  // Run again it fails as a whole; what it left the first time is there all the same.
  await db.query(
    'create or replace procedure acme.fill(bad boolean) language plpgsql as $$begin perform 1 / 0; end$$',
  );
  const again = await sqlmig(['repair', 'acme', '2', '--from-statement', '1'], p.dir);
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('now:  the migration is marked as incomplete'),
  });
  expect(await begun()).toEqual([{ version: 2, at_statement: 1, done_statements: 0 }]);
  expect(await sqlmig(['repair', 'acme', '2', '--from-statement', '2'], p.dir)).toMatchObject({ code: 0 });
  expect(await hits()).toEqual([{ i: 1 }, { i: 3 }]);
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1 });
});

test('an interrupt within a procedure leaves the row, and says so', async () => {
  const p = tenant({
    'sql/tenant/1_p.sql': `${procedure}
create procedure slow() language plpgsql as $$begin insert into hits values (1); commit; perform pg_sleep(60); end$$;`,
    'sql/tenant/2_slow.sql': `${asked}call slow();`,
  });
  const running = start(['up', '--all', '--json'], p.dir);
  const sleeping = `select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  while ((await db.query(sleeping))[0]?.n !== 1) await delay(20);
  running.process.kill('SIGINT');
  const { code, stdout } = await running.ended;
  expect(code).toBe(130);
  expect(JSON.parse(stdout).schemas[1].error).toMatchObject({
    code: 'interrupted',
    statement: 1,
    state: expect.stringContaining('statement 1 may have committed part of its work'),
    hint: expect.stringContaining('sqlmig repair acme 2 --from-statement 1'),
  });
  expect(await failure(p)).toMatchObject({ code: 'incomplete' });
  expect(await hits()).toEqual([{ i: 1 }]);
});

test('a lost connection within a procedure leaves the row', async () => {
  const p = tenant({
    'sql/tenant/1_p.sql': procedure,
    'sql/tenant/2_gone.sql': `${asked}do $$begin insert into hits values (1); commit; perform pg_terminate_backend(pg_backend_pid()); end$$;`,
  });
  expect(await failure(p)).toMatchObject({ code: 'incomplete' });
  expect(await hits()).toEqual([{ i: 1 }]);
  expect((await sqlmig(['repair', 'acme', '2'], p.dir)).stderr).toContain(
    'part of its work may be committed',
  );
});

test.each([
  ['a block that rolls back', 'do $$begin insert into hits values (1); perform 1 / 0; end$$;'],
  ['an index on a column that is not there', 'create index concurrently on hits (nowhere);'],
  ['a VACUUM of a table that is not there', 'vacuum hits, nowhere;'],
  ['a procedure that fails before its first COMMIT', 'call fill(null, 1);'],
])('%s left nothing: the file is pending again', async (_, statement) => {
  const p = tenant({ 'sql/tenant/1_p.sql': procedure, 'sql/tenant/2_x.sql': asked + statement });
  expect(await failure(p)).toMatchObject({ state: 'none of it was kept; acme is at 1' });
  expect(await begun()).toEqual([]);
  expect(await hits()).toEqual([]);
  p.write({ 'sql/tenant/2_x.sql': `${asked}select 1` });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
});

test('an interrupted VACUUM may simply run again', async () => {
  const p = tenant({
    'sql/tenant/1_p.sql': procedure,
    'sql/tenant/2_v.sql': `${asked}vacuum hits;\nselect nowhere;`,
  });
  await failure(p);
  await db.query(`update acme.schema_migrations set at_statement = 1, done_statements = 0 where version = 2`);
  const resumed = await sqlmig(['repair', 'acme', '2', '--resume'], p.dir);
  expect(resumed).toMatchObject({ code: 1, stderr: expect.stringContaining('statement 2 of 2') });
});

const probe = (name: string, expression: string) =>
  `do $$begin execute format('create table %I.${name} as select ${expression.replaceAll("'", "''")} as v', 'acme'); end$$;\n`;

test('RESET ALL in a file is no lost session, and the rest of the file runs as it began', async () => {
  await db.query(`alter database ${db.name} set statement_timeout = '50s'`);
  const p = tenant({
    'sql/tenant/1_p.sql': 'create table mine (i int)',
    'sql/tenant/2_r.sql': `${asked}reset all;
create table second (i int);
${probe('after_reset', `current_schema() || ' ' || current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' || split_part(current_setting('application_name'), ' ', 3)`)}
set lock_timeout = '7s';
create index concurrently mine_i on mine (i);
reset search_path;
create table third (i int);
${probe('after_set', `current_setting('lock_timeout')`)}`,
    'sql/tenant/3_next.sql': `create table next as select current_setting('lock_timeout') as v`,
  });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  expect(await db.query('select v from acme.after_reset')).toEqual([{ v: 'acme 0 0 2' }]);
  expect(await db.query('select v from acme.after_set')).toEqual([{ v: '7s' }]);
  expect(await db.query('select v from acme.next')).toEqual([{ v: '5s' }]);
  expect(
    await db.query(`select schemaname as s from pg_tables where tablename in ('second', 'third')`),
  ).toEqual([{ s: 'acme' }, { s: 'acme' }]);
});

test('what a file sets for itself does not stand in the way of the bookkeeping', async () => {
  await db.query('drop role if exists sqlmig_visitor; create role sqlmig_visitor');
  const p = tenant({
    'sql/tenant/1_read_only.sql': `${asked}set session characteristics as transaction read only;\nselect 1;`,
    'sql/tenant/2_level.sql': `${asked}set session characteristics as transaction isolation level serializable;\nselect 1;`,
    'sql/tenant/3_user.sql': `${asked}set session authorization sqlmig_visitor;\nselect 1;`,
    'sql/tenant/4_path.sql': `${asked}set search_path = '';\nset statement_timeout = '1h';\nselect 1;`,
    'sql/tenant/5_after.sql': `create table after_it as select session_user::text as who, current_setting('transaction_read_only') as ro`,
    'sql/tenant/6_failing.sql': `${asked}set session characteristics as transaction read only;\ncreate table never ();`,
  });
  expect(await sqlmig(['up', '--all', '--to', '3'], p.dir)).toMatchObject({ code: 0 });
  await db.query(`create table public.written_under (version int, timeout text);
create function public.note_timeout() returns trigger language plpgsql as $$begin
  insert into public.written_under values (new.version, current_setting('statement_timeout')); return null; end$$;
create trigger note after insert or update on acme.schema_migrations for each row execute function public.note_timeout()`);
  expect(await failure(p)).toMatchObject({ code: 'migration-failed', sqlstate: '25006', statement: 2 });
  expect(await db.query('select distinct timeout from public.written_under where version = 4')).toEqual([
    { timeout: '0' },
  ]);
  expect(await db.query('select ro, who = session_user::text as same from acme.after_it')).toEqual([
    { ro: 'off', same: true },
  ]);
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1 });
  await db.query('drop role sqlmig_visitor');
});

test('a login whose role is another one by default has that one throughout', async () => {
  await db.query(`drop role if exists sqlmig_deployer;
drop role if exists sqlmig_owner;
create role sqlmig_owner;
create role sqlmig_deployer login noinherit password 'x';
grant sqlmig_owner to sqlmig_deployer;
alter role sqlmig_deployer set role = sqlmig_owner;
grant create on database ${db.name} to sqlmig_owner;
grant create on schema public to sqlmig_owner;`);
  const url = Object.assign(new URL(db.url), { username: 'sqlmig_deployer', password: 'x' }).href;
  const p = project(
    { url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': 'create table t (i int)',
      'sql/tenant/2_i.sql': `${asked}create index concurrently t_i on t (i);\nset role none;\nselect 1;`,
      'sql/tenant/3_u.sql': `${asked}reset role;\ncreate table u (i int);`,
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  expect(
    await db.query(`select distinct tableowner::text as who from pg_tables where schemaname = 'acme'`),
  ).toEqual([{ who: 'sqlmig_owner' }]);
  await db.query(
    'drop owned by sqlmig_owner cascade; drop owned by sqlmig_deployer; drop role sqlmig_deployer; drop role sqlmig_owner',
  );
});

test('a procedure that commits in a transactional file is told where it may', async () => {
  const p = tenant({ 'sql/tenant/1_p.sql': procedure });
  for (const [text, line] of [
    ['call fill(false);', 1],
    ['select 1;\ndo $$\nbegin\n  insert into hits values (1);\n  commit;\nend $$;', 5],
  ] as const) {
    p.write({ 'sql/tenant/2_fill.sql': text });
    expect(await failure(p)).toMatchObject({
      sqlstate: '2D000',
      line,
      state: 'rolled back; acme is at 1',
      hint: expect.stringContaining('-- sqlmig: no-transaction'),
    });
  }
  p.write({ 'sql/tenant/2_fill.sql': `${asked}call fill(false);` });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  expect(await hits()).toEqual([{ i: 1 }, { i: 2 }]);
});

test('a file that releases our locks is noticed', async () => {
  const p = tenant({
    'sql/tenant/1_u.sql': `${asked}select 1;\nselect pg_advisory_unlock_all();\ncreate table never ();`,
  });
  expect(await failure(p)).toMatchObject({
    code: 'lock-released',
    line: 3,
    statement: 2,
    state: expect.stringContaining('statements up to 2 are kept, and the migration is marked as incomplete'),
  });
  expect(await db.query(`select count(*)::int as n from pg_tables where tablename = 'never'`)).toEqual([
    { n: 0 },
  ]);
  expect(await sqlmig(['repair', 'acme', '1', '--from-statement', '3'], p.dir)).toMatchObject({ code: 0 });
});

test('DISCARD ALL is refused before anything runs; the other forms are not', async () => {
  const p = tenant({ 'sql/tenant/1_d.sql': `${asked}create table t ();\ndiscard all;` });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error[discard-all]'),
  });
  p.write({ 'sql/tenant/1_d.sql': `${asked}discard temp;\ndiscard plans;\ndiscard sequences;\nreset all;` });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
});

test.each([
  ['call p()', true],
  ['do $$begin commit; end$$', true],
  ['do $$begin call p(); end$$', true],
  ["do 'begin com\\mit; end'", false],
  ['do $$begin rollback; raise $x$no$x$; end$$', false],
  ['do language plpython3u $$plpy.x()$$', true],
  ['do $$begin perform f(); end$$ language plpgsql', false],
  ['vacuum', true],
  ['analyze a, b', true],
  ['cluster', true],
  ['reindex schema s', true],
  ['reindex index concurrently i', true],
  ['create index concurrently i on t (a)', true],
  ['create index i on t (a)', false],
  ['drop index concurrently i', true],
  ['drop index i', false],
  ['alter table t detach partition p concurrently', true],
  ['alter table t detach partition p', false],
  ['create database d', false],
  ['select f()', false],
])('%s commits in parts: %s', async (text, expected) => {
  const parsed = await parseStatements(text);
  const [statement] = 'statements' in parsed ? parsed.statements : [];
  expect(statement && commitsInParts(statement)).toBe(expected);
});
