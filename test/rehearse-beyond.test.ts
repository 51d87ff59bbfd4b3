import { beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

/** Rehearses files in a temporary database, and says what went wrong there. */
async function rehearse(files: Record<string, string>) {
  const p = project(
    { url: db.url, tenants: { list: [] } },
    {
      'sql/public/1_a.sql': 'create table a (id int);',
      'sql/public/2_i.sql': 'create index concurrently on a (id);',
      ...files,
    },
  );
  const warnings: string[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  const result = await up(await p.config(), { select: { kind: 'public' }, rehearse: true, onEvent });
  const errors = result.schemas.flatMap(({ error }) => (error === undefined ? [] : [error.message]));
  return { errors, warnings };
}

const unwarned = { errors: [], warnings: [] };

test('a definition that calls what a rollback does not undo runs in the temporary database', async () => {
  const files = {
    'sql/public/3_c.sql': `create function cancel(p int) returns boolean language sql as 'select pg_cancel_backend(p)';
create view stuck as select pid, pg_terminate_backend(pid) as ended from pg_stat_activity;
create table orders (id int, cancel boolean, note text default 'see pg_reload_conf');`,
    'sql/public/4_d.sql': `create index on orders (id); comment on column stuck.ended is 'by pg_terminate_backend';
grant execute on function cancel(int) to public; drop function cancel(int); drop view stuck;`,
  };
  expect(await rehearse(files)).toEqual(unwarned);
});

const nonTransactional = '-- sqlmig: no-transaction\n';

test('what a commit would run is checked before it, with the search_path of the file', async () => {
  const role = `deferred_${db.name}`;
  const trigger = (body: string) => `create schema x; create table x.t (id int); create table seen (id int);
create function x.f() returns trigger language plpgsql as $$ begin ${body}; return null; end $$;
create constraint trigger t after insert on x.t deferrable initially deferred for each row execute function x.f();`;
  const create = `execute format('cre' || 'ate role %I', '${role}')`;
  const insert = `${nonTransactional}insert into x.t values (1);\nselect 1;`;
  const plain = {
    'sql/public/3_t.sql': trigger('insert into seen values (new.id)'),
    'sql/public/4_i.sql': insert,
  };
  expect(await rehearse(plain)).toEqual(unwarned);
  const refused = {
    errors: [],
    warnings: [
      'sql/public/4_i.sql and what follows it are not rehearsed: the file would change more than its database',
    ],
  };
  expect(await rehearse({ ...plain, 'sql/public/3_t.sql': trigger(create) })).toEqual(refused);
  const cursor = {
    'sql/public/3_g.sql': `create function g() returns int language plpgsql as $$ begin ${create}; return 1; end $$;`,
    'sql/public/4_i.sql': `${nonTransactional}declare c cursor with hold for select g();\nselect 1;`,
  };
  expect(await rehearse(cursor)).toEqual(unwarned);
  expect(await db.query(`select from pg_roles where rolname = '${role}'`)).toEqual([]);
});

test('REINDEX and CLUSTER of a partitioned table run in the temporary database', async () => {
  const files = {
    'sql/public/3_p.sql': `create table p (id int) partition by range (id); create table p1 partition of p for values from (1) to (9);
create index p_id on p (id);`,
    'sql/public/4_r.sql': `${nonTransactional}reindex table p;\ncluster p using p_id;`,
  };
  expect(await rehearse(files)).toEqual(unwarned);
});

test('code that commits may grant privileges on tables in the temporary database, and no role', async () => {
  const role = (name: string) => `${name}_${db.name}`;
  await db.query(`create role ${role('sales')}; create role ${role('bob')}`);
  const block = (text: string) => ({
    'sql/public/3_g.sql': `${nonTransactional}do $$ begin ${text}; commit; end $$;`,
  });
  expect(await rehearse(block(`grant select on a to ${role('bob')}`))).toEqual(unwarned);
  const { errors, warnings } = await rehearse(block(`grant ${role('sales')} to ${role('bob')}`));
  expect(errors).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(/^sql\/public\/3_g\.sql:2 .* a block with GRANT SALES_/)]);
  const members = `select from pg_auth_members where member = '${role('bob')}'::regrole`;
  expect(await db.query(members)).toEqual([]);
  await db.query(`drop role ${role('sales')}; drop role ${role('bob')}`);
});

test('a connection to the temporary database that is lost is no mistake in a file', async () => {
  const end = `do $$ begin execute 'select pg_termi' || 'nate_backend(pg_backend_pid())'; end $$`;
  const lost = (reason: string) => ({
    errors: [],
    warnings: [
      `sql/public/2_i.sql and what follows it are not rehearsed: it is non-transactional, and the connection ${reason}`,
    ],
  });
  expect(await rehearse({ 'sql/public/3_e.sql': `${nonTransactional}select 1;\n${end}` })).toEqual(
    lost('to the temporary database was lost while sql/public/3_e.sql ran'),
  );
  expect(await rehearse({ 'sql/public/3_e.sql': end })).toEqual(
    lost('was lost: terminating connection due to administrator command'),
  );
});

test('a file that fails behind a statement that was left out is not rehearsed', async () => {
  const role = `made_${db.name}`;
  const grant = {
    'sql/public/3_r.sql': `create role ${role};`,
    'sql/public/4_g.sql': `create table g (id int);\ngrant select on g to ${role};`,
  };
  const missing = `(role "${role}" does not exist)`;
  expect(await rehearse(grant)).toEqual({
    errors: [],
    warnings: [
      `sql/public/4_g.sql and what follows it are not rehearsed: it fails without the statement at sql/public/3_r.sql:1 ${missing}`,
      'sql/public/3_r.sql:1 is not rehearsed, because it is CREATE ROLE and would change more than its database',
    ],
  });
  const { 'sql/public/3_r.sql': create, 'sql/public/4_g.sql': use } = grant;
  const { errors, warnings } = await rehearse({ 'sql/public/3_g.sql': `${use}\n${create}` });
  expect(errors).toEqual([`role "${role}" does not exist`]);
  expect(warnings).toHaveLength(1);
});
