import postgres from 'postgres';
import { beforeEach, expect, test } from 'vitest';
import { applyNonTransactional } from '../src/execute/non-transactional.ts';
import type { Session } from '../src/server/session.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';
import { checkedScript, emptyTenant, testContext, testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const table = `create table items (id int primary key, name text, flag boolean, gone int);
insert into items select i, 'item ' || i, false from generate_series(1, 50) i;
alter table items drop column gone;
alter table items add column kind text default 'k';
create table others (name text);
create table parted (id int) partition by list (id);
create table parted_1 partition of parted for values in (1);
create table parted_2 partition of parted for values in (2);
create index parted_1_i on parted_1 (id);`;

/** A project whose tenant acme has the tables, and then a file of these statements. */
async function acme(file: string): Promise<TestProject> {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_items.sql': table });
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  p.write({ 'sql/tenant/2_change.sql': file });
  return p;
}

async function up(p: TestProject) {
  const { code, stdout, stderr } = await sqlmig(['up', '--all', '--json'], p.dir);
  return { code, stderr, error: code === 2 ? undefined : JSON.parse(stdout).schemas[1].error };
}

const resume = (p: TestProject, ...how: string[]) =>
  sqlmig(['repair', 'acme', '2', ...(how.length === 0 ? ['--resume'] : how)], p.dir);
const indexes = async () =>
  Object.fromEntries(
    (
      await db.query(`select c.relname as name, i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid
        where c.relnamespace = 'acme'::regnamespace and c.relname not like 'schema_migrations%' and c.relname not in ('items_pkey', 'parted_1_i')`)
    ).map(({ name, valid }) => [name, valid]),
  );
const invalidate = (name: string) =>
  db.query(`update pg_index set indisvalid = false where indexrelid = 'acme.${name}'::regclass`);
const row = async () =>
  (
    await db.query(
      'select state, at_statement, done_statements from acme.schema_migrations where version = 2',
    )
  )[0];

test('IF NOT EXISTS builds what is not there, builds anew what is invalid, and passes over what is as it should be', async () => {
  const p = await acme(`create index concurrently if not exists items_name on items (name);
create index concurrently if not exists items_flag on acme.items (flag);
create unique index concurrently if not exists items_kind on only items (kind, id);
create index concurrently on items (lower(name));`);
  await db.query(
    'create index items_flag on acme.items (flag); create unique index items_kind on acme.items (kind, id)',
  );
  await invalidate('items_kind');
  expect(await up(p)).toMatchObject({ code: 0 });
  expect(await indexes()).toEqual({
    items_name: true,
    items_flag: true,
    items_kind: true,
    items_lower_idx: true,
  });
});

const forms = [
  'on items (name)',
  'on items (name desc nulls last)',
  'on items (name text_pattern_ops)',
  'on items (name collate "C")',
  'on items (lower(name), (id + 1))',
  'on items (name, id)',
  'on items (name) include (id)',
  `on items (name) where flag and kind <> 'x'`,
  'on items using hash (name)',
  'on items using gin (to_tsvector($$english$$, name))',
  'on items (name) with (fillfactor = 70)',
  'on items (lower(items.name))',
];
const unique = ['on items (name)', 'on items (name) nulls not distinct'];
const all = [
  ...forms.map((form) => `index concurrently if not exists i ${form}`),
  ...unique.map((form) => `unique index concurrently if not exists i ${form}`),
];

const plain = (text: string, name: string) => `${text.replace('concurrently if not exists i ', `${name} `)};`;
const make = (text: string) => db.query(`set search_path = acme; ${text}; reset search_path`);

test('each form of an index equals itself', async () => {
  const p = await acme(all.map((form, i) => `create ${form.replace(' i ', ` i${i} `)};`).join('\n'));
  await make(all.map((form, i) => `create ${plain(form, `i${i}`)}`).join('\n'));
  expect(await up(p)).toMatchObject({ code: 0 });
});

test('no form of an index equals the next one', async () => {
  const p = await acme('');
  const wrong: string[] = [];
  for (const [i, form] of all.entries()) {
    p.write({ 'sql/tenant/2_change.sql': `create ${form};` });
    await make(`drop index if exists i; create ${plain(String(all[(i + 1) % all.length]), 'i')}`);
    if ((await up(p)).error?.code !== 'index-differs') wrong.push(form);
  }
  expect(wrong).toEqual([]);
});

test('an index of that name on another table, or with another definition, is an error that shows both', async () => {
  const p = await acme('create index concurrently if not exists items_name on items (name);');
  await db.query('create index items_name on acme.others (name)');
  expect(await up(p)).toMatchObject({
    code: 1,
    error: {
      code: 'index-differs',
      file: 'sql/tenant/2_change.sql',
      line: 1,
      message:
        "acme.items_name already exists and is another index: CREATE INDEX items_name ON acme.others USING btree (name); the file's is CREATE INDEX items_name ON acme.items USING btree (name)",
      state: 'not touched; acme is at 1',
    },
  });
  expect(await row()).toBeUndefined();
  await db.query('drop index acme.items_name; create table acme.items_name (id int)');
  expect((await up(p)).error).toMatchObject({
    code: 'index-differs',
    message: 'acme.items_name already exists and is not an index',
  });
  await db.query('drop table acme.items_name; create index items_name on acme.items (kind)');
  expect((await up(p)).error).toMatchObject({ message: expect.stringContaining('(kind); the file') });
  await db.query('drop index acme.items_name');
  expect(await up(p)).toMatchObject({ code: 0 });
  expect(await db.query(`select relname from pg_class where relname like 'sqlmig%'`)).toEqual([]);
});

test('one that differs in a later statement leaves the file where it was, and --resume goes on', async () => {
  const p = await acme(`select 1;
create index concurrently if not exists items_name on items (name);`);
  await db.query('create index items_name on acme.items (kind)');
  expect(await up(p)).toMatchObject({
    error: {
      code: 'index-differs',
      hint: 'drop or rename the existing one, and run sqlmig up again',
    },
  });
  expect(await row()).toEqual({ state: 'incomplete', at_statement: 1, done_statements: 1 });
  expect((await resume(p)).stderr).toContain('error[index-differs]');
  await db.query('drop index acme.items_name');
  expect(await resume(p)).toMatchObject({ code: 0 });
  expect(await indexes()).toEqual({ items_name: true });
});

test('an index that is being built by somebody else is waited for', async () => {
  const p = await acme('create index concurrently if not exists items_name on items (name);');
  await db.query(`create index items_name on acme.items (name);
create table finished (); create procedure finish() language plpgsql as $$begin
  lock table acme.items in share update exclusive mode; perform pg_sleep(1);
  update pg_index set indisvalid = true where indexrelid = 'acme.items_name'::regclass; end$$`);
  await invalidate('items_name');
  const [{ oid } = {}] = await db.query(`select 'acme.items_name'::regclass::oid`);
  const building = db.query('call finish()');
  expect(await up(p)).toMatchObject({ code: 0 });
  await building;
  // The very index, and not another one in its place.
  expect(await db.query(`select 'acme.items_name'::regclass::oid`)).toEqual([{ oid }]);
});

const started = `insert into acme.schema_migrations (version, name, checksum, applied_by, run_id, state, scope, statements, at_statement, done_statements)`;
/** Makes the second migration one that stopped within its first statement. */
async function stopped(p: TestProject): Promise<void> {
  p.write({ 'sql/tenant/3_next.sql': 'create table next ()' });
  const { stdout } = await sqlmig(['plan', '--json'], p.dir);
  expect(stdout).toContain('2');
  const { readMigrations } = await import('../src/project/migrations.ts');
  const file = (await readMigrations(await p.config())).tenant[1];
  await db.query(
    `${started} values (2, 'change', '${file?.checksum}', 'x', 'x', 'incomplete', 'tenant', 1, 1, 0)`,
  );
}

test('a drop that was canceled is done again; one that was done is not', async () => {
  const p = await acme('drop index concurrently if exists items_name;');
  await db.query('create index items_name on acme.items (name); create table public.items_name ()');
  await invalidate('items_name');
  await stopped(p);
  expect((await resume(p, '--mark-applied')).stderr).toContain('the index acme.items_name is invalid');
  expect(await resume(p)).toMatchObject({ code: 0 });
  expect(await indexes()).toEqual({});
  await db.query('delete from acme.schema_migrations where version = 2');
  await stopped(p);
  expect(await resume(p)).toMatchObject({ code: 0 });
});

test.each([
  ['reindex index concurrently items_name;', ['others_name_ccnew']],
  ['reindex (concurrently) table items;', ['others_name_ccnew']],
  ['reindex schema concurrently acme;', []],
])('%s drops the copies that it left, and no others', async (file, others) => {
  const p = await acme(file);
  await db.query(`set search_path = acme;
create index items_name on items (name); create index items_name_ccnew on items (name); create index items_name_ccold1 on items (name);
create index others_name on others (name); create index others_name_ccnew on others (name);
create index mine_ccnew on items (flag); reset search_path;`);
  for (const name of ['items_name_ccnew', 'items_name_ccold1', 'others_name_ccnew', 'mine_ccnew'])
    await invalidate(name);
  await stopped(p);
  expect((await resume(p, '--mark-applied')).stderr).toContain('error[invalid-index]');
  expect(await resume(p)).toMatchObject({ code: 0 });
  const left = Object.entries(await indexes()).flatMap(([name, valid]) => (valid === true ? [] : [name]));
  expect(left.sort()).toEqual(['mine_ccnew', ...others]);
});

/** Runs a statement that must wait for a transaction that has used acme.items, and cancels it there. */
async function canceled(statement: string): Promise<void> {
  const options = { max: 1, onnotice: () => {}, fetch_types: false };
  const [holder, worker] = [postgres(db.url, options), postgres(db.url, options)];
  await holder
    .unsafe('begin isolation level repeatable read; select count(*) from acme.items, acme.parted')
    .simple();
  const [row] = await worker.unsafe('select pg_backend_pid() as pid');
  await worker.unsafe('set search_path = acme').simple();
  const failing = expect(worker.unsafe(statement).simple()).rejects.toMatchObject({ code: '57014' });
  await expect
    .poll(() => db.query(`select from pg_locks where pid = ${row?.pid} and not granted`), { timeout: 60_000 })
    .toHaveLength(1);
  await db.query(`select pg_cancel_backend(${row?.pid})`);
  await failing;
  await Promise.all([holder.end({ timeout: 1 }), worker.end({ timeout: 1 })]);
}

test.each([
  'create index concurrently if not exists items_name on items (name)',
  'create index concurrently items_name on items (name)',
  'create index concurrently on items (name)',
  'drop index concurrently if exists items_flag',
  'reindex table concurrently items',
  'reindex schema concurrently acme',
  'reindex index concurrently items_pkey',
  'alter table parted detach partition parted_1 concurrently',
])('what a canceled %s really leaves is settled', async (statement) => {
  const p = await acme(`${statement};`);
  await db.query('create index items_flag on acme.items (flag)');
  await canceled(statement);
  const left = await db.query(`select indexrelid::regclass::text from pg_index where not indisvalid
    union all select inhrelid::regclass::text from pg_inherits where inhdetachpending`);
  expect(left.length).toBeGreaterThan(0);
  await stopped(p);
  expect(await resume(p)).toMatchObject({ code: 0 });
  expect(
    await db.query(`select indexrelid::regclass::text from pg_index where not indisvalid
      union all select inhrelid::regclass::text from pg_inherits where inhdetachpending
      union all select relname from pg_class where relname ~ '_cc(new|old)'`),
  ).toEqual([]);
  const built = await db.query(
    `select count(*)::int as n from pg_indexes where schemaname = 'acme' and indexdef like '%items USING btree (name)'`,
  );
  expect(built).toEqual([{ n: statement.startsWith('create') ? 1 : 0 }]);
});

test('a role that may make no temporary table compares all the same', async () => {
  await db.query(`drop role if exists sqlmig_plain; create role sqlmig_plain login password 'x';
revoke temp on database ${db.name} from public; grant create on database ${db.name} to sqlmig_plain; grant create on schema public to sqlmig_plain`);
  const url = Object.assign(new URL(db.url), { username: 'sqlmig_plain', password: 'x' }).href;
  const p = project(
    { url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_items.sql': 'create table items (name text); create index items_name on items (name)',
      'sql/tenant/2_index.sql': 'create index concurrently if not exists items_name on items (name);',
      'sql/tenant/3_other.sql': 'create index concurrently if not exists items_name on items (name desc);',
    },
  );
  expect((await up(p)).error).toMatchObject({ code: 'index-differs', file: 'sql/tenant/3_other.sql' });
  await db.query('drop owned by sqlmig_plain cascade; drop role sqlmig_plain');
});

test('a partition that is half detached is finished, whoever began it', async () => {
  const p = await acme('alter table parted detach partition parted_1 concurrently;');
  const pending = () =>
    db.query(`update pg_inherits set inhdetachpending = true where inhrelid = 'acme.parted_1'::regclass`);
  const partitions = () =>
    db.query(`select count(*)::int as n from pg_inherits where inhparent = 'acme.parted'::regclass`);
  await pending();
  expect(await up(p)).toMatchObject({ code: 0 });
  expect(await partitions()).toEqual([{ n: 1 }]);
  await db.query(`delete from acme.schema_migrations where version = 2;`);
  await stopped(p);
  expect(await resume(p)).toMatchObject({ code: 0 });
  await db.query(
    `delete from acme.schema_migrations where version = 2; alter table acme.parted attach partition acme.parted_1 for values in (1)`,
  );
  await stopped(p);
  await pending();
  expect(await resume(p)).toMatchObject({ code: 0 });
  expect(await partitions()).toEqual([{ n: 1 }]);
});

test('an index without a name that a broken build left is found by its definition', async () => {
  const p = await acme(
    'create unique index concurrently on items (kind);\ncreate index concurrently on items (flag);',
  );
  await db.query('create index items_kind_other_idx on acme.items (name)');
  await invalidate('items_kind_other_idx');
  expect(await up(p)).toMatchObject({
    code: 1,
    error: { sqlstate: '23505', hint: expect.stringContaining('--resume') },
  });
  expect(await indexes()).toMatchObject({ items_kind_idx: false });
  await db.query('update acme.items set kind = id');
  expect(await resume(p)).toMatchObject({ code: 0 });
  expect(await indexes()).toEqual({
    items_kind_idx: true,
    items_flag_idx: true,
    items_kind_other_idx: false,
  });
});

test("an invalid index of somebody else is nobody's business here", async () => {
  const p = await acme(`create index concurrently items_name on items (name);
create unique index concurrently items_kind on items (kind);
reindex table concurrently items;`);
  await make('create index theirs on others (name); create index theirs_too on items (flag)');
  for (const name of ['theirs', 'theirs_too']) await invalidate(name);
  expect(await up(p)).toMatchObject({ code: 1, error: { sqlstate: '23505', statement: 2 } });
  const told = await resume(p, '--mark-applied');
  expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining('acme.items_kind is invalid') });
  await db.query('update acme.items set kind = id');
  expect(await resume(p)).toMatchObject({ code: 0 });
  expect(await indexes()).toEqual({ items_name: true, items_kind: true, theirs: false, theirs_too: false });
});

