import { expect, test } from 'vitest';
import { createBeyondDatabase, sharedCommandIn } from '../../src/sql/beyond-database.ts';
import { parseStatements } from '../../src/sql/parse.ts';

/** The statements of a text that are left out, with the reason. */
async function leftOut(text: string): Promise<[string, string][]> {
  const parsed = await parseStatements(text);
  if ('problem' in parsed) throw new Error(parsed.problem.message);
  const judge = createBeyondDatabase();
  return parsed.statements.flatMap((statement): [string, string][] => {
    const own = text.slice(statement.start, statement.end).trim();
    const why = judge(statement, own);
    return why === null ? [] : [[own, why]];
  });
}

const cancel = `create function cancel(p int) returns void language sql as 'select pg_cancel_backend(p)'`;
const onOrders = `create function f() returns trigger language plpgsql as $$ begin perform cancel(1); return new; end $$;
create table orders (id int); create trigger t before insert on orders for each row execute function f()`;

test.each([
  ['a column', `create table orders (id int, cancel boolean); create index on orders (id)`],
  ['a text', `create table x (note text default 'see pg_reload_conf(); cancel()')`],
  [
    'a view',
    `create view stuck as select pid, pg_terminate_backend(pid) from pg_stat_activity; grant select on stuck to public`,
  ],
  [
    'a default',
    `create table x (id int default pg_backend_pid(), c void default cancel(1)); create index on x (id)`,
  ],
  ['a comment', `comment on function cancel is 'calls pg_cancel_backend(p)'`],
  ['GRANT and DROP', 'grant execute on function cancel(int) to public; drop function cancel(int)'],
  ['a comment in a block', 'do $$ begin /* cancel(1) */ null; end -- pg_reload_conf()\n$$'],
  ['a dropped function', 'drop function cancel; select cancel(1)'],
  [
    'a replaced function',
    `create or replace function cancel(p int) returns void language sql as ''; select cancel(1)`,
  ],
  [
    'a table with a trigger that is not fired',
    `${onOrders}; select from orders; alter table orders add y int; create index on orders (y)`,
  ],
  ['a dropped trigger', `${onOrders}; drop trigger t on orders; insert into orders values (1)`],
  [
    'a dropped table',
    `${onOrders}; drop table orders; create table orders (id int); insert into orders values (1)`,
  ],
  [
    'a replaced trigger function',
    `${onOrders}; create or replace function f() returns trigger language plpgsql as 'begin return new; end'; insert into orders values (1)`,
  ],
])('%s that calls nothing outside of the database is run', async (_, text) => {
  expect(await leftOut(`${cancel};${text}`)).toEqual([]);
});

test.each([
  ['directly', '', 'select pg_catalog.pg_cancel_backend(1)'],
  ['through a function', '', 'select cancel(1)'],
  ['in a block', '', 'do $$ begin perform "cancel" (1); end $$'],
  ['in SQL that a function executes', '', `select run('select cancel(1)')`],
  [
    'through a function that was defined before',
    `create procedure a() language plpgsql as 'begin perform b(); end'; create function b() returns void language sql as 'select cancel(1)'`,
    'call a()',
  ],
  ['through a renamed function', 'alter function cancel(int) rename to stop', 'select stop(1)'],
  [
    'through a name of it',
    `create function c(int) returns bool language internal as 'pg_cancel_backend'`,
    'select c(1)',
  ],
  [
    'through a function beside a dropped one',
    `create function cancel() returns void language sql as ''; drop function cancel()`,
    'select cancel(1)',
  ],
  [
    'through views',
    'create view a as select cancel(pid) from pg_stat_activity; create view b as select * from a',
    'create table c as select * from b',
  ],
  ['through a trigger', onOrders, 'insert into orders values (1)'],
  ['through a trigger, in a block', onOrders, 'do $$ begin insert into orders values (1); end $$'],
  [
    'through a rule',
    'create table x (id int); create rule r as on insert to x do also select cancel(1)',
    'with a as (insert into x values (1) returning 1) select from a',
  ],
  [
    'through a policy',
    'create table x (id int); create policy p on x using (cancel(1) is null)',
    'delete from x',
  ],
  ['through a default', 'create table x (id int, c void default cancel(1))', 'insert into x values (1)'],
  [
    'through a default that was set later',
    'create table x (id int, c text); alter table x alter c set default cancel(1)::text',
    'insert into x values (1)',
  ],
  ['through a domain', 'create domain d as int check (cancel(value) is null)', 'select 1::d'],
  ['through an aggregate', 'create aggregate a (int) (sfunc = cancel, stype = int)', 'select a(1)'],
  ['through an operator', 'create operator @@@ (function = cancel, rightarg = int)', 'select @@@ 1'],
  ['for each row', 'create table x (id int)', 'alter table x add y text default cancel(1)::text'],
])('a call %s is left out, and nothing else', async (_, before, call) => {
  const why = 'a call of pg_cancel_backend';
  expect(await leftOut(`${cancel};${before};${call}`)).toEqual([[call, why]]);
});

test.each([
  `pg_stat_reset_shared('bgwriter')`,
  'pg_stat_reset_slru(null)',
  'pg_stat_reset_replication_slot(null)',
  'pg_stat_reset_subscription_stats(null)',
  'pg_stat_reset_backend_stats(1)',
  'pg_switch_wal()',
  `pg_create_restore_point('a')`,
  `pg_logical_emit_message(false, 'a', 'b')`,
  `pg_backup_start('a')`,
  'pg_backup_stop()',
  'pg_rotate_logfile()',
  'pg_promote()',
  'pg_wal_replay_pause()',
  'pg_wal_replay_resume()',
  'pg_log_backend_memory_contexts(1)',
  'pg_log_standby_snapshot()',
])('%s changes the whole server', async (call) => {
  const why = `a call of ${call.slice(0, call.indexOf('('))}`;
  expect(await leftOut(`select ${call}; select pg_stat_reset()`)).toEqual([[`select ${call}`, why]]);
});

test.each([
  ['begin -- of a group;\n /* grant */ grant sales to bob; commit; end', 'GRANT SALES TO'],
  [
    `begin if true then\n  revoke admin option for sales, more\n from bob; end if; end`,
    'REVOKE ADMIN OPTION FOR SALES, MORE FROM',
  ],
  [`begin execute format('grant %I to %I', a, b); end`, 'GRANT %I TO'],
  ['begin grant create on database a to bob; end', 'ON DATABASE'],
  ['begin revoke create on tablespace a from bob; end', 'ON TABLESPACE'],
  ['begin comment on database a is null; end', 'ON DATABASE'],
  ['begin grant set on parameter work_mem to bob; end', 'ON PARAMETER'],
  ['begin drop owned by bob; end', 'DROP OWNED'],
  ['begin reassign owned by bob to ann; end', 'REASSIGN OWNED'],
  ['begin grant select on a to bob; revoke grant option for select on a from bob; end', null],
  [`begin execute format('grant usage on schema %I to bob', s); end`, null],
  ['begin perform from a join b on database = b.id; -- grant a to b\nend', null],
])('%s: %s', (body, command) => {
  expect(sharedCommandIn(body)).toBe(command);
});
