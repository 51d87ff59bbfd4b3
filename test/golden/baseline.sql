START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL search_path = pg_catalog, pg_temp;
DO 'begin
perform set_config(''application_name'', ''sqlmig 1f3a5c7e adopt deploy-1'', true), set_config(''search_path'', ''pg_catalog, pg_temp'', true), set_config(''standard_conforming_strings'', ''on'', true), set_config(''backslash_quote'', ''safe_encoding'', true), set_config(''quote_all_identifiers'', ''off'', true), set_config(''array_nulls'', ''on'', true), set_config(''transform_null_equals'', ''off'', true), set_config(''xmloption'', ''content'', true), set_config(''xmlbinary'', ''base64'', true), set_config(''DateStyle'', ''ISO, MDY'', true), set_config(''IntervalStyle'', ''postgres'', true), set_config(''extra_float_digits'', ''1'', true), set_config(''bytea_output'', ''hex'', true), set_config(''default_transaction_isolation'', ''read committed'', true), set_config(''default_transaction_deferrable'', ''off'', true), set_config(''statement_timeout'', ''0'', true), set_config(''lock_timeout'', ''5000ms'', true), set_config(''idle_in_transaction_session_timeout'', ''0'', true), set_config(''idle_session_timeout'', ''0'', true), set_config(''transaction_timeout'', ''0'', true), set_config(''default_transaction_read_only'', ''off'', true), set_config(''tcp_keepalives_idle'', ''10'', true), set_config(''tcp_keepalives_interval'', ''5'', true), set_config(''tcp_keepalives_count'', ''3'', true), set_config(''client_connection_check_interval'', ''2s'', true), set_config(''synchronous_commit'', ''off'', true);
if not pg_try_advisory_xact_lock_shared(1936813165, 0) then raise exception using errcode = ''SQM05'', message = ''sqlmig: public is being migrated; tenants will be retried''; end if;
if not pg_try_advisory_xact_lock(1936813165, (''16385''::oid)::int4) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
if to_regnamespace(''"acme"'')::oid is distinct from ''16385''::oid then raise exception using errcode = ''SQM04'', message = ''sqlmig: the schema was dropped, renamed or recreated''; end if;
end';
SET LOCAL lock_timeout = '5000ms';
SET LOCAL row_security = off;
SET LOCAL search_path = pg_catalog, pg_temp;
DO 'begin
  perform pg_advisory_xact_lock(1936813165, 2);
  if to_regclass(''"acme"."schema_migrations"'') is not null then
    if exists (select from "acme"."schema_migrations") then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
  end if;
  if not exists (select from pg_catalog.pg_namespace where nspname = ''acme'') then
    create schema "acme";
  end if;
  if not exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = ''acme'' and c.relname = ''schema_migrations'') then
    create table "acme"."schema_migrations" (
  version bigint unique,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp(),
  duration_ms integer not null default 0,
  applied_by text not null,
  run_id text not null,
  state text not null,
  scope text not null,
  statements integer not null,
  at_statement integer,
  done_statements integer not null,
  down text,
  down_checksum text
);
create unique index on "acme"."schema_migrations" (name) where version is null;
alter table "acme"."schema_migrations" replica identity full;
  end if;
  insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements, applied_at) values
(2, ''orders'', ''54cdd5424cc1aa66d05740c8bf65326c91e13f035692e13f1e64b7c50906fb89'', ''baseline; adopted by app (ci@deploy-1)'', ''1f3a5c7e'', ''applied'', ''tenant'', 1, 1, clock_timestamp());
end';
COMMIT;
