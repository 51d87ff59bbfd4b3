import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project, type TestProject } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/moving-in.md'), 'utf8');

/** The commands of a section of the guide, in their order. */
function commandsOf(section: string): string[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
  return [...text.matchAll(/^ *```bash\n([\s\S]*?)^ *```/gm)].flatMap((block) =>
    (block[1] ?? '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  );
}

/** Runs a command of the guide as it is written there. */
function run(p: TestProject, db: TestDatabase, line: string): string {
  const cli = `"${process.execPath}" "${join(root, 'dist/cli.js')}"`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line.replace(/^sqlmig/, cli)], {
    cwd: p.dir,
    env: { ...process.env, DATABASE_URL: db.url, NO_COLOR: '1' },
    encoding: 'utf8',
  });
  expect({ line, status, stderr: status === 0 ? '' : stdout + stderr }).toEqual({
    line,
    status: 0,
    stderr: '',
  });
  return stdout;
}

const tablesOf = (db: TestDatabase, schema: string) =>
  db
    .query(
      `select relname from pg_class where relnamespace = '${schema}'::regnamespace and relkind = 'r' order by relname collate "C"`,
    )
    .then((rows) => rows.map(({ relname }) => relname));

const prisma = {
  '20240101000000_init': `CREATE TYPE "public"."Role" AS ENUM ('USER', 'ADMIN');
CREATE TABLE "public"."User" ("id" SERIAL PRIMARY KEY, "email" TEXT NOT NULL, "role" "public"."Role" NOT NULL DEFAULT 'USER');
CREATE UNIQUE INDEX "User_email_key" ON "public"."User"("email");
`,
  '20240102000000_plan': `CREATE TABLE "public"."Plan" ("code" TEXT PRIMARY KEY, "price" INTEGER NOT NULL);
ALTER TABLE "public"."User" ADD COLUMN "planCode" TEXT REFERENCES "public"."Plan"("code");
`,
};

test('one customer in public: Prisma', async () => {
  const db = await freshDatabase();
  const p = project({ tenants: { list: ['acme', 'globex'] } });
  await db.query(`${Object.values(prisma).join('\n')}
create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz,
  migration_name varchar(255) not null, logs text, rolled_back_at timestamptz, started_at timestamptz not null default now(), applied_steps_count int not null default 0);
insert into "Plan" values ('pro', 10); insert into "User" (email, "planCode") values ('a@example.com', 'pro'), ('b@example.com', null)`);
  for (const [name, text] of Object.entries(prisma)) {
    p.write({ [`prisma/migrations/${name}/migration.sql`]: text });
    const checksum = createHash('sha256').update(text).digest('hex');
    await db.query(
      `insert into _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) values (gen_random_uuid()::text, '${checksum}', now(), '${name}', 1)`,
    );
  }
  const commands = commandsOf('One customer in public');
  expect(commands).toHaveLength(7);
  const said = commands.map((line) => run(p, db, line));
  expect(said[3]).toContain('2 tenant files recorded as applied; 2 equal by SHA-256 of the file');
  expect(await db.query('select email, "planCode" from acme."User" order by id')).toEqual([
    { email: 'a@example.com', planCode: 'pro' },
    { email: 'b@example.com', planCode: null },
  ]);
  expect(await tablesOf(db, 'public')).toEqual(['Plan', '_prisma_migrations', 'schema_migrations']);
  expect(await tablesOf(db, 'globex')).toEqual(['User', 'schema_migrations']);
});

test('a schema per customer: golang-migrate', async () => {
  const db = await freshDatabase();
  const p = project({ tenants: { list: ['acme', 'globex'] } });
  const files = {
    'migrations/000001_users.up.sql': 'create table users (id int primary key);\n',
    'migrations/000001_users.down.sql': 'drop table users;\n',
    'migrations/000002_email.up.sql': 'alter table users add email text;\n',
  };
  p.write(files);
  for (const schema of ['acme', 'globex'])
    await db.query(`create schema ${schema}; set search_path = ${schema};
      ${files['migrations/000001_users.up.sql']} ${files['migrations/000002_email.up.sql']}
      create table schema_migrations (version bigint primary key, dirty boolean not null); insert into schema_migrations values (2, false); reset search_path`);
  const said = commandsOf('A schema per customer').map((line) => run(p, db, line));
  expect(said).toHaveLength(5);
  expect(said[4]).not.toContain('applied');
  expect(await db.history('globex')).toEqual({ '1': 1, '2': 1 });
});

test('all customers in the same tables: dbmate', async () => {
  const db = await freshDatabase();
  const p = project({ tenants: { query: 'select schema_name from customers' } });
  const up = `create table customers (id int primary key, schema_name text not null unique);
create table projects (id int generated always as identity primary key, customer_id int not null references customers, name text not null);
create table tasks (id int generated always as identity primary key, project_id int not null references projects, title text not null);
`;
  p.write({
    'migrations/20240101000000_all.sql': `-- migrate:up\n${up}\n-- migrate:down\ndrop table tasks, projects, customers;\n`,
  });
  await db.query(`${up}; create table schema_migrations (version varchar(128) primary key); insert into schema_migrations values ('20240101000000');
insert into customers values (1, 'acme'), (2, 'globex'); insert into projects (customer_id, name) values (1, 'a'), (2, 'b'), (1, 'c');
insert into tasks (project_id, title) values (1, 'one'), (2, 'two'), (3, 'three')`);
  const [convert, history, split, finish, ...more] = commandsOf('All customers in the same tables');
  expect(more).toEqual([]);
  for (const line of [convert, history]) run(p, db, line ?? '');
  p.write({
    'sql/tenant/20240201000000_own.sql': `create table projects (id int generated always as identity primary key, name text not null);
create table tasks (id int generated always as identity primary key, project_id int not null references projects, title text not null);
`,
  });
  for (const line of [split, finish]) run(p, db, line ?? '');
  expect(
    await db.query(
      'select p.name, t.title from acme.projects p join acme.tasks t on t.project_id = p.id order by t.id',
    ),
  ).toEqual([
    { name: 'a', title: 'one' },
    { name: 'c', title: 'three' },
  ]);
  expect(await db.query('select name from globex.projects')).toEqual([{ name: 'b' }]);
  expect(await tablesOf(db, 'public')).toEqual([
    'customers',
    'schema_migrations',
    'schema_migrations_dbmate',
  ]);
});
