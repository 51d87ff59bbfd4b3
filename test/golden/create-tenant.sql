START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '5000ms';
SET LOCAL application_name = 'sqlmig 1f3a5c7e bootstrap deploy-1';
DO 'begin
  perform pg_advisory_xact_lock(1936813165, 2);
  if not pg_try_advisory_xact_lock(1936813166, hashtext(''acme'')) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
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
end';
COMMIT;
select pg_catalog.to_regnamespace('"acme"')::pg_catalog.oid::pg_catalog.text as oid,
  (select c.relhastriggers or c.relhasrules or c.relrowsecurity from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) pg_catalog.to_regclass('"acme"."schema_migrations"')) as discards;
