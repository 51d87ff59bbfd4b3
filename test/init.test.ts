import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { execute } from '../src/cli/execute.ts';
import { parse } from '../src/cli/parse.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered } from './setup/project.ts';
import { testTerminal } from './setup/terminal.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

function emptyFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-init-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const configIn = (dir: string) => JSON.parse(readFileSync(join(dir, 'sqlmig.config.json'), 'utf8'));
const everything = `select (select json_agg(relname order by oid) from pg_class where oid >= 16384)::text as tables,
  (select json_agg(nspname order by oid) from pg_namespace where oid >= 16384)::text as schemas`;

/** Runs init in a database and sees to it that nothing there has changed. */
async function init(args: readonly string[] = [], env: Record<string, string> = { DATABASE_URL: db.url }) {
  const dir = emptyFolder();
  const before = await db.query(everything);
  const result = await sqlmig(['init', ...args], dir, env);
  expect(await db.query(everything)).toEqual(before);
  return { dir, ...result };
}

test('without a terminal, flags and a database: a config and empty folders, which up --all takes', async () => {
  const { dir, ...result } = await init([], {});
  expect(result).toMatchObject({
    code: 0,
    stdout: 'sqlmig.config.json\nsql/public/.gitkeep\nsql/tenant/.gitkeep\n',
    stderr: expect.stringMatching(/next:\n {2}sqlmig new create_first_table --tenant\n$/),
  });
  const up = await sqlmig(['up', '--all', '--url', db.url], dir);
  expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining('no tenants') });
  expect(await sqlmig(['new', 'x', '--tenant'], dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['tenant', 'create', 'acme', '--url', db.url], dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify', '--url', db.url], dir)).toMatchObject({ code: 0 });
  const again = await sqlmig(['init'], dir);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('error[file-exists]') });
});

test('a config in any format is not overwritten, and no second one is written beside it', async () => {
  const dir = emptyFolder();
  writeFileSync(join(dir, 'sqlmig.config.yaml'), '');
  expect(await sqlmig(['init'], dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('sqlmig.config.yaml already exists'),
  });
});

test('--sample: a project that up --all brings up at once', async () => {
  const { dir, ...result } = await init(['--sample'], {});
  expect(result).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^sqlmig\.config\.json\nsql\/public\/\d{14}_tenants\.sql\nsql\/tenant\/\d{14}_users\.sql\n$/,
    ),
    stderr: expect.stringMatching(/next:\n {2}sqlmig up --all --embedded\n$/),
  });
  const up = await sqlmig(['up', '--all', '--url', db.url], dir);
  expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining('acme, globex') });
  expect(await sqlmig(['new', 'x', '--tenant'], dir)).toMatchObject({
    stdout: expect.stringMatching(/^sql\/tenant\/\d{14}_x\.sql\n$/),
  });
});

test.for([
  [['--pattern', 'tenant_%'], { pattern: 'tenant_%' }],
  [['--list', 'a,b'], { list: ['a', 'b'] }],
  [['--query', 'select 1'], { query: 'select 1' }],
] as const)('flags say where tenants come from: %j', async ([flags, tenants]) => {
  const { dir, code } = await init(flags);
  expect(code).toBe(0);
  expect(configIn(dir)).toEqual({ tenants });
});

test.for(['.', '..', '../..'])(
  'the config names the JSON Schema of the package, if it is installed in %s',
  async (where) => {
    const above = emptyFolder();
    const dir = join(above, 'apps/api');
    mkdirSync(dir, { recursive: true });
    const schema = join(where, 'node_modules/sqlmig/schema/config.json');
    mkdirSync(join(dir, where, 'node_modules/sqlmig/schema'), { recursive: true });
    writeFileSync(join(dir, schema), '{}');
    expect(await sqlmig(['init'], dir)).toMatchObject({ code: 0 });
    expect(configIn(dir).$schema).toBe(where === '.' ? `./${schema}` : schema);
    expect(await sqlmig(['check'], dir)).toMatchObject({ code: 0 });
  },
);