test('what is passed over with --from-statement must have left no invalid index', async () => {
  const p = await acme(`select 1;
create unique index concurrently items_kind on items (kind);
create table after_it ();`);
  await up(p);
  const refusal = await resume(p, '--from-statement', '3');
  expect(refusal).toMatchObject({ code: 1, stderr: expect.stringContaining('error[invalid-index]') });
  expect(await db.query(`select to_regclass('acme.after_it') as t`)).toEqual([{ t: null }]);
  await db.query('drop index acme.items_kind');
  expect(await resume(p, '--from-statement', '3')).toMatchObject({ code: 0 });
});

test('a file that was changed since it was begun is marked as applied, and otherwise put back', async () => {
  const p = await acme(`-- sqlmig: no-transaction
select 1;
select nowhere;`);
  await up(p);
  const changed = '-- sqlmig: no-transaction\nselect 1;\nselect 2;\nselect 3;';
  p.write({ 'sql/tenant/2_change.sql': changed });
  const refusal = await resume(p);
  expect(refusal).toMatchObject({ code: 1, stderr: expect.stringContaining('error[checksum-changed]') });
  expect(refusal.stderr).toContain('then: sqlmig repair acme 2 --mark-applied');
  for (const at of [1, 2]) {
    await db.query(`update acme.schema_migrations set at_statement = ${at} where version = 2`);
    expect((await up(p)).error).toMatchObject({
      code: 'incomplete',
      message: '2_change was started but not finished, and its file has changed since',
      hint: expect.stringMatching(/^restore the original file.* then: sqlmig repair acme 2 --mark-applied$/),
    });
  }
  const { stdout } = await sqlmig(['status'], p.dir);
  expect(stdout).toMatch(/tenant +at 1 +incomplete +acme/);
  p.remove('sql/tenant/2_change.sql');
  expect((await up(p)).error).toMatchObject({
    code: 'incomplete',
    message: '2_change was started but not finished, and its file no longer exists',
    hint: 'restore the file, then run sqlmig up again',
  });
  p.write({ 'sql/tenant/2_change.sql': changed });
  expect(await resume(p, '--mark-applied')).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect(await row()).toEqual({ state: 'applied', at_statement: null, done_statements: 3 });
});

