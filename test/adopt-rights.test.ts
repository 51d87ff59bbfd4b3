import { expect, test } from 'vitest';
import { adopt } from '../src/operations/adopt.ts';
import { sqlmig } from './setup/cli.ts';
import { emptiedDatabase, inputFiles, sampleText } from './setup/histories.ts';
import { numbered, project } from './setup/project.ts';

const { db, session: other } = await emptiedDatabase();
const files = Object.fromEntries(
  inputFiles((name) => `sql/tenant/${name}.sql`).map(({ path, text }) => [path, text]),
);
const adopting = (url: string, tenants: readonly string[]) =>
  project({ url, tenants: { list: tenants } }, files);

test('locked histories are waited for together, and each is named with the session that has the lock', async () => {
  const tenants = numbered('t', 20);
  await db.query(sampleText('ecto.sql'));
  for (const tenant of tenants)
    await db.query(
      `create schema ${tenant}; create table ${tenant}.schema_migrations as table acme.schema_migrations`,
    );
  await other.run(`begin; ${tenants.map((tenant) => `lock table ${tenant}.schema_migrations`).join(';')}`);
  const started = performance.now();
  const { histories, sessions } = await adopt(await adopting(db.url, tenants).config());
  // One after the other, they would be waited for 40 seconds.
  expect(performance.now() - started).toBeLessThan(25_000);
  const refused = histories.flatMap(({ refused }) => refused ?? []);
  expect(refused).toHaveLength(20);
  expect(refused[0]).toEqual({
    message: 'it cannot be read: canceling statement due to lock timeout',
    hint: 'wait until the session that holds its lock has ended, and run the command again',
  });
  expect(histories.filter(({ match }) => match?.applied === 5)).toHaveLength(2);
  expect(sessions.map(({ lock }) => lock)).toContain('AccessExclusiveLock on t_1.schema_migrations');
});

test('a role sees what it may not read, and of the rest the report', async () => {
  await db.query(sampleText('ecto.sql'));
  const role = `reader_${process.pid}`;
  const url = Object.assign(new URL(db.url), { username: role });
  await db.query(`create role ${role} login password '${url.password}'; grant usage on schema acme, globex to ${role};
    grant select on all tables in schema acme to ${role}`);
  const p = adopting(url.href, ['acme', 'globex']);
  try {
    const { histories } = await adopt(await p.config());
    expect(histories.map(({ schema, match, refused }) => [schema, match?.applied ?? refused])).toEqual([
      ['acme', 5],
      [
        'globex',
        {
          message: 'it cannot be read: permission denied for table schema_migrations',
          hint: 'use a role that may read it',
        },
      ],
      [
        'public',
        { message: expect.stringContaining('permission denied'), hint: 'use a role that may read it' },
      ],
    ]);
    const { code, stdout } = await sqlmig(['adopt', '--history', '--yes', '--json'], p.dir);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, accepted: false, schemas: [] });
  } finally {
    await db.query(`drop owned by ${role}; drop role ${role}`);
  }
});

test('names that need quotes', async () => {
  await db.query(sampleText('knex.sql'));
  const copy = (schema: string, table: string) =>
    `create schema "${schema}"; create table "${schema}"."${table}" (like public.knex_migrations including all);
     insert into "${schema}"."${table}" overriding system value select * from public.knex_migrations;`;
  await db.query(`${copy('Acme Inc', 'knex_migrations')} ${copy('a""b', "It's Old")}
    ${copy('ÄÖ', 'Migrationen')} drop table public.knex_migrations, public.knex_migrations_lock`);
  const p = adopting(db.url, ['Acme Inc', 'a"b', 'ÄÖ']);
  expect(await sqlmig(['adopt', '--history', '--yes'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify', '--check-pending'], p.dir)).toMatchObject({ code: 0 });
  for (const table of [`"Acme Inc".knex_migrations`, `"a""b"."It's Old"`, '"ÄÖ"."Migrationen"'])
    await expect(db.query(`delete from ${table}`)).rejects.toThrow('taken over by sqlmig');
  expect((await sqlmig(['adopt'], p.dir)).stdout.match(/taken over by sqlmig/g)).toHaveLength(3);
});