test('an existing application: its table of tenants is found, and plan goes on from there', async () => {
  await db.query(`create table "Customers" (id int, "Slug" varchar(40), name text); create table plans (name text);
    insert into "Customers" values (1, 'acme', 'ACME'), (2, 'it''s', 'x'), (3, 'public', 'us'); insert into plans values ('pro');
    create schema acme; create table acme.users (); create schema "it's"; create table "it's".users ()`);
  const { dir, code, stderr } = await init();
  expect(code).toBe(0);
  expect(configIn(dir)).toEqual({
    tenants: { query: `select "Slug" from "Customers" where "Slug" <> 'public' order by 1` },
  });
  expect(stderr).toContain('2 schemas with the same tables (users)');
  expect(stderr).toMatch(/next:\n {2}sqlmig plan\n$/);
  const plan = await sqlmig(['plan', '--json'], dir, { DATABASE_URL: db.url });
  expect(JSON.parse(plan.stdout).schemas.map(({ schema }: { schema: string }) => schema)).toEqual([
    'public',
    'acme',
    "it's",
  ]);
});

test('many schemas with equal tables, and the history of another tool in each', async () => {
  const names = numbered('tenant', 300);
  for (let from = 0; from < names.length; from += 50) {
    const part = names.slice(from, from + 50);
    await db.query(
      part
        .map(
          (n) =>
            `create schema ${n} create table schema_migrations (version varchar primary key) create table users ()`,
        )
        .join(';'),
    );
  }
  const { dir, code, stderr, stdout } = await init(['--json', '--url', db.url], {});
  expect(code).toBe(0);
  expect(configIn(dir)).toEqual({ tenants: { pattern: 'tenant\\_%' }, historyTable: 'sqlmig_migrations' });
  expect(stderr).toContain(
    'the history of dbmate or Rails, schema_migrations, in tenant_1, tenant_10, tenant_100 and 297 more',
  );
  expect(stderr).toMatch(/set DATABASE_URL to the same URL.*\nnext:\n {2}sqlmig plan\n$/);
  expect(stderr).toContain("see how to take over another tool's history with: sqlmig adopt\n");
  expect(JSON.parse(stdout)).toMatchObject({
    tenants: { kind: 'pattern' },
    database: {
      name: db.name,
      histories: [{ tool: 'dbmate or Rails', table: 'schema_migrations' }],
      proposal: { historyTable: 'sqlmig_migrations', next: 'plan' },
    },
  });
  const plan = await sqlmig(['plan', '--json', '--url', db.url], dir);
  expect(plan.code).toBe(0);
  expect(JSON.parse(plan.stdout).schemas).toHaveLength(301);
});

test.for([
  ['one of three', ['a', 'a', 'a b'], '2 schemas with the same 4 tables: t1, t2'],
  ['each of three', ['a', 'a b', 'a b c'], '3 schemas with the same history and similar tables: t1, t2, t3'],
] as const)('a tool has migrated %s tenants to another version', async ([, tables, found]) => {
  for (const [i, more] of tables.entries()) {
    const names = ['users', 'orders', 'schema_migrations', ...more.split(' ')];
    await db.query(`create schema t${i + 1}`);
    for (const name of names) await db.query(`create table t${i + 1}.${name} (version varchar primary key)`);
  }
  await db.query(
    'create schema other create table schema_migrations (version varchar primary key) create table x () create table y ()',
  );
  const { dir, stderr } = await init();
  expect(configIn(dir).tenants).toEqual({ list: ['t1', 't2', 't3'] });
  expect(stderr).toContain(found);
});

test('our own history: status goes on from there', async () => {
  const first = await init();
  writeFileSync(join(first.dir, 'sql/tenant/1_a.sql'), 'create table a ()');
  await sqlmig(['tenant', 'create', 'acme', '--url', db.url], first.dir);
  const { dir, stderr } = await init();
  expect(stderr).toContain('a sqlmig history in acme');
  expect(stderr).toMatch(
    /copy its migrations into sql\/public and sql\/tenant first\nnext:\n {2}sqlmig status\n$/,
  );
  expect(configIn(dir)).not.toHaveProperty('tenants');
});

