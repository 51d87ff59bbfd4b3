import { beforeAll, expect, test } from 'vitest';
import { recognizeTool } from '../src/history/foreign-history.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

test.for([
  ['Ecto', 'version bigint primary key, inserted_at timestamp(0)'],
  ['dbmate or Rails', 'version varchar primary key'],
  ['dbmate', 'version varchar(128) primary key'],
  ['golang-migrate', 'version bigint primary key, dirty boolean not null'],
  ['node-pg-migrate', 'id serial primary key, name varchar(255) not null, run_on timestamp not null'],
  ['goose', 'id int, version_id bigint, is_applied boolean, tstamp timestamp'],
  ['another tool', 'a int, b int'],
] as const)('a history of %s in public is recognized and not touched', async ([tool, columns]) => {
  const schema = `p_${tool.replace(/\W/g, '_').toLowerCase()}`;
  await db.query(`create schema ${schema}; create table ${schema}.schema_migrations (${columns})`);
  const p = project(
    { url: db.url, publicSchema: schema, tenants: { list: ['t'] } },
    { 'sql/public/1_a.sql': 'create table a ()', 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  for (const command of [['up', '--all'], ['verify'], ['plan'], ['status', '--check']]) {
    const { code, stdout, stderr } = await sqlmig(command, p.dir);
    expect({ command, code }).toEqual({ command, code: 1 });
    expect(stdout + stderr).toContain(command[0] === 'status' ? 'foreign-history' : `the history of ${tool}`);
  }
  const { stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  const [shared, tenant] = JSON.parse(stdout).schemas;
  expect(shared).toMatchObject({ state: 'failed', error: { code: 'foreign-history', state: 'not touched' } });
  expect(shared.error.hint).toContain('set historyTable');
  expect(tenant).toMatchObject({ schema: 't', state: 'skipped', error: { code: 'public-failed' } });
  expect(
    await db.query(
      `select count(*)::int as n from pg_class where relnamespace = '${schema}'::regnamespace and relkind = 'r'`,
    ),
  ).toEqual([{ n: 1 }]);
});

test('a shape that only looks like one is not given a wrong name', () => {
  expect(recognizeTool(['version bigint', 'something text'])).toBe('another tool');
});
