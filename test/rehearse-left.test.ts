import { expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { type UpOptions, up } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const all = { kind: 'all', except: [] } as const;

/** A database in which public lacks a non-transactional file and one after it, which the file of tenants needs. */
async function behind(tenants: readonly string[]) {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: tenants } },
    {
      'sql/public/1_pt.sql': 'create table pt (id int primary key);',
      'sql/tenant/1_t.sql': 'create table t (id int);',
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  p.write({
    'sql/public/2_i.sql': 'create index concurrently on pt (id);',
    'sql/public/3_z.sql': 'alter table pt add z int unique;',
    'sql/tenant/2_a.sql': 'alter table t add column a int;',
    'sql/tenant/3_z.sql': 'alter table t add z int references pt (z);',
    'sql/tenant/4_b.sql': 'alter table t add column b int;',
  });
  const rehearse = async (url = db.url) => {
    const warnings: string[] = [];
    const onEvent = (event: RunEvent) => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    const options: UpOptions = { select: all, rehearse: true, onEvent };
    p.write({ 'sqlmig.config.json': JSON.stringify({ url, tenants: { list: tenants } }) });
    return { result: await up(await p.config(), options), warnings };
  };
  return { db, p, rehearse };
}

const withoutPublic =
  'it fails without sql/public/2_i.sql and what follows it (column "z" referenced in foreign key constraint does not exist)';

