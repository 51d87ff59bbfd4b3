select pg_catalog.set_config(v.name, v.value, false) from (values ('search_path', '"acme", "public"'), ('standard_conforming_strings', 'on'), ('backslash_quote', 'safe_encoding'), ('quote_all_identifiers', 'off'), ('array_nulls', 'on'), ('transform_null_equals', 'off'), ('xmloption', 'content'), ('xmlbinary', 'base64'), ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('default_transaction_isolation', 'read committed'), ('default_transaction_deferrable', 'off'), ('application_name', 'sqlmig 1f3a5c7e 2 deploy-1'), ('lock_timeout', '0'), ('statement_timeout', '0'), ('synchronous_commit', 'on'), ('client_connection_check_interval', '0'), ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), ('default_transaction_read_only', 'off'), ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')) v (name, value)

-- next message

select pg_try_advisory_lock_shared(1936813165, 0) and pg_try_advisory_lock_shared(1936813165, 1)
  and coalesce(pg_try_advisory_lock(1936813165, (select oid from pg_catalog.pg_namespace where nspname = 'acme')::int4), false) and true as got

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
DO 'begin
if to_regnamespace(''"acme"'')::oid is distinct from ''16385''::oid then raise exception using errcode = ''SQM04'', message = ''sqlmig: the schema was dropped, renamed or recreated''; end if;
if (select count(*) + count(*) filter (where state <> ''applied'') from "acme"."schema_migrations") <> 0 then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) values (2, 'orders_id', '9b199d0f315d8783923ff75616759de40aeb38a18f7e5fc6814b711f946c3928', 'app (ci@deploy-1)', '1f3a5c7e', 'incomplete', 'tenant', 2, 0) returning '2' as sqlmig_begun, applied_at::text as sqlmig_at;
COMMIT;

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
DO 'begin
  if (select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = ''advisory'' and classid = 1936813165 and objsubid = 2
    and objid in (0, 1, (select oid from pg_catalog.pg_namespace where nspname = ''acme''))) < 3 then raise exception using errcode = ''SQM12'', message = ''sqlmig: the session that held the lock has ended''; end if;
  update "acme"."schema_migrations" set at_statement = 1 where version = 2 and state <> ''applied'';
  if not found then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
select pg_catalog.split_part(virtualtransaction, '/', 2) as sqlmig_transaction
from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'virtualxid' and mode = 'ExclusiveLock';
COMMIT;

-- next message

select pg_catalog.to_regclass('"orders"')::pg_catalog.oid::pg_catalog.text as r0

-- next message

select n.nspname as schema, c.relname as name from pg_index i
join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'i' and not i.indisvalid and ((c.relname = 'orders_id' and c.relnamespace = (select relnamespace from pg_class where oid = 16390))) order by 1, 2

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
select pg_catalog.split_part(virtualtransaction, '/', 2) as sqlmig_transaction
from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'virtualxid' and mode = 'ExclusiveLock';
COMMIT;

-- next message

create index concurrently orders_id on orders (id)

-- next message

select pg_catalog.to_regclass('"orders"')::pg_catalog.oid::pg_catalog.text as r0

-- next message

select n.nspname as schema, c.relname as name from pg_index i
join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'i' and not i.indisvalid and ((c.relname = 'orders_id' and c.relnamespace = (select relnamespace from pg_class where oid = 16390))) order by 1, 2

-- next message

select pg_catalog.to_regclass('"orders"')::pg_catalog.oid::pg_catalog.text as r0

-- next message

select n.nspname as schema, c.relname as name, c.relkind::text as kind,
  c.relpersistence = 't' as temporary from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = 16390

-- next message

select c.relname as name, quote_ident(c.relname) as sql, i.indexrelid is not null as is_index, i.indisvalid as valid,
  i.indrelid = 16390 as on_table, pg_get_indexdef(i.indexrelid) as definition from pg_class c left join pg_index i on i.indexrelid = c.oid
where c.relname = 'orders_id' and c.relnamespace = (select relnamespace from pg_class where oid = 16390)

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
DO 'begin
  if (select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = ''advisory'' and classid = 1936813165 and objsubid = 2
    and objid in (0, 1, (select oid from pg_catalog.pg_namespace where nspname = ''acme''))) < 3 then raise exception using errcode = ''SQM12'', message = ''sqlmig: the session that held the lock has ended''; end if;
  update "acme"."schema_migrations" set done_statements = 1 where version = 2 and state <> ''applied'';
  if not found then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
COMMIT;

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL statement_timeout = 0;
select pg_catalog.set_config(v.name, v.value, false) from (values ('search_path', '"acme", "public"'), ('standard_conforming_strings', 'on'), ('backslash_quote', 'safe_encoding'), ('quote_all_identifiers', 'off'), ('array_nulls', 'on'), ('transform_null_equals', 'off'), ('xmloption', 'content'), ('xmlbinary', 'base64'), ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('default_transaction_isolation', 'read committed'), ('default_transaction_deferrable', 'off'), ('application_name', 'sqlmig 1f3a5c7e 2 deploy-1'), ('lock_timeout', '0'), ('statement_timeout', '0'), ('synchronous_commit', 'on'), ('client_connection_check_interval', '0'), ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), ('default_transaction_read_only', 'off'), ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')) v (name, value) join pg_catalog.pg_settings s on s.name operator(pg_catalog.=)
  case when v.name operator(pg_catalog.=) 'statement_timeout' then 'application_name' else v.name end and s.source operator(pg_catalog.<>) 'session';
COMMIT;

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
DO 'begin
  if (select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = ''advisory'' and classid = 1936813165 and objsubid = 2
    and objid in (0, 1, (select oid from pg_catalog.pg_namespace where nspname = ''acme''))) < 3 then raise exception using errcode = ''SQM12'', message = ''sqlmig: the session that held the lock has ended''; end if;
  update "acme"."schema_migrations" set at_statement = 2 where version = 2 and state <> ''applied'';
  if not found then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
select pg_catalog.split_part(virtualtransaction, '/', 2) as sqlmig_transaction
from pg_catalog.pg_locks where pid = pg_catalog.pg_backend_pid() and locktype = 'virtualxid' and mode = 'ExclusiveLock';
COMMIT;

-- next message

analyze orders

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
DO 'begin
  if (select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = ''advisory'' and classid = 1936813165 and objsubid = 2
    and objid in (0, 1, (select oid from pg_catalog.pg_namespace where nspname = ''acme''))) < 3 then raise exception using errcode = ''SQM12'', message = ''sqlmig: the session that held the lock has ended''; end if;
  update "acme"."schema_migrations" set done_statements = 2 where version = 2 and state <> ''applied'';
  if not found then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
COMMIT;

-- next message

START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SET LOCAL role TO DEFAULT;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL synchronous_commit = on;
DO 'begin
  if (select count(distinct objid) from pg_catalog.pg_locks where pid = pg_backend_pid() and granted
    and locktype = ''advisory'' and classid = 1936813165 and objsubid = 2
    and objid in (0, 1, (select oid from pg_catalog.pg_namespace where nspname = ''acme''))) < 3 then raise exception using errcode = ''SQM12'', message = ''sqlmig: the session that held the lock has ended''; end if;
  update "acme"."schema_migrations" set state = ''applied'', at_statement = null, duration_ms = 12 where version = 2 and state <> ''applied'';
  if not found then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
COMMIT;

-- next message

DISCARD ALL