const refused: [string, string, string][] = [
  ['a partitioned parent', '0A000', 'create index concurrently m on parted (id);'],
  [
    'a partitioned parent, IF NOT EXISTS',
    '0A000',
    'create index concurrently if not exists m on parted (id);',
  ],
  ['a table that is not there', '42P01', 'create index concurrently if not exists m on nowhere (id);'],
  ['a column that is not there', '42703', 'create index concurrently if not exists m on items (nowhere);'],
  [
    'a column that is not there, beside an index of that name',
    '42703',
    'create index concurrently if not exists items_name on items (nowhere);',
  ],
  [
    'an operator class that is not there',
    '42704',
    'create index concurrently m on items (name no_such_ops);',
  ],
  [
    'a storage parameter that is not there',
    '22023',
    'create index concurrently m on items (name) with (nowhere = 1);',
  ],
  ['a name that is taken', '42P07', 'create index concurrently items_name on items (flag);'],
  ['an index that is not there', '42704', 'drop index concurrently nowhere;'],
  ['an index that is not there', '42P01', 'reindex index concurrently nowhere;'],
  ['a table that is no partition', '42P01', 'alter table parted detach partition others concurrently;'],
];

test.each(refused)('%s (%s) leaves nothing: %s', async (_, sqlstate, statement) => {
  const p = await acme(`${statement}\nselect 2;`);
  await db.query('create index items_name on acme.items (name)');
  expect(await up(p)).toMatchObject({
    code: 1,
    error: { code: 'migration-failed', sqlstate, state: 'none of it was kept; acme is at 1' },
  });
  expect(await row()).toBeUndefined();
});