test('a file of tenants that needs what public files were left out runs after them, in the temporary database', async () => {
  const { p, rehearse } = await behind(['r1', 'r2', 'r3']);
  const { result, warnings } = await rehearse();
  expect(result).toMatchObject({ ok: true, applied: 4, failed: 0, unrehearsed: [] });
  for (const { schema, state, version, migrations, costs } of result.schemas.slice(1)) {
    expect([schema, state, version, migrations.length]).toEqual([schema, 'applied', '4', 3]);
    expect(costs?.map(({ file, locks, scratch }) => [file, locks.length, scratch])).toEqual([
      ['sql/tenant/2_a.sql', 1, undefined],
      ['sql/tenant/3_z.sql', 0, true],
      ['sql/tenant/4_b.sql', 0, true],
    ]);
  }
  expect(warnings).toEqual([
    `sql/tenant/3_z.sql and what follows it are rehearsed only in a temporary database, for 3 tenants: ${withoutPublic}`,
  ]);
  p.write({ 'sql/tenant/3_z.sql': 'alter table t add z int references pt (nothing);' });
  const failed = await rehearse();
  const error = { file: 'sql/tenant/3_z.sql', line: 1 };
  expect(failed.result).toMatchObject({
    ...{ ok: false, failed: 3 },
    schemas: [{ state: 'applied' }, { state: 'failed', error }, { state: 'failed' }, { state: 'failed' }],
  });
  expect(failed.warnings).toEqual([]);
  p.write({ 'sql/tenant/3_z.sql': 'alter table t add z int references pt (z);' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
});

test('files that succeed after a part of public keep what was measured', async () => {
  const { p, rehearse } = await behind(['r1']);
  p.write({ 'sql/tenant/3_z.sql': 'alter table t add z int;' });
  const { result, warnings } = await rehearse();
  expect(result).toMatchObject({ ok: true });
  expect(result.schemas[1]?.costs?.map(({ scratch }) => scratch)).toEqual([undefined, undefined, undefined]);
  expect(warnings).toEqual([]);
});

test('without a temporary database, a file that fails after a part of public is not rehearsed', async () => {
  const { db, rehearse } = await behind(['r1', 'r2']);
  const role = `leaves_${db.name}`;
  await db.query(`create role ${role} login password 'x' nosuperuser nocreatedb;
    grant create on database ${db.name} to ${role};
    alter schema public owner to ${role}; alter schema r1 owner to ${role}; alter schema r2 owner to ${role};
    do $$ declare t regclass; begin
      for t in select oid from pg_class where relkind = 'r' and relnamespace in ('public'::regnamespace, 'r1'::regnamespace, 'r2'::regnamespace)
      loop execute format('alter table %s owner to ${role}', t); end loop;
    end $$`);
  try {
    const url = Object.assign(new URL(db.url), { username: role, password: 'x' }).href;
    const { result, warnings } = await rehearse(url);
    const reason = `and role "${role}" may not create a temporary database`;
    const left = { scope: 'tenant', schemas: 2 };
    expect(result).toMatchObject({ ok: true, failed: 0, applied: 2 });
    expect(result.unrehearsed?.slice(2)).toEqual([
      { ...left, file: 'sql/tenant/3_z.sql', why: `${withoutPublic}, ${reason}` },
      { ...left, file: 'sql/tenant/4_b.sql', why: 'it follows sql/tenant/3_z.sql' },
    ]);
    expect(warnings).toEqual([
      `sql/public/2_i.sql and what follows it are not rehearsed: it is non-transactional, ${reason}`,
      `sql/tenant/3_z.sql and what follows it are not rehearsed in 2 tenants: ${withoutPublic}, ${reason}`,
    ]);
  } finally {
    await db.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
});

test('files of scopes that wait for others are not rehearsed: in the result, the table and the comment', async () => {
  const db = await freshDatabase();
  const p = project(
    {
      url: db.url,
      tenants: { list: ['s1', 's2', 's3'] },
      scopes: [{ name: 'vip', tenants: { list: ['s1', 's2'] } }],
    },
    { 'sql/tenant/1_a.sql': 'create table a ();', 'sql/vip/1_b.sql': 'create table b ();' },
  );
  const one = { kind: 'tenants', names: ['s2', 's3'] } as const;
  expect(await up(await p.config(), { select: one })).toMatchObject({ ok: true });
  p.write({ 'sql/vip/2_c.sql': 'create table c ();', 'sql/vip/3_d.sql': 'create table d ();' });
  const { code, stdout, stderr } = await sqlmig(['up', '--all', '--rehearse', '--json'], p.dir);
  expect(code).toBe(0);
  const result = JSON.parse(stdout);
  const why = 'files of other scopes that run before it are pending';
  const follows = 'it follows sql/vip/1_b.sql';
  expect(result).toMatchObject({ ok: true, applied: 2, skipped: 1 });
  expect(result.schemas.at(-1)).toMatchObject({
    scope: 'vip',
    schema: 's1',
    state: 'skipped',
    migrations: [],
  });
  const left = { scope: 'vip', schemas: 1 };
  expect(result.unrehearsed).toEqual([
    { ...left, file: 'sql/vip/1_b.sql', why },
    { ...left, file: 'sql/vip/2_c.sql', why: follows },
    { ...left, file: 'sql/vip/3_d.sql', why: follows },
  ]);
  expect(stderr.split('\n').filter((line) => line.startsWith('warning'))).toEqual([
    'warning: files of scope vip are not rehearsed in 1 tenant, where files that run before them are pending',
  ]);
  p.write({ 'rehearsal.json': stdout });
  const comment = await sqlmig(['plan', '--markdown', '--rehearsal', 'rehearsal.json'], p.dir);
  expect(comment.stdout).toContain(`sql/vip/1_b.sql: not rehearsed in 1 tenant: ${why}`);
  const table = await sqlmig(['up', '--all', '--rehearse'], p.dir);
  expect(table.stdout).toMatch(/^vip +not rehearsed .*s1$/m);
  // A refusal waits for nothing.
  p.write({ 'sql/vip/1_b.sql': 'create table changed ();', 'sql/public/1_p.sql': 'create table pp ();' });
  const refused = await up(await p.config(), { select: all, rehearse: true });
  expect(refused.schemas.slice(4)).toMatchObject([
    { schema: 's2', state: 'failed', error: { code: 'checksum-changed' } },
    { schema: 's1', state: 'skipped' },
  ]);
});

test('a canary whose files of a scope wait for others does not fail the rehearsal of this scope', async () => {
  const db = await freshDatabase();
  const p = project(
    {
      url: db.url,
      tenants: { list: ['c1', 'c2'] },
      scopes: [{ name: 'vip', tenants: { list: ['c1', 'c2'] } }],
    },
    { 'sql/tenant/1_a.sql': 'create table a ();', 'sql/vip/1_b.sql': 'create table b ();' },
  );
  expect(await up(await p.config(), { select: { kind: 'tenants', names: ['c2'] } })).toMatchObject({
    ok: true,
  });
  p.write({ 'sql/vip/2_c.sql': 'create table c ();' });
  const options: UpOptions = { select: all, canary: { names: ['c1'] } };
  const result = await up(await p.config(), { ...options, rehearse: true });
  expect(result).toMatchObject({ ok: true, applied: 2, skipped: 1 });
  expect(result.schemas.slice(3)).toMatchObject([
    { scope: 'vip', schema: 'c2', state: 'applied' },
    { scope: 'vip', schema: 'c1', state: 'skipped' },
  ]);
  expect(await up(await p.config(), options)).toMatchObject({ ok: true });
});

test('a file that uses a new value of an enum runs in the temporary database, where the value is committed', async () => {
  const db = await freshDatabase();
  const enums = (table: string) => `create type kind as enum ('a'); create table ${table} (k kind);`;
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'beta'] } },
    { 'sql/public/1_k.sql': enums('shared'), 'sql/tenant/1_k.sql': enums('own') },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  p.write({
    'sql/tenant/2_value.sql': `alter type kind add value 'vip';`,
    'sql/tenant/3_use.sql': `alter table own alter k set default 'vip';`,
  });
  const rehearsed = await up(await p.config(), { select: all, rehearse: true });
  expect(rehearsed).toMatchObject({ ok: true, failed: 0, unrehearsed: [] });
  expect(rehearsed.schemas[1]?.costs?.map(({ scratch }) => scratch)).toEqual([undefined, true]);
  p.write({
    'sql/public/2_value.sql': `alter type kind add value 'vip';`,
    'sql/public/3_use.sql': `alter table shared alter k set default 'vip';`,
  });
  expect(await up(await p.config(), { select: all, rehearse: true })).toMatchObject({ ok: true, failed: 0 });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
});

test('a file that uses an enum value which it adds itself fails in a rehearsal as in a run', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': `create type kind as enum ('a'); create table t (k text); insert into t values ('vip')`,
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  const cast = 'alter table t alter k type kind using k::kind';
  for (const add of [
    `alter type kind add value 'vip'`,
    `do $$ begin alter type kind add value 'vip'; end $$`,
  ]) {
    p.write({ 'sql/tenant/2_k.sql': `${add};\n${cast}` });
    for (const rehearse of [true, false]) {
      const { schemas } = await up(await p.config(), { select: all, rehearse });
      const error = { sqlstate: '55P04', file: 'sql/tenant/2_k.sql' };
      expect(schemas[1]).toMatchObject({ state: 'failed', error });
    }
  }
});
