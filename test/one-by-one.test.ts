import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { down, up } from '../src/index.ts';
import { parseConnection } from '../src/server/connection-string.ts';
import type { ServerError } from '../src/server/server-error.ts';
import { openSession } from '../src/server/session.ts';
import { indexOfCodePoint } from '../src/sql/position.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { closeGate, waitAtGate } from './setup/gate.ts';
import { project } from './setup/project.ts';

// On Citus a statement cannot be one of several in a message, so sessions send them one by one. Any server takes that.

const all = { kind: 'all', except: [] } as const;

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  // The row by which a session knows Citus, and tables of it that sqlmig reads: a superuser may add them.
  await db.query(`insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    select 99999, 'citus', extowner, extnamespace, false, '0' from pg_extension where extname = 'plpgsql';
    set allow_system_table_mods = on; create table pg_catalog.pg_dist_schema (schemaid oid);
    create table pg_catalog.pg_dist_local_group as select 0 as groupid; reset allow_system_table_mods`);
});

const open = () =>
  openSession({
    target: parseConnection(db.url, {}),
    applicationName: 'sqlmig test',
    connectTimeoutMs: 5_000,
  });

test('each statement arrives by itself, in the transaction of its message', async () => {
  const session = await open();
  const seen: unknown[] = [];
  await session.run(
    `SET LOCAL search_path = pg_catalog;
do $$ begin raise notice 'a;'; end $$; select 1 as n, null as o;
;-- ;
select query from pg_stat_activity where pid = pg_backend_pid();
select n from generate_series(2, 3) n; do $$ begin raise warning 'b'; end $$`,
    (row) => seen.push('query' in row ? String(row.query).trim() : row),
    ({ message }) => seen.push(message),
  );
  const alone = '-- ;\nselect query from pg_stat_activity where pid = pg_backend_pid();';
  expect(seen).toEqual(['a;', { n: 1, o: null }, alone, { n: 2 }, { n: 3 }, 'b']);
  const [after] = await session.run(`select current_setting('search_path') as path`);
  expect(after?.path).not.toBe('pg_catalog');
  await session.close();
});

test('an error undoes its transaction, skips the rest, and is found in the whole message', async () => {
  const session = await open();
  // The code of the error, and what its position points to.
  const run = async (text: string) => {
    try {
      return await session.run(text);
    } catch (error) {
      const { code, position } = error as ServerError;
      return [code, position === undefined ? null : text.slice(indexOfCodePoint(text, Number(position) - 1))];
    }
  };
  await run('create table kept (n int); create index on kept (n)');
  const rest = (text: string, part: string) => text.slice(text.indexOf(part));
  for (const [text, part] of [
    [
      `insert into kept values (1); select '𝒳' as "é"; insert into kept values (2), (wrong); select 1 / 0`,
      'wrong',
    ],
    ['insert into kept values (1); select 1; selec 1; select 1 / 0', 'selec '],
    [
      `BEGIN; insert into kept values (1); COMMIT; BEGIN; insert into kept values (2); select nope; COMMIT;
      insert into kept values (3)`,
      'nope',
    ],
  ] as const) {
    expect(await run(text)).toEqual([expect.stringMatching(/^42/), rest(text, part)]);
  }
  // Without a position, and only when the transaction ends.
  await run('alter table kept add unique (n) deferrable initially deferred');
  expect(await run('insert into kept values (5); insert into kept values (5)')).toEqual(['23505', null]);
  expect(await run('select n from kept')).toEqual([{ n: 1 }]);
  await session.close();
});

test('a fleet: several files in a message, a backend that ends in one, a statement that fails, and back', async () => {
  const openGate = await closeGate(db);
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] }, concurrency: 2, digest: true },
    {
      'sql/public/1_plans.sql':
        'create table plans (id int); create index on plans (id); insert into plans values (1)',
      'sql/tenant/1_t.sql': `create table t (n int); create index on t (n); insert into t values (1);`,
      'sql/tenant/2_gate.sql': `insert into t values (2); ${waitAtGate()} do $$ begin raise warning 'past'; end $$`,
      'sql/tenant/2_gate.down.sql': 'delete from t where n = 2; create index back on t (n)',
    },
  );
  const config = await p.config();
  const events: RunEvent[] = [];
  const first = up(config, { select: all, onEvent: (event) => events.push(event) });
  const atGate = `select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
  while ((await db.query(atGate)).length < 2) await delay(20);
  await db.query(`select pg_terminate_backend(pid) from (${atGate} limit 1) x`);
  await openGate();
  expect(await first).toMatchObject({ ok: true, applied: 3 });
  const past = events.filter((event) => event.type === 'server-notice' && event.message === 'past');
  expect(past).toMatchObject([{ file: 'sql/tenant/2_gate.sql' }, { file: 'sql/tenant/2_gate.sql' }]);
  expect(events).toContainEqual({
    type: 'warning',
    message: expect.stringMatching(/^digests are not stored/),
  });
  for (const tenant of ['acme', 'globex']) {
    expect(await db.history(tenant)).toEqual({ 1: 1, 2: 1 });
    expect(await db.query(`select n from ${tenant}.t order by n`)).toEqual([{ n: 1 }, { n: 2 }]);
  }

  p.write({
    'sql/tenant/3_good.sql': 'create table good ();',
    'sql/tenant/4_bad.sql': `insert into t values (3);\nupdate plans\n  set id = 2;`,
    'sql/tenant/5_never.sql': 'create table never ()',
  });
  const refused = await up(await p.config(), { select: all, maxFailures: { count: 2 } });
  expect(refused.schemas.slice(1)).toMatchObject([
    { schema: 'acme', error: { code: 'changes-public', file: 'sql/tenant/4_bad.sql', line: 2 } },
    { schema: 'globex', error: { code: 'changes-public' } },
  ]);
  // The server that has the rows would not tell whether they changed.
  await db.query(`insert into pg_dist_schema select 'globex'::regnamespace`);
  p.write({ 'sql/tenant/4_bad.sql': 'insert into globex.t values (4);' });
  const other = await up(await p.config(), { select: { kind: 'tenants', names: ['acme'] } });
  const message = expect.stringContaining('writes to table globex.t');
  expect(other.schemas[1]?.error).toMatchObject({ code: 'changes-other-schema', message });
  p.write({ 'sql/tenant/4_bad.sql': 'insert into t values (3);\nselect * from t\n  where nope = 1;' });
  const failed = await up(await p.config(), { select: all, maxFailures: { count: 2 } });
  expect(failed.schemas[1]?.error).toMatchObject({ line: 3, column: 9, statement: 2, sqlstate: '42703' });
  expect(await db.history('acme')).toEqual({ 1: 1, 2: 1, 3: 1 });

  p.remove('sql/tenant/4_bad.sql');
  p.remove('sql/tenant/5_never.sql');
  p.remove('sql/tenant/3_good.sql');
  p.write({
    'sql/tenant/3_good.sql': 'create table good ();',
    'sql/tenant/3_good.down.sql': 'drop table good',
  });
  expect(await down(await p.config(), { select: all, to: '1' })).toMatchObject({ ok: true });
  expect(await db.query('select n from globex.t')).toEqual([{ n: 1 }]);
});