test('a corrected file is simply pending; with a later statement that was refused, up goes on there', async () => {
  const p = await acme('create index concurrently m on parted (id);');
  expect(await up(p)).toMatchObject({ code: 1 });
  p.write({
    'sql/tenant/2_change.sql':
      '-- sqlmig: no-transaction\nselect 1;\ncreate index concurrently m on parted (id);',
  });
  expect((await up(p)).error).toMatchObject({
    sqlstate: '0A000',
    state: expect.stringContaining('statements before 2 are kept'),
    hint: 'run sqlmig up again once it can succeed: it continues with statement 2; if it never can, do the rest by hand, then run: sqlmig repair acme 2 --mark-applied',
  });
  expect(await row()).toEqual({ state: 'incomplete', at_statement: 1, done_statements: 1 });
  expect((await resume(p)).stderr).toContain('(0A000)');
  expect((await sqlmig(['plan'], p.dir)).stdout).toContain('tenant  acme     at 1     1 migration\n');
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  expect((await up(p)).error).toMatchObject({ code: 'migration-failed', sqlstate: '0A000', statement: 2 });
  await db.query('drop table acme.parted; create table acme.parted (id int)');
  expect(await up(p)).toMatchObject({ code: 0 });
  expect(await row()).toEqual({ state: 'applied', at_statement: null, done_statements: 2 });
});

