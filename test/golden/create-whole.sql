SET application_name = 'sqlmig 1f3a5c7e create deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
DO 'begin
if not pg_try_advisory_xact_lock_shared(1936813165, 0) then raise exception using errcode = ''SQM05'', message = ''sqlmig: public is being migrated; tenants will be retried''; end if;
if not pg_try_advisory_xact_lock(1936813166, hashtext(''acme'')) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
if to_regnamespace(''"acme"'') is not null then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
if (select count(run_id) || '' '' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '''') from "public"."schema_migrations" where version <= 2) <> ''2:7d793037'' then raise exception using errcode = ''SQM06'', message = ''sqlmig: public is behind; it will be read again''; end if;
end';
DO 'begin
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
select '2' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table orders (id bigint primary key, plan int references plans);

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '3' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
do $$ begin update orders set plan = 1; end $$;

;
CLOSE ALL;
UNLISTEN *;
DEALLOCATE ALL;
SET CONSTRAINTS ALL IMMEDIATE;
RESET ALL;
RESET SESSION AUTHORIZATION;
RESET ROLE;
DISCARD SEQUENCES;
SET LOCAL search_path = pg_catalog, pg_temp;
select pg_advisory_unlock_all();
SET application_name = 'sqlmig 1f3a5c7e create deploy-1';
DISCARD TEMP;
select 'R__totals' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create or replace view totals as select count(*) from orders;

;
SET CONSTRAINTS ALL IMMEDIATE;
RESET ALL;
RESET SESSION AUTHORIZATION;
RESET ROLE;
DISCARD SEQUENCES;
SET LOCAL search_path = pg_catalog, pg_temp;
select pg_advisory_unlock_all();
DO 'declare sqlmig_evidence int; begin
sqlmig_evidence := (select case when count(*) filter (where l.relation = ''"acme"."schema_migrations"''::regclass) = 0 then 3
    else max(case when l.relation = ''"acme"."schema_migrations"''::regclass then 0 when c.oid is null then case when l.mode = ''RowExclusiveLock'' then 0 else 1 end
    when c.relnamespace in (coalesce(to_regnamespace(''"acme"'')::oid, 0), 11, 99, pg_my_temp_schema()) then 0
    when l.mode = ''RowExclusiveLock'' then case when pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) > 0 and (c.relnamespace = 2200
      or exists (select from pg_class h where h.relnamespace = c.relnamespace and h.relname = ''schema_migrations'')) then 1 else 0 end
    when l.mode = ''ShareRowExclusiveLock'' then case when c.relkind = ''S'' or age(c.xmin) between -1000000 and 0 or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and age(t.xmin) between -1000000 and 0) or exists (select from pg_constraint k where k.conrelid = c.oid and age(k.xmin) between -1000000 and 0) then 1 else 0 end
    else 1 end) end
  from pg_lock_status() l left join pg_class c on l.locktype = ''relation'' and c.oid = l.relation
  where l.pid = pg_backend_pid() and l.granted and l.locktype in (''relation'', ''object'') and l.mode not in (''AccessShareLock'', ''RowShareLock'')
    and l.classid is distinct from ''pg_attrdef''::regclass);
if sqlmig_evidence = 3 then raise exception using errcode = ''SQM09'', message = ''sqlmig: the file ends the transaction it runs in''; end if;
if sqlmig_evidence = 2 then raise exception using errcode = ''SQM14'', message = ''sqlmig: the file changes its own history''; end if;
if sqlmig_evidence = 1 then raise exception using errcode = ''SQM13'', message = ''sqlmig: the file may have changed another schema; the file will be rehearsed to find out''; end if;
if exists (select from "acme"."schema_migrations") then raise exception using errcode = ''SQM14'', message = ''sqlmig: the file changes its own history''; end if;
if pg_stat_get_xact_tuples_inserted(''pg_collation''::regclass) + pg_stat_get_xact_tuples_updated(''pg_collation''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_conversion''::regclass) + pg_stat_get_xact_tuples_updated(''pg_conversion''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_operator''::regclass) + pg_stat_get_xact_tuples_updated(''pg_operator''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_opclass''::regclass) + pg_stat_get_xact_tuples_updated(''pg_opclass''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_opfamily''::regclass) + pg_stat_get_xact_tuples_updated(''pg_opfamily''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_amop''::regclass) + pg_stat_get_xact_tuples_updated(''pg_amop''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_amproc''::regclass) + pg_stat_get_xact_tuples_updated(''pg_amproc''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_config''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_config''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_config_map''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_config_map''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_dict''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_dict''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_parser''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_parser''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_template''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_template''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_statistic_ext''::regclass) + pg_stat_get_xact_tuples_updated(''pg_statistic_ext''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_extension''::regclass) + pg_stat_get_xact_tuples_updated(''pg_extension''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_default_acl''::regclass) + pg_stat_get_xact_tuples_updated(''pg_default_acl''::regclass) > 0
    or exists (select from pg_namespace x where x.oid in (2200) and age(x.xmin) between -1000000 and 0)
    or exists (select from pg_depend d where d.refclassid = ''pg_namespace''::regclass and d.refobjid in (2200)
      and (age(d.xmin) between -1000000 and 0 or case d.classid when ''pg_type''::regclass then exists (select from pg_type x where x.oid = d.objid and age(x.xmin) between -1000000 and 0) or exists (select from pg_constraint x where x.contypid = d.objid and age(x.xmin) between -1000000 and 0)
      when ''pg_proc''::regclass then exists (select from pg_proc x where x.oid = d.objid and age(x.xmin) between -1000000 and 0) else false end)) then raise exception using errcode = ''SQM13'', message = ''sqlmig: the file may have changed another schema; the file will be rehearsed to find out''; end if;
end';
SET application_name = 'sqlmig 1f3a5c7e create deploy-1';
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements, applied_at, duration_ms, down, down_checksum)
select version, name, checksum, 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', statements, statements, begun_at, least(date_part('epoch', coalesce(lead(begun_at) over (order by n), clock_timestamp()) - begun_at) * 1000, 2147483647)::int, down, down_checksum
from unnest(array[2, 3, null]::bigint[],
array['orders', 'backfill', 'totals']::text[],
array['54cdd5424cc1aa66d05740c8bf65326c91e13f035692e13f1e64b7c50906fb89', 'ea789fee5a51cfba7335530e684c28e35d6330ca093d145d17862b8293dec5af', '0ab92927e2d2abd0d6a71e068272f2289197460f485f07659dd889d258784511']::text[],
array[1, 1, 1]::integer[],
array['2026-01-01 00:00:01+00', '2026-01-01 00:00:02+00', '2026-01-01 00:00:03+00']::timestamptz[],
array[null, null, null]::text[],
array[null, null, null]::text[])
  with ordinality as created (version, name, checksum, statements, begun_at, down, down_checksum, n) order by n returning 'acme' as sqlmig_schema, coalesce(version::text, 'R__' || name) as sqlmig_key, duration_ms as sqlmig_ms;
select case when (select count(*) from "acme"."schema_migrations") < 3 then concat('sqlmig: the history table did not keep the row of this migration (SQM15#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
COMMIT;