test('what may not be read, or has a policy that would run for it, is passed over', async () => {
  await db.query(`create table tenants (slug text); insert into tenants values ('acme'), ('apex');
    create table sites (slug text); insert into sites values ('acme'), ('apex');
    create table secret (tenant text); insert into secret values ('acme'), ('apex');
    create schema acme; create table acme.users (); create schema apex; create table apex.users ()`);
  const role = `init_${db.name}`;
  await db.query(`create role ${role} login password 'x'; grant select on tenants, sites to ${role};
    create function boom(text) returns boolean language plpgsql as $$ begin raise exception 'boom'; end $$;
    alter table tenants enable row level security; create policy p on tenants using (boom(slug))`);
  onTestFinished(async () => void (await db.query(`drop owned by ${role}; drop role ${role}`)));
  const url = Object.assign(new URL(db.url), { username: role, password: 'x' }).href;
  const { dir, code } = await init([], { DATABASE_URL: url });
  expect(code).toBe(0);
  expect(configIn(dir)).toEqual({ tenants: { query: 'select slug from sites order by 1' } });
});

test('a database that is not there is said in a line, and the project is written all the same', async () => {
  const { dir, code, stderr, stdout } = await init(['--json'], {
    DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x',
  });
  expect(code).toBe(0);
  expect(stderr).toContain('the database was not inspected: cannot connect to 127.0.0.1:1');
  expect(stderr + stdout).not.toContain('hunter2');
  expect(JSON.parse(stdout)).toMatchObject({ database: { error: { code: 'connection-failed' } } });
  expect(configIn(dir)).not.toHaveProperty('tenants');
});

test.for([
  [[''], { query: 'select name from tenants order by 1' }],
  [['list', ''], { list: ['acme', 'apex'] }],
  [['p', 'a%'], { pattern: 'a%' }],
  [['none'], undefined],
] as const)('in a terminal what is found is the default: answers %j', async ([answers, tenants]) => {
  await db.query(`create table tenants (name text); insert into tenants values ('acme'), ('apex');
    create schema acme create table users (); create schema apex create table users ()`);
  const dir = emptyFolder();
  const left = [...answers];
  const asked: string[] = [];
  const { terminal, stderr } = testTerminal(dir, { DATABASE_URL: db.url });
  const invocation = await parse(['init'], () => {});
  if (invocation === null) throw new Error('yargs has answered');
  const askText = async (question: string) => {
    asked.push(question);
    return left.shift() ?? '';
  };
  expect(await execute(invocation, { ...terminal, stdinIsTty: true, askText })).toBe(0);
  expect(configIn(dir).tenants).toEqual(tenants);
  expect(asked[0]).toContain('[query]');
  expect(stderr()).toContain('tenant names in tenants.name: 2 of its 2 values are schemas');
});

test('migrations that are there already are found', async () => {
  const dir = emptyFolder();
  for (const file of [
    'db/migrate/0001_a.sql',
    'db/migrate/0002_b.sql',
    'node_modules/x/0001_y.sql',
    'seed.sql',
    'sql/tenant/0001_c.sql',
  ]) {
    mkdirSync(join(dir, file, '..'), { recursive: true });
    writeFileSync(join(dir, file), '');
  }
  const { stderr, stdout } = await sqlmig(['init'], dir);
  expect(stderr).toContain('found 2 migration files in db/migrate');
  expect(stderr.match(/found/g)).toHaveLength(1);
  expect(stdout).toBe('sqlmig.config.json\nsql/public/.gitkeep\n');
});

test('misspelled flags and commands are answered with the likely one; completion knows them', async () => {
  const dir = emptyFolder();
  expect((await sqlmig(['up', '--max-failure', '3', '--all'], dir)).stderr).toContain(
    'did you mean --max-failures?',
  );
  // A flag of other commands is not one of this.
  expect((await sqlmig(['up', '--tenant', 'acme'], dir)).stderr).toContain('did you mean --tenants?');
  expect((await sqlmig(['up', '--all', '--quite'], dir)).stderr).toContain('did you mean --quiet?');
  expect((await sqlmig(['stauts'], dir)).stderr).toContain('did you mean sqlmig status?');
  expect((await sqlmig(['completion'], dir)).stdout).toContain('sqlmig');
  expect((await sqlmig(['--get-yargs-completions', 'sqlmig', 'up', '--dr'], dir)).stdout).toContain(
    '--dry-run',
  );
});
