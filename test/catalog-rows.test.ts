import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { OnEvent } from '../src/events.ts';
import { type UpResult, up } from '../src/index.ts';
import { lockClass, lockObjects } from '../src/protocol/keys.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const tenants = numbered('t', 24);
const role = (name: string) =>
  `do $$ begin create role ${name}; exception when duplicate_object then null; end $$;`;

/** Two rounds need two files; `@db` and `@role` are names of the test's own. */
async function setUp(concurrency = 8) {
  const p = project(
    { url: db.url, tenants: { list: tenants }, concurrency },
    {
      'sql/public/1_plans.sql': `create table plans (id int);\ncreate function f() returns int language sql as 'select 1';`,
      'sql/tenant/1_own.sql': 'create table own (id int);',
    },
  );
  await db.query(`create role ${db.name}_app; create role ${db.name}_group; create foreign data wrapper w;`);
  onTestFinished(async () => {
    await db.query(
      `drop owned by ${db.name}_app; drop role ${db.name}_app; drop role ${db.name}_group; drop role if exists ${db.name}_raced;`,
    );
  });
  const config = await p.config();
  await up(config, { select: all });
  const add = (version: number, text: string) => {
    const named = text.replaceAll('@db', db.name).replaceAll('@role', `${db.name}_app`);
    p.write({ [`sql/tenant/${version}_shared.sql`]: named });
  };
  return { p, config, add };
}

function errorsOf({ schemas }: UpResult): string[] {
  return schemas.flatMap(({ error }) => error?.message ?? []);
}

const kinds = [
  ['a grant on a table of public', 'grant select on plans to @role;'],
  ['a revoke and a grant', 'revoke all on plans from @role;\ngrant insert on plans to @role;'],
  ['a grant on a function of public', 'grant execute on function f() to @role;'],
  ['a grant on a schema', 'grant usage on schema public to @role;'],
  ['a grant on all tables of a schema', 'grant select on all tables in schema public to @role;'],
  ['a comment in public', `-- sqlmig: allow-public\ncomment on function f() is 'shared';`],
  ['default privileges', 'alter default privileges grant select on tables to @role;'],
  ['alter role', `-- sqlmig: allow-server\nalter role @role set work_mem = '4MB';`],
  ['alter database', `-- sqlmig: allow-server\nalter database @db set work_mem = '4MB';`],
  ['create schema', 'create schema if not exists extra;'],
  [
    'create table in public',
    '-- sqlmig: allow-public\ncreate table if not exists public.made (id int primary key);',
  ],
  [
    'create or replace in public',
    `-- sqlmig: allow-public\ncreate or replace function public.f() returns int language sql as 'select 2';`,
  ],
  ['a foreign server', 'create server if not exists s foreign data wrapper w;'],
  ['a block that grants', 'do $$ begin grant select on plans to @role; end $$;'],
  ['a block that creates a schema', 'do $$ begin create schema if not exists extra; end $$;'],
  ['a block that creates a role', role('@db_raced')],
] as const;

test.for(kinds)('24 tenants at once: %s', async ([, text]) => {
  const { config, add } = await setUp();
  for (const version of [2, 3]) {
    add(version, text);
    expect(errorsOf(await up(config, { select: all, maxFailures: { count: 24 } }))).toEqual([]);
  }
});

test.for(kinds.filter((_, i) => i % 4 === 1))(
  'the same in three runners and in rehearsals: %s',
  async ([, text]) => {
    const { config, add } = await setUp(4);
    add(2, text);
    const run = (rehearse: boolean) => up(config, { select: all, maxFailures: { count: 24 }, rehearse });
    expect(errorsOf(await run(true))).toEqual([]);
    expect((await Promise.all([run(false), run(false), run(false)])).map(errorsOf)).toEqual([[], [], []]);
    for (const schema of tenants) expect(await db.history(schema)).toEqual({ 1: 1, 2: 1 });
  },
);

test('in files that are no transaction', async () => {
  const { config, add } = await setUp();
  add(2, '-- sqlmig: no-transaction\ngrant select on plans to @role;\ncreate schema if not exists extra;');
  const run = () => up(config, { select: all, maxFailures: { count: 24 }, concurrentIndexJobs: 8 });
  expect((await Promise.all([run(), run()])).map(errorsOf)).toEqual([[], []]);
});

test('while another session has the key only such files wait; who holds it is told', async () => {
  const { config, add } = await setUp();
  const key = `${lockClass}, ${lockObjects.shared}`;
  const holder = await testSession(db.url);
  onTestFinished(() => holder.close());
  await holder.run(`select pg_advisory_lock(${key})`);
  add(2, `grant select on own to @role;\ncomment on table own is 'public and plans';`);
  expect(errorsOf(await up(config, { select: all }))).toEqual([]);
  add(3, 'grant select on plans to @role;');
  const few = { kind: 'tenants', names: ['t_1'] } as const;
  const { schemas } = await up(config, { select: few, waitForLockMs: 300 });
  expect(schemas.at(-1)?.error).toMatchObject({
    code: 'lock-timeout',
    message: expect.stringContaining('(shared) is held by'),
  });
  await holder.run('select pg_advisory_unlock_all()');
  expect(errorsOf(await up(config, { select: all }))).toEqual([]);
});

test('it is given up after five tries where somebody else never stops', async () => {
  const { config, add } = await setUp();
  add(
    2,
    `do $$ begin execute 'insert into pg_namespace (oid, nspname, nspowner) select 1, nspname, nspowner from pg_namespace where nspname = ''public'''; end $$;`,
  );
  const attempts: number[] = [];
  const onEvent: OnEvent = (event) => {
    if (event.type === 'retrying') attempts.push(event.attempt);
  };
  const { schemas } = await up(config, { select: { kind: 'tenants', names: ['t_1'] }, onEvent });
  expect(attempts).toEqual([1, 2, 3, 4, 5]);
  expect(schemas.at(-1)?.error).toMatchObject({
    code: 'migration-failed',
    sqlstate: '23505',
    hint: 'another session kept changing the same row of a system catalog; run sqlmig up again',
  });
});
