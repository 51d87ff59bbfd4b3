import { beforeEach, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const shared = `create table plans (id int primary key, name text); insert into plans values (1, 'a'), (2, 'b'), (3, 'c');
create table log (what text); create view plan_names as select name from plans;
create function wipe() returns void language sql as 'delete from public.plans';
create procedure renames() language sql as $$ update public.plans set name = 'x' $$;`;
const plans = 'select id, name from public.plans order by id';

function tenants(text: string, names: readonly string[] = ['acme'], url = db.url) {
  return project(
    { url, tenants: { list: names } },
    { 'sql/public/1_shared.sql': shared, 'sql/tenant/1_t.sql': `create table own (id int);\n${text}` },
  );
}

test.for([
  ['truncate plans', 'empties or rewrites table public.plans'],
  ['truncate own, plans', 'empties or rewrites table public.plans'],
  ['delete from plans', 'deletes 3 rows of table public.plans'],
  ['delete from public.plans where id = 2', 'deletes 1 row of table public.plans'],
  [`update plans set name = 'x' where id < 3`, 'updates 2 rows of table public.plans'],
  [`update plan_names set name = 'x'`, 'updates 3 rows of table public.plans'],
  [
    `insert into plans values (1, 'z') on conflict (id) do update set name = excluded.name`,
    'updates 1 row of',
  ],
  ['merge into plans p using (select 1 as id) s on p.id = s.id when matched then delete', 'deletes 1 row of'],
  ['with gone as (delete from plans returning *) insert into own select id from gone', 'deletes 3 rows of'],
  ['select wipe()', 'deletes 3 rows of'],
  ['call renames()', 'updates 3 rows of'],
  [`do $$ begin execute 'delete from pla' || 'ns'; end $$`, 'deletes 3 rows of'],
  [`do $$ begin execute 'truncate pla' || 'ns'; end $$`, 'empties or rewrites table public.plans'],
  [
    `insert into own select 1; create function t() returns trigger language plpgsql as $$ begin delete from public.plans; return new; end $$;
    create trigger t after insert on own for each row execute function t(); insert into own select 2`,
    'deletes 3 rows of',
  ],
] as const)('rolled back: %s', async ([text, what]) => {
  const p = tenants(`${text};`);
  const config = await p.config();
  for (let run = 0; run < 2; run++) {
    const result = await up(config, { select: all });
    expect(result.schemas[1]?.error).toMatchObject({
      code: 'changes-public',
      file: 'sql/tenant/1_t.sql',
      message: expect.stringContaining(what),
      state: 'rolled back; acme is empty',
    });
    expect(await db.query(plans)).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
      { id: 3, name: 'c' },
    ]);
  }
});

test.for([
  `insert into log values ('hello'); insert into plans values (9, 'nine')`,
  'insert into own select count(*) from plans; delete from own; update own set id = 1; truncate own',
  'alter table own add foreign key (id) references plans; insert into own values (1); select from plans for key share',
  `select nextval('public.numbers'); lock table plans in row exclusive mode`,
  'delete from plans where id = 77; update plans set name = name where false',
])('free: %s', async (text) => {
  const p = tenants(`${text};`);
  p.write({ 'sql/public/2_s.sql': 'create sequence numbers' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
});

test('the file says so: -- sqlmig: allow-public; what it counted says nothing about the files after it', async () => {
  const p = tenants('insert into own values (1);', ['acme', 'globex', 'initech']);
  p.write({
    'sql/tenant/2_allowed.sql': `-- sqlmig: allow-public\nupdate plans set name = name || '!' where id = 1; delete from plans where id = 3;`,
    'sql/tenant/3_t.sql': 'insert into own select id from plans; insert into log select name from plans;',
  });
  expect(await up(await p.config(), { select: all, ...{} })).toMatchObject({ ok: true });
  expect(await db.query(plans)).toEqual([
    { id: 1, name: 'a!!!' },
    { id: 2, name: 'b' },
  ]);
});

test('rows of another tenant are guarded too, rows of a schema that is none are not', async () => {
  const p = tenants('insert into own values (1);', ['acme', 'globex']);
  await up(await p.config(), { select: all });
  await db.query('create schema cron; create table cron.job (id int); insert into cron.job values (1)');
  p.write({ 'sql/tenant/2_other.sql': 'delete from cron.job; delete from own where id = 7;' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  p.write({ 'sql/tenant/3_other.sql': 'update globex.own set id = 2;' });
  const { schemas } = await up(await p.config(), { select: { kind: 'tenants', names: ['acme'] } });
  expect(schemas[1]?.error).toMatchObject({
    code: 'changes-other-schema',
    message: expect.stringContaining('updates 1 row of table globex.own'),
  });
  expect(await db.query('select id from globex.own')).toEqual([{ id: 1 }]);
});

test('a non-transactional file is refused before such a statement', async () => {
  const p = tenants('insert into own values (1);');
  await up(await p.config(), { select: all });
  for (const statement of ['delete from plans', 'truncate plans', `update public.plans set name = 'x'`]) {
    p.write({ 'sql/tenant/2_n.sql': `-- sqlmig: no-transaction\nvacuum own;\n${statement};` });
    const { schemas } = await up(await p.config(), { select: all });
    expect(schemas[1]?.error).toMatchObject({ code: 'changes-public', line: 3, statement: 2 });
    await db.query('delete from acme.schema_migrations where version = 2');
  }
  expect(await db.query('select count(*)::int as n from plans')).toEqual([{ n: 3 }]);
});

test('behind a pooler as well', async ({ skip }) => {
  const missing = poolerMissing();
  if (missing !== null) skip(missing);
  const url = await startPooler(db.url, 'transaction', 2);
  const p = tenants('delete from plans where id = 2;', ['acme', 'globex'], url);
  const result = await up(await p.config(), { select: all, maxFailures: { count: 9 } });
  expect(result.schemas.map(({ error }) => error?.code)).toEqual([
    undefined,
    'changes-public',
    'changes-public',
  ]);
  p.write({ 'sql/tenant/1_t.sql': `create table own (id int); insert into log values ('x')` });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await db.query('select count(*)::int as n from plans')).toEqual([{ n: 3 }]);
});