test('a build that was refused leaves nothing, although its session has begun a transaction by itself', async () => {
  await acme('');
  const session = await testSession(db.url);
  // As an idle session does to catch up with invalidation messages.
  const busy: Session = {
    ...session,
    run: async (text, ...more) => {
      if (text.startsWith('create index')) await session.run('select 1');
      return session.run(text, ...more);
    },
  };
  const [found] = await db.query(`select 'acme'::regnamespace::oid::text as oid`);
  const schema = {
    ...{ ...emptyTenant('acme'), oid: String(found?.oid) },
    history: [{ version: '1', name: 'items', checksum: '', state: 'applied' as const }],
  };
  const script = await checkedScript('tenant', '2_change.sql', 'create index concurrently m on parted (id)');
  const attempt = await applyNonTransactional(busy, { script, schema, context: testContext });
  await session.close();
  expect(attempt).toMatchObject({ kind: 'failed', error: { details: { state: 'none of it was kept' } } });
  expect(attempt).not.toHaveProperty('incomplete');
  expect(await row()).toBeUndefined();
});

test('a table of another owner leaves the statements before', async () => {
  await db.query('drop role if exists sqlmig_stranger; create role sqlmig_stranger');
  const p = await acme('set role sqlmig_stranger;\ncreate index concurrently m on items (name);');
  await db.query('grant usage on schema acme to sqlmig_stranger');
  // The next run is the same role again, which the first statement has set.
  for (let run = 1; run <= 2; run++) {
    expect((await up(p)).error).toMatchObject({ sqlstate: '42501', statement: 2 });
    expect(await row()).toEqual({ state: 'incomplete', at_statement: 1, done_statements: 1 });
  }
  await db.query(`update acme.schema_migrations set checksum = 'x' where version = 2`);
  expect((await up(p)).error).toMatchObject({
    code: 'incomplete',
    message: '2_change was started but not finished, and its file has changed since',
  });
  await db.query('drop owned by sqlmig_stranger; drop role sqlmig_stranger');
});
