import { expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { lockClass } from '../src/protocol/keys.ts';
import { unitSettings } from '../src/protocol/unit-settings.ts';
import { freshDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import {
  applyPending,
  emptyTenant,
  plainReach,
  testContext,
  testSession,
  uncheckedScript,
} from './setup/unit.ts';

test('between the units of a message nobody gets the key of the schema, whatever a file unlocks', async () => {
  const db = await freshDatabase();
  await db.query('create schema kept; create table public.tries (got int, missed int)');
  const files = numbered('t', 48).map((name, i) => {
    // Allowed to change public: a false alarm of that guard would end the message and free the key.
    const unlocks = '-- sqlmig: allow-public\nselect pg_advisory_unlock_all()';
    const text = i % 10 === 5 ? unlocks : `create table ${name} ()`;
    return [`sql/tenant/${i + 1}_${name}.sql`, text];
  });
  const p = project(
    { url: db.url, tenants: { list: ['kept'] } },
    {
      ...Object.fromEntries(files),
      'sql/tenant/49_t.sql': 'create table last ()',
      'sql/tenant/50_t.sql': 'select 1',
    },
  );
  // The key is kept from the first transaction, which makes t_1, to the last one. What the intruder got after that counts
  // for nothing: it may have been stopped since it last looked.
  const isThere = (table: string) =>
    `exists (select from pg_class where relname = '${table}' and relnamespace = 'kept'::regnamespace)`;
  const isLast = isThere('last');
  const intruder = db.query(`do $$
    declare key int := 'kept'::regnamespace::oid::int4; got int := 0; missed int := 0;
    begin
      loop exit when ${isThere('t_1')}; end loop;
      while not ${isLast} loop
        if pg_try_advisory_lock(${lockClass}, key) then
          if not ${isLast} then got := got + 1; end if;
          perform pg_advisory_unlock(${lockClass}, key);
        else missed := missed + 1; end if;
      end loop;
      insert into public.tries values (got, missed);
    end $$`);
  const result = await up(await p.config(), { select: { kind: 'all', except: [] } });
  await intruder;
  expect(result.ok).toBe(true);
  expect(Object.keys(await db.history('kept'))).toHaveLength(50);
  const [tries] = await db.query('select got, missed from public.tries');
  expect(tries).toMatchObject({ got: 0 });
  expect(tries?.missed).toBeGreaterThan(50);
});

test('a message that fails halfway keeps no key in its session', async () => {
  const db = await freshDatabase();
  const session = await testSession(db.url, unitSettings('tenant', testContext));
  const scripts = ['create table a ()', 'select 1/0', 'create table c ()'];
  const attempt = await applyPending(
    session,
    {
      schema: emptyTenant('halfway'),
      scripts: scripts.map((text, i) => uncheckedScript(String(i + 1), text)),
      bootstrap: true,
    },
    { context: testContext, signal: new AbortController().signal },
  );
  expect(attempt).toMatchObject({ kind: 'failed', error: { details: { sqlstate: '22012' } } });
  expect(
    await session.run(`select objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`),
  ).toEqual([]);
  expect(await session.run('select version from halfway.schema_migrations')).toEqual([{ version: '1' }]);
  await session.close();
});

test('a unit that fails at its commit is not told as applied, though it has told its duration', async () => {
  const db = await freshDatabase();
  const session = await testSession(db.url, unitSettings('tenant', testContext));
  const texts = [
    'create table a (id int primary key, a int references a deferrable initially deferred)',
    'insert into a values (1, 2)',
  ];
  const reach = { ...plainReach, opaque: false };
  const scripts = texts.map((text, i) => {
    const script = uncheckedScript(String(i + 1), text);
    return { ...script, statements: script.statements.map((statement) => ({ ...statement, reach })) };
  });
  const never = new AbortController().signal;
  const attempt = await applyPending(
    session,
    { schema: emptyTenant('late'), scripts, bootstrap: true },
    { context: testContext, signal: never },
  );
  expect(attempt).toMatchObject({ kind: 'failed', error: { details: { sqlstate: '23503', statement: 1 } } });
  expect(await session.run('select version from late.schema_migrations')).toEqual([{ version: '1' }]);
  await session.close();
});
