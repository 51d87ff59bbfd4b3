import { beforeEach, expect, test } from 'vitest';
import { type RunEvent, up } from '../src/index.ts';
import { checksumOf } from '../src/project/decode.ts';
import { longestKept } from '../src/sql/kept-down.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const kept = (schema: string, database = db) =>
  database.query(
    `select version::int, down, down_checksum as checksum from ${schema}.schema_migrations where version is not null order by version`,
  );
const none = { down: null, checksum: null };
const drop = "\r\ndrop table t; -- it's \\ the $$ end\r\n";
const withDown = {
  'sql/public/1_p.sql': 'create table p ()',
  'sql/public/1_p.down.sql': 'drop table p',
  'sql/tenant/0001_t.sql': 'create table t (id int)',
  'sql/tenant/1_other_name.down.sql': drop,
  'sql/tenant/0002_i.sql': 'create index concurrently i on t (id)',
  'sql/tenant/0002_i.down.sql': 'drop index concurrently i',
  'sql/tenant/0003_u.sql': 'create table u ()',
  'sql/tenant/R__v.sql': 'create view v as select 1 as one',
};
const asApplied = [
  { version: 1, down: drop, checksum: checksumOf(drop) },
  { version: 2, down: 'drop index concurrently i', checksum: checksumOf('drop index concurrently i') },
  { version: 3, ...none },
];

test('the history keeps the text of each down file, unchanged, with its checksum', async () => {
  const p = project({ url: db.url, tenants: { list: ['acme', "o'hara"] } }, withDown);
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  expect(await kept('acme')).toEqual(asApplied);
  expect(await kept(`"o'hara"`)).toEqual(asApplied);
  expect(await kept('public')).toEqual([
    { version: 1, down: 'drop table p', checksum: checksumOf('drop table p') },
  ]);
});

test('tables of an earlier version get the columns with the next file, in many tenants at once as well', async () => {
  const names = numbered('t', 40);
  const p = project(
    { url: db.url, tenants: { list: names } },
    { 'sql/tenant/1_a.sql': 'create table a (id int)' },
  );
  await up(await p.config(), { select: all });
  await db.query(
    names
      .map((name) => `alter table ${name}.schema_migrations drop column down, drop column down_checksum;`)
      .join(''),
  );
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  p.write({ 'sql/tenant/2_b.sql': 'create table b ()', 'sql/tenant/2_b.down.sql': 'drop table b' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 40 });
  for (const name of names)
    expect(await kept(name)).toMatchObject([
      { version: 1, ...none },
      { version: 2, down: 'drop table b' },
    ]);
});

test('a down file that is too long is not kept, and up, plan and check say so', async () => {
  const long = `-- ${'ä'.repeat(longestKept / 2)}\ndrop table t`;
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_t.sql': 'create table t ()', 'sql/tenant/1_t.down.sql': long },
  );
  const says = 'sql/tenant/1_t.down.sql is longer than 65536 bytes, so the history does not keep it';
  for (const command of ['check', 'plan'])
    expect((await sqlmig([command], p.dir, { DATABASE_URL: db.url })).stdout).toContain(says);
  const events: RunEvent[] = [];
  await up(await p.config(), { select: all, onEvent: (event) => events.push(event) });
  expect(events).toContainEqual({ type: 'warning', message: expect.stringContaining(says), files: true });
  expect(await kept('acme')).toEqual([{ version: 1, ...none }]);
});

test('in a database that lacks characters only plain text is kept, and no file fails because of it', async () => {
  const name = `${db.name}_latin`;
  await db.query(`create database ${name} encoding latin1 template template0 locale 'C'`);
  const url = Object.assign(new URL(db.url), { pathname: `/${name}` }).href;
  const p = project(
    { url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_t.sql': 'create table t ()',
      'sql/tenant/1_t.down.sql': 'drop table t -- →',
      'sql/tenant/2_u.sql': 'create table u ()',
      'sql/tenant/2_u.down.sql': 'drop table u',
    },
  );
  try {
    expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 1 });
    expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
  } finally {
    await db.query(`drop database ${name} with (force)`);
  }
});
