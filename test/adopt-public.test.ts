import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Session } from '../src/server/session.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type Rows, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testSession } from './setup/unit.ts';

const everyKind = readFileSync(new URL('./fixtures/every-kind.sql', import.meta.url), 'utf8');

let db: TestDatabase;
let other: Session;
beforeAll(async () => {
  db = await freshDatabase();
  other = await testSession(db.url);
  afterAll(() => other.close());
});
beforeEach(async () => {
  const schemas = await db.query(
    `select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'`,
  );
  for (const { nspname } of schemas) await db.query(`drop schema ${quoted(String(nspname))} cascade`);
  await db.query(
    `create schema public; grant usage on schema public to public; comment on schema public is 'standard public schema'`,
  );
});

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Number of rows and checksum of every table, by name. */
async function contents(schema: string): Promise<Record<string, string>> {
  const tables = await db.query(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = '${schema.replaceAll("'", "''")}' and c.relkind in ('r', 'p', 'm', 'v') and c.relname <> 'schema_migrations'`,
  );
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await db.query(
      `select count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as sum from ${quoted(schema)}.${quoted(String(name))} t`,
    );
    found[String(name)] = String(row?.sum);
  }
  return found;
}

/** Objects of a schema by kind, but those of extensions. */
function objects(schema: string): Promise<Rows> {
  return db.query(`select i.type, count(*)::int as n from pg_depend d cross join lateral pg_identify_object(d.classid, d.objid, 0) i
    where d.refclassid = 'pg_namespace'::regclass and d.refobjid = '${schema}'::regnamespace and d.deptype = 'n' and i.type not in ('default acl', 'extension')
    and not exists (select from pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype = 'e') group by 1 order by 1`);
}

const adoptArgs = ['adopt', '--public-as', 'acme', '--keep', 'plans,countries', '--json'];
const allYes = [...adoptArgs, '--yes'];

test.for(['rename', 'move'])('every kind of object goes by way of a %s', async (way) => {
  await db.query(everyKind);
  // This extension cannot be moved to the new public.
  if (way === 'move') await db.query('create extension xml2');
  const p = project({ url: db.url, tenants: { list: ['acme'] } });
  const before = await contents('public');
  const rehearsed = await sqlmig([...adoptArgs, '--rehearse'], p.dir);
  expect(rehearsed).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(rehearsed.stdout)).toMatchObject({ ok: true, way, moved: null, rehearsal: { way } });
  expect(await contents('public')).toEqual(before);
  const kinds = await objects('public');

  const { code, stdout } = await sqlmig(allYes, p.dir);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, way, moved: { tries: 1 } });
  expect(code).toBe(0);
  const kept = await contents('public');
  expect(Object.keys(kept).sort()).toEqual(['countries', 'plans']);
  expect({ ...(await contents('acme')), ...kept }).toEqual(before);
  const sum = (rows: Rows) => rows.reduce((total, { n }) => total + Number(n), 0);
  expect(sum(await objects('acme')) + sum(await objects('public'))).toBe(sum(kinds));

  await db.query(`set local search_path = acme, public;
    insert into users (email, plan, country, place) values ('new@example.org', 2, 'de', row(1, 'b')::pair);
    insert into tickets (owner, title) select id, 'first' from users where email = 'new@example.org';
    insert into events (at, what) values ('2024-02-02', 'x'), ('2030-01-01', 'y');
    call add_user('called@example.org'); refresh materialized view concurrently ticket_counts`);
  expect(
    await db
      .query(`set local search_path = acme, public; select u.id, u.touched is not null as stamped, t.number >= 1100 as numbered, user_count() as n, atomic_count() as m,
      1 === 1 as same, (select total(age) from users) as total, 'x'::mood is null as mood from users u join tickets t on t.owner = u.id where u.email = 'NEW@example.org'`)
      .catch((error) => [{ error: String(error) }]),
  ).toMatchObject([{ error: expect.stringContaining('invalid input value for enum mood: "x"') }]);
  expect(
    await db.query(`set local search_path = acme, public; select u.id::int, u.touched is not null as stamped, t.number >= 1100 as numbered, user_count()::int as n, atomic_count()::int as m,
      1 === 1 as same, (select total(age)::int from users) as total from users u join tickets t on t.owner = u.id where u.email = 'NEW@example.org'`),
  ).toEqual([{ id: 101, stamped: true, numbered: true, n: 102, m: 102, same: true, total: 5050 }]);
  for (const wrong of [
    'insert into acme.users (email, plan) values (1, 9)',
    "insert into acme.users (email, age) values ('x', -1)",
    "insert into acme.users (email) values ('U1@example.org')",
  ])
    await expect(db.query(`set local search_path = acme, public; ${wrong}`)).rejects.toThrow(
      /violates|duplicate/,
    );
});
