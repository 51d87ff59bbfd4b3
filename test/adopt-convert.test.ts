import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { flywayChecksum } from '../src/history/import/flyway.ts';
import { adoptFiles } from '../src/operations/adopt-files.ts';
import { adoptHistory } from '../src/operations/adopt-history.ts';
import { up } from '../src/operations/up.ts';
import { verify } from '../src/operations/verify.ts';
import { sqlmig } from './setup/cli.ts';
import { emptiedDatabase, inputFiles, sampleNames, sampleText, titleOf } from './setup/histories.ts';
import { prismaSet } from './setup/prisma-set.ts';
import { project, type TestProject } from './setup/project.ts';

const { db } = await emptiedDatabase();
type Files = Record<string, string>;
const under = (folder: string, files: Readonly<Files>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const projectOf = (files: Files, tenants: readonly string[] = []) =>
  project({ url: db.url, tenants: { list: tenants } }, under('old', files));
const convert = (p: TestProject, ...more: string[]) =>
  sqlmig(['adopt', '--convert', 'old', '--yes', ...more], p.dir);
const listed = (p: TestProject, folder: string) => readdirSync(join(p.dir, folder)).sort();
const sqlFiles = (p: TestProject, folder: string) =>
  listed(p, folder).filter((name) => name.endsWith('.sql'));
const read = (p: TestProject, file: string) => readFileSync(join(p.dir, file), 'utf8');

/** The structure of a schema: every object with its definition, without the schema's name. */
async function structure(schema: string) {
  const rows = await db.query(`
    select 'column' as kind, c.relname || '.' || a.attname as name, format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
      || coalesce(pg_get_expr(d.adbin, d.adrelid), '') as what
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = '${schema}'::regnamespace
    union all select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = '${schema}'::regnamespace
    union all select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index join pg_class on pg_class.oid = indexrelid where relnamespace = '${schema}'::regnamespace
    union all select 'function', proname, pg_get_functiondef(oid) from pg_proc where pronamespace = '${schema}'::regnamespace
    union all select 'trigger', tgname, pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = tgrelid where relnamespace = '${schema}'::regnamespace and not tgisinternal
    union all select 'type', typname, coalesce((select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid), typtype::text) from pg_type t where typnamespace = '${schema}'::regnamespace
    union all select 'view', relname, pg_get_viewdef(oid) from pg_class where relkind = 'v' and relnamespace = '${schema}'::regnamespace
    union all select 'comment', objoid::regclass || '.' || objsubid, description from pg_description where classoid = 'pg_class'::regclass and objoid in (select oid from pg_class where relnamespace = '${schema}'::regnamespace)
    union all select 'policy', polrelid::regclass || '.' || polname, pg_get_expr(polqual, polrelid) from pg_policy join pg_class c on c.oid = polrelid where c.relnamespace = '${schema}'::regnamespace
    order by 1, 2, 3`);
  const plain = (value: unknown) => String(value).replaceAll(`${schema}.`, '').replaceAll(schema, '');
  return rows.map(({ kind, name, what }) => [kind, plain(name), plain(what)].join(' ')).sort();
}

test('a set of Prisma written for public becomes three equal tenants, and nothing of it is in public', async () => {
  const p = projectOf(prismaSet, ['acme', 'globex', 'Ümlaut "x"']);
  const dry = await sqlmig(['adopt', '--convert', 'old', '--dry-run'], p.dir);
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing was written\n') });
  expect(listed(p, 'sql/tenant')).toEqual([]);
  const { code, stdout } = await convert(p);
  expect([code, stdout]).toEqual([0, expect.stringContaining('wrote 21 files\n')]);
  expect(stdout).toMatch(
    /or, to make the tables in public a tenant: sqlmig adopt --public-as NAME --files old\n$/,
  );
  expect(stdout).toContain('sql/tenant/20240701093000_touch.sql');
  // What a person decides: CREATE SCHEMA, the default that names public.User, and the two names in the block.
  const places = [...stdout.matchAll(/^ {2}(sql\/tenant\/\S+:\d+:\d+)$/gm)].map(([, place]) => place);
  expect(places.sort()).toEqual([
    'sql/tenant/20240101093000_init.sql:2:1',
    'sql/tenant/20240102093000_posts.sql:5:39',
    'sql/tenant/20240702093000_system_user.sql:4:32',
    'sql/tenant/20240702093000_system_user.sql:5:17',
  ]);
  const posts = read(p, 'sql/tenant/20240102093000_posts.sql');
  expect(posts).toContain('CREATE TABLE "Post" (');
  expect(posts).toContain(`REFERENCES "User"("id")`);
  expect(posts).toContain(`'see public."User" for authors'`);
  expect(read(p, 'sql/tenant/20240502093000_comments.sql')).toContain('-- "public"."Comment" in a comment');
  const block = join(p.dir, 'sql/tenant/20240702093000_system_user.sql');
  writeFileSync(block, readFileSync(block, 'utf8').replaceAll('"public".', ''));
  const ran = await sqlmig(['up', '--all'], p.dir);
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('20 migrations')]);
  const acme = await structure('acme');
  expect(acme.length).toBeGreaterThan(60);
  expect(await structure('globex')).toEqual(acme);
  expect(await structure('"Ümlaut ""x"""')).toEqual(acme);
  expect(
    await db.query(
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relname !~ '^schema_migrations'
       union all select typname from pg_type where typnamespace = 'public'::regnamespace and typname !~ 'schema_migrations'`,
    ),
  ).toEqual([]);
  // What was edited is kept, new originals are added, and other texts are refused.
  p.write({ 'old/20250101000000_more/migration.sql': 'create table more ()' });
  const again = await convert(p);
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('wrote 2 files\n')]);
  expect(readFileSync(block, 'utf8')).not.toContain('public');
  const done = await sqlmig(['adopt', '--convert', 'old'], p.dir);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('all files already exist\n') });
  p.write({ 'old/20240702093000_system_user/migration.sql': 'select 1' });
  expect(await convert(p)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('20240702093000_system_user.sql'),
  });
});

test('tables that are kept go to public, and tenants refer to them', async () => {
  const { '20240702093000_system_user/migration.sql': _, ...set } = prismaSet;
  const p = projectOf(set, ['acme', 'globex']);
  const wrong = await convert(p, '--keep', 'plan');
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('did you mean Plan?')]);
  const { code, stdout } = await convert(p, '--keep', 'Plan,invoices');
  expect([code, stdout]).toEqual([
    0,
    expect.stringContaining('this statement changes kept tables and others'),
  ]);
  expect(sqlFiles(p, 'sql/public')).toEqual([
    '20240201093000_plans.sql',
    '20240801093000_sequence.sql',
    '20240902093000_composite.sql',
    '20241001093000_policy.sql',
  ]);
});

test('a kept table is in public once, and the tenants’ foreign keys refer to it', async () => {
  const { '20240702093000_system_user/migration.sql': _, ...set } = prismaSet;
  const p = projectOf(set, ['acme', 'globex']);
  expect(await convert(p, '--keep', 'Plan')).toMatchObject({ code: 0 });
  expect(sqlFiles(p, 'sql/public')).toEqual(['20240201093000_plans.sql']);
  expect(read(p, 'sql/tenant/20240202093000_user_plan.sql')).toContain('REFERENCES "public"."Plan"("code")');
  const ran = await sqlmig(['up', '--all'], p.dir);
  expect([ran.code, ran.stderr]).toEqual([0, expect.anything()]);
  const tables = await db.query(
    `select relnamespace::regnamespace::text || '.' || relname as name from pg_class where relname in ('Plan', 'User') order by 1`,
  );
  expect(tables.map(({ name }) => name)).toEqual(['acme.User', 'globex.User', 'public.Plan']);
});

test("a history of Prisma is verified by the original files, in public and in the tenants' schemas", async () => {
  const p = projectOf(prismaSet, ['acme']);
  await convert(p);
  const table = `(id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz, migration_name varchar(255) not null,
    logs text, rolled_back_at timestamptz, started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`;
  const rows = Object.entries(prismaSet)
    .slice(0, 19)
    .map(([path, text], i) => `('${i}', '${sha256(text)}', now(), '${path.split('/')[0]}', now(), 1)`);
  await db.query(`create schema acme; create table acme."User" (); create table acme._prisma_migrations ${table};
    insert into acme._prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count) values ${rows.join(', ')}`);
  const look = await sqlmig(['adopt'], p.dir);
  expect([look.code, look.stdout]).toEqual([0, expect.stringContaining('19 files of sql/tenant applied')]);
  const changed = {
    'old/20240201093000_plans/migration.sql': `${prismaSet['20240201093000_plans/migration.sql']}--`,
  };
  p.write(changed);
  const history = ['adopt', '--history', '--files', 'old', '--all', '--yes'];
  expect(await sqlmig(history, p.dir)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('20240201093000_plans/migration.sql has changed since it was converted'),
  });
  p.write(under('old', prismaSet));
  const { code, stdout } = await sqlmig(history, p.dir);
  expect([code, stdout]).toEqual([0, expect.stringContaining('19 equal by SHA-256 of the file')]);
  expect(await sqlmig(['verify', '--all'], p.dir)).toMatchObject({ code: 0 });
  const plan = JSON.parse((await sqlmig(['plan', '--all', '--json'], p.dir)).stdout);
  expect(plan.schemas[1].migrations.map(({ name }: { name: string }) => name)).toEqual(['drop_comments']);
});

test('a project of Sqitch is converted by its plan, and its history is compared with the original files', async () => {
  const deployed = inputFiles((name) => titleOf(name));
  const files = Object.fromEntries(
    deployed.map(({ path, text }) => [
      `deploy/${path}.sql`,
      `-- Deploy sample:${path} to pg\nBEGIN;\n${text}\nCOMMIT;\n`,
    ]),
  );
  const plan = deployed.map(({ path }) => `${path} 2026-11-27T07:38:35Z A <a@example.org>\n`);
  const reverting = { 'revert/create_orders.sql': 'BEGIN;\ndrop table orders;\nCOMMIT;\n' };
  const p = projectOf({ 'sqitch.plan': `%project=sample\n${plan.join('')}`, ...files, ...reverting }, [
    'acme',
  ]);
  const { code, stdout } = await convert(p);
  expect([code, stdout]).toEqual([0, expect.stringContaining('Sqitch: 5 migrations of old\n')]);
  expect(sqlFiles(p, 'sql/tenant')).toContain('0002_create_orders.down.sql');
  await db.query(`${sampleText('sqitch.sql')}; create schema acme; create table acme.customers ()`);
  const imported = await sqlmig(['adopt', '--history', '--files', 'old', '--all', '--yes'], p.dir);
  expect([imported.code, imported.stdout]).toEqual([
    0,
    expect.stringContaining('5 tenant files recorded as applied; 5 equal by SHA-1 of the deploy file'),
  ]);
  expect(await sqlmig(['verify', '--all'], p.dir)).toMatchObject({ code: 0 });
});

test('files that were written for a schema other than public', async () => {
  const p = projectOf({
    '1_x.sql':
      'create table app.users (id serial);\ncomment on table app.users is null;\ncreate table public.plans ();',
  });
  for (const folder of ['sql/public', 'sql/tenant']) rmSync(join(p.dir, folder), { recursive: true });
  const { code, stdout } = await sqlmig(
    ['adopt', '--convert', 'old', '--from-schema', 'app', '--yes'],
    p.dir,
  );
  expect(code).toBe(0);
  expect(stdout).toContain('"app." removed 2 times');
  expect(stdout).toContain('1_x.sql:3:1');
  expect(readFileSync(join(p.dir, 'sql/tenant/1_x.sql'), 'utf8')).toBe(
    'create table users (id serial);\ncomment on table users is null;\ncreate table public.plans ();',
  );
});

test('files that were written for a schema other than public become no public files', async () => {
  const p = projectOf({ '1_x.sql': 'create table app.plans (); create table app.users ();' });
  const options = { from: 'old', fromSchema: 'app', accept: () => true };
  const config = await p.config();
  for (const more of [{ keep: ['plans'] }, { into: 'public' } as const]) {
    await expect(adoptFiles(config, { ...options, ...more })).rejects.toMatchObject({
      code: 'bad-usage',
      message: 'public files are for the schema public, but these were written for app',
    });
  }
  expect(listed(p, 'sql/public')).toEqual([]);
  p.write({ 'sqlmig.config.json': JSON.stringify({ url: db.url, publicSchema: 'app' }) });
  await adoptFiles(await p.config(), { ...options, keep: ['plans'] });
  expect(read(p, 'sql/public/1_x.sql')).toBe('create table app.plans ();');
});

test('of many files that are left out, the first are named', async () => {
  const drafts = Array.from({ length: 25 }, (_, i) => [`draft_${String.fromCharCode(97 + i)}.sql`, '']);
  const p = projectOf({ '1_x.sql': 'select 1;', ...Object.fromEntries(drafts) });
  const { stdout } = await sqlmig(['adopt', '--convert', 'old', '--dry-run'], p.dir);
  expect(stdout).toContain('draft_s.sql, draft_t.sql and 5 more (its name has no version)\n');
  const { leftOut } = JSON.parse(
    (await sqlmig(['adopt', '--convert', 'old', '--dry-run', '--json'], p.dir)).stdout,
  );
  expect(leftOut).toHaveLength(25);
});

test('with other tables to keep, converted files are not mixed', async () => {
  const p = projectOf({ '1_x.sql': 'create table public.k (); create table public.t ();' });
  const config = await p.config();
  const options = { from: 'old', accept: () => true };
  for (const folder of ['sql/public', 'sql/tenant']) rmSync(join(p.dir, folder), { recursive: true });
  await adoptFiles(config, options);
  await expect(adoptFiles(config, { ...options, keep: ['k'] })).rejects.toThrow('1_x.sql');
  expect(listed(p, 'sql/public')).toEqual([]);
  await expect(adoptFiles(config, { ...options, from: 'sql/tenant' })).rejects.toThrow(
    'is also the folder for the converted files',
  );
  await expect(adoptFiles(config, { ...options, from: 'none' })).rejects.toThrow('none has no migrations');
  await expect(adoptFiles(config, { ...options, into: 'public', keep: ['k'] })).rejects.toThrow(
    'nothing to keep',
  );
});

test('--files needs files that were converted', async () => {
  const p = project({ url: db.url }, { 'old/1_x.sql': '', 'sql/public/1_x.sql': '' });
  const { code, stderr } = await sqlmig(['adopt', '--history', '--files', 'old', '--yes'], p.dir);
  expect([code, stderr]).toEqual([2, expect.stringContaining('sqlmig adopt --convert old')]);
});

const named = (
  name: (name: string, i: number) => string,
  text: (own: string) => string = (own) => own,
): Files => Object.fromEntries(inputFiles(name).map((file) => [file.path, text(file.text)]));
const both = (up: string, down: string) => (own: string) => `${up}\n${own}\n${down}\nselect 1;\n`;
const versions = inputFiles((name) => name.slice(0, 14)).map(({ path }) => path);
const titles = inputFiles((name) => titleOf(name)).map(({ path }) => path);
const texts = inputFiles((name) => name).map(({ text }) => text);
const values = (row: (i: number) => string) => versions.map((_, i) => `(${row(i)})`).join(', ');
const journal = {
  'meta/_journal.json': JSON.stringify({
    entries: titles.map((title, i) => ({ idx: i, tag: `000${i}_${title}`, when: 1704445200000 + i })),
  }),
};
const drizzleText = (own: string) => `${own}--> statement-breakpoint\nselect 1;\n`;
const drizzleTable = `create schema drizzle; create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
  insert into drizzle.__drizzle_migrations (hash, created_at) values ${values((i) => `'${sha256(drizzleText(texts[i] ?? ''))}', ${1704445200000 + i}`)}`;
const flywayTable = `create table flyway_schema_history (installed_rank int primary key, version varchar(50),
  description varchar(200) not null, type varchar(20) not null, script varchar(1000) not null, checksum int,
  installed_by varchar(100) not null, installed_on timestamp not null default now(), execution_time int not null, success boolean not null);
  insert into flyway_schema_history values ${values((i) => `${i + 1}, '1.${i + 1}', '${titles[i]?.replaceAll('_', ' ')}', 'SQL', 'V1_${i + 1}__${titles[i]}.sql', ${flywayChecksum(texts[i] ?? '')}, 'me', now(), 5, true`)}`;
const gooseTable = `create table goose_db_version (id int primary key, version_id bigint not null, is_applied boolean not null, tstamp timestamp not null default now());
  insert into goose_db_version values (1, 0, true, now()), ${values((i) => `${i + 2}, ${versions[i]}, true, now()`)}`;

test.for([
  ['Prisma', sampleText('prisma.sql'), named((name) => `${name}/migration.sql`), 5],
  [
    'dbmate',
    sampleText('dbmate.sql'),
    named((name) => `${name}.sql`, both('-- migrate:up', '-- migrate:down')),
    null,
  ],
  [
    'goose',
    gooseTable,
    named(
      (name) => `${name}.sql`,
      both('-- +goose Up\n-- +goose StatementBegin', '-- +goose StatementEnd\n-- +goose Down'),
    ),
    null,
  ],
  [
    'Drizzle',
    drizzleTable,
    { ...named((name, i) => `000${i - 1}_${titleOf(name)}.sql`, drizzleText), ...journal },
    5,
  ],
  ['Flyway', flywayTable, named((name, i) => `V1_${i}__${titleOf(name)}.sql`), 5],
  ['knex', sampleText('knex.sql'), named((name) => `${name}.ts`), null],
  ['Rails', sampleText('rails.sql'), named((name) => `${name}.rb`), null],
  [
    'postgrator',
    sampleText('postgrator.sql'),
    {
      ...named((name, i) => `00${i}.do.${titleOf(name)}.sql`),
      '001.undo.create_customers.sql': 'drop table customers',
    },
    5,
  ],
  [
    'graphile-migrate',
    sampleText('graphile-migrate.sql'),
    Object.fromEntries(
      sampleNames('graphile-committed').map((path) => [
        `committed/${path}`,
        sampleText(`graphile-committed/${path}`),
      ]),
    ),
    5,
  ],
  [
    'postgres-migrations',
    sampleText('postgres-migrations.sql'),
    named((name, i) => `00${i}_${titleOf(name)}.sql`),
    5,
  ],
] as const)('%s: its files are converted, and its history is imported', async ([, sql, files, equal]) => {
  await db.query(sql);
  const p = projectOf({ ...files });
  const config = await p.config();
  const converted = await adoptFiles(config, { from: 'old', into: 'public', accept: () => true });
  const ups = sqlFiles(p, 'sql/public').filter((name) => !name.endsWith('.down.sql'));
  expect([converted.accepted, ups.length]).toEqual([true, 5]);
  for (const file of ups)
    expect(read(p, `sql/public/${file}`)).not.toMatch(/goose|migrate:|breakpoint|^--! /m);
  const options = { select: { kind: 'public' }, acceptMissing: true, accept: () => true } as const;
  const { imports, refused, schemas } = await adoptHistory(config, { ...options, files: 'old' });
  expect(refused).toEqual([]);
  expect(imports).toMatchObject([{ applied: 5, equal: equal ?? 0 }]);
  expect(schemas).toMatchObject([{ state: 'adopted' }]);
  expect(await verify(config)).toMatchObject({ findings: [] });
  expect(await up(config, { select: { kind: 'public' } })).toMatchObject({
    warnings: [],
    schemas: [{ state: 'up-to-date' }],
  });
});
