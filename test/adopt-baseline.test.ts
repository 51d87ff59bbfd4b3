import { afterEach, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { emptiedDatabase } from './setup/histories.ts';
import { project } from './setup/project.ts';

const { db } = await emptiedDatabase();

afterEach(async () => {
  const left = await db.query(`select datname from pg_database where datname like 'sqlmig\\_replay\\_%'
    and (select count(*) from pg_stat_activity a where strpos(a.application_name, right(datname, 8)) > 0) = 0`);
  expect(left).toEqual([]);
});

const publicFiles = {
  'sql/public/0001_plans.sql': 'create table plans (id int primary key, name text not null);',
};
const tenantFiles = {
  'sql/tenant/0001_users.sql': `begin; create table users (id bigserial primary key, email text not null, plan int references plans);
create index on users (email); commit;`,
  'sql/tenant/0002_color.sql': `create type color as enum ('red'); alter type color add value 'green';`,
  'sql/tenant/0003_index.sql': 'create index concurrently users_plan on users (plan);',
  'sql/tenant/0004_view.sql': `create view red as select * from users where email like 'red%';
create function f() returns int language sql as 'select 1';`,
};
const tenants = ['acme', 'we"ird Ü', 'globex'];

function adopting(files: Record<string, string> = { ...publicFiles, ...tenantFiles }) {
  return project({ url: db.url, tenants: { list: tenants } }, files);
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Builds everything and drops the histories, as in an application whose history is lost. */
async function build(dir: string, ...flags: string[]): Promise<void> {
  expect(await sqlmig(['up', '--all', ...flags], dir)).toMatchObject({ code: 0 });
  for (const schema of ['public', ...tenants])
    await db.query(`drop table ${quoted(schema)}.schema_migrations`);
}

const baseline = (version: string, ...more: string[]) => ['adopt', '--baseline', version, '--yes', ...more];

test('records the files that equal schemas were built by', async () => {
  const p = adopting();
  await build(p.dir);
  const { code, stdout, stderr } = await sqlmig(baseline('0004', '--all'), p.dir);
  expect(stdout + stderr).toMatchInlineSnapshot(`
    "public: 1 public file up to 0001 recorded as applied
    acme, we"ird Ü, globex: 4 tenant files up to 0004 recorded as applied
    adopted  4 schemas: public, acme, we"ird Ü, globex
    "
  `);
  expect(code).toBe(0);
});
