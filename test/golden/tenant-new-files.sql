SET application_name = 'sqlmig 1f3a5c7e 3..R__totals deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
select case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_xact_lock(1936813165, ('16385'::oid)::int4) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4 else 1 end = 1 as locked;
LOCK TABLE "acme"."schema_migrations" IN ROW EXCLUSIVE MODE;
select '3' as sqlmig_begun, clock_timestamp()::text as sqlmig_at where case when to_regnamespace('"acme"')::oid is distinct from '16385'::oid then concat('sqlmig: the schema was dropped, renamed or recreated (SQM04#', pg_backend_pid(), ')')::int4
  when (select count(run_id) || ' ' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '') from "public"."schema_migrations" where version <= 2) <> '2:7d793037' then concat('sqlmig: public is behind (SQM06#', pg_backend_pid(), ')')::int4
  when (select count(*) + count(*) filter (where state <> 'applied') from "acme"."schema_migrations") <> 0 then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1;
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
SET application_name = 'sqlmig 1f3a5c7e 3..R__totals deploy-1';
DISCARD TEMP;
select '4' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t0 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '5' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t1 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '6' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t2 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '7' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t3 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '8' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t4 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '9' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t5 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '10' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t6 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
select '11' as sqlmig_begun, clock_timestamp()::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table t7 ();

;
SET LOCAL search_path = pg_catalog, pg_temp;
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
    else max(case when l.relation = ''"acme"."schema_migrations"''::regclass then case when l.mode in (''RowExclusiveLock'', ''ShareUpdateExclusiveLock'') then 0 else 2 end when c.oid is null then case when l.mode = ''RowExclusiveLock'' then 0 else 1 end
    when c.relnamespace in (16385, 11, 99, pg_my_temp_schema()) then 0
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
SET application_name = 'sqlmig 1f3a5c7e 3..R__totals deploy-1';
SET LOCAL idle_in_transaction_session_timeout = '10s';
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements, applied_at, duration_ms, down, down_checksum)
select version, name, checksum, 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', statements, statements, begun_at, least(date_part('epoch', coalesce(lead(begun_at) over (order by n), clock_timestamp()) - begun_at) * 1000, 2147483647)::int, down, down_checksum
from unnest(array[3, 4, 5, 6, 7, 8, 9, 10, 11, null]::bigint[],
array['backfill', 't', 't', 't', 't', 't', 't', 't', 't', 'totals']::text[],
array['ea789fee5a51cfba7335530e684c28e35d6330ca093d145d17862b8293dec5af', '397ef370703aa1831cd125daa179b8cfc2e358de5d336233d9e9b5634a15b3bf', '01108dbe52c7f7715e35f5a3bed4ab9adff6123f64247e9473f38b9d3940c6ad', 'c7e441cf09ff7fa53a0f1afaf615626b16d56dd1dd77ad293b10ac35d718cadf', 'a1566be637ee527ae6cb8d7e7fb03580dd90305b49c3158d413e82a2270c9674', '35420f1ac60ff4c99e671bc12f5f20cfa616b0e7fc5e8e2038b2099adf89f18e', '4c0dd9de177c92e8205e681cd40be54cbff555dd6b780d73cc897e5a39db14d7', '16770257de0d2d6a1dae4a5773d7dd30810a3f58479fb3f541abb56b59c3931a', 'd29b0221582729bbefdf0deb27f0a6ba6c091bb331300aee592ae940201fda91', '0ab92927e2d2abd0d6a71e068272f2289197460f485f07659dd889d258784511']::text[],
array[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]::integer[],
array['2026-01-01 00:00:10+00', '2026-01-01 00:00:11+00', '2026-01-01 00:00:12+00', '2026-01-01 00:00:13+00', '2026-01-01 00:00:14+00', '2026-01-01 00:00:15+00', '2026-01-01 00:00:16+00', '2026-01-01 00:00:17+00', '2026-01-01 00:00:18+00', '2026-01-01 00:00:19+00']::timestamptz[],
array[null, null, null, null, null, null, null, null, null, null]::text[],
array[null, null, null, null, null, null, null, null, null, null]::text[])
  with ordinality as created (version, name, checksum, statements, begun_at, down, down_checksum, n) order by n returning 'acme' as sqlmig_schema, coalesce(version::text, 'R__' || name) as sqlmig_key, duration_ms as sqlmig_ms;
select case when (select count(*) from "acme"."schema_migrations") < 10 then concat('sqlmig: the history table did not keep the row of this migration (SQM15#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
COMMIT;
