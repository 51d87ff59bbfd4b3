SET application_name = 'sqlmig 1f3a5c7e create deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
DO 'begin
if not pg_try_advisory_xact_lock_shared(1936813165, 0) then raise exception using errcode = ''SQM05'', message = ''sqlmig: public is being migrated; tenants will be retried''; end if;
if not pg_try_advisory_xact_lock(1936813165, (''16385''::oid)::int4) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
if to_regnamespace(''"acme"'')::oid is distinct from ''16385''::oid then raise exception using errcode = ''SQM04'', message = ''sqlmig: the schema was dropped, renamed or recreated''; end if;
if (select count(run_id) || '' '' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '''') from "public"."schema_migrations" where version <= 2) <> ''2:7d793037'' then raise exception using errcode = ''SQM06'', message = ''sqlmig: public is behind; it will be read again''; end if;
if (select count(*) + count(*) filter (where state <> ''applied'') from "acme"."schema_migrations") <> 0 then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
if not exists (select from pg_namespace n where n.nspname = ''acme'' and n.nspacl is null and pg_catalog.pg_get_userbyid(n.nspowner) = current_user and pg_catalog.obj_description(n.oid, ''pg_namespace'') is null
and not exists (select from pg_catalog.pg_depend d where d.refclassid = ''pg_catalog.pg_namespace''::regclass and d.refobjid = n.oid
  and not (d.classid = ''pg_catalog.pg_class''::regclass and exists (select from pg_catalog.pg_class c where c.oid = d.objid and c.relname = ''schema_migrations'' and c.relkind in (''r'', ''p'', ''v'', ''m'', ''f'') and c.relreplident = ''f'' and c.relchecks <= 1 and exists (select from pg_catalog.pg_attribute f where f.attrelid = c.oid and f.attname = ''down_checksum'' and not f.attisdropped))))) then raise exception using errcode = ''SQM20'', message = ''sqlmig: the schema is not empty, as a snapshot requires; the files will be run instead''; end if;
end';
LOCK TABLE "acme"."schema_migrations" IN ROW EXCLUSIVE MODE;
select true as sqlmig_loading;
do 'begin if current_setting(''TimeZone'') <> ''Etc/UTC'' then raise exception using message = ''it was written with TimeZone = Etc/UTC, and here it is '' || current_setting(''TimeZone''); end if; end';
SET LOCAL search_path = "acme";
SET LOCAL check_function_bodies = off;
create table orders (
  id bigint not null,
  plan integer
);

;
SET LOCAL check_function_bodies = DEFAULT;
SET LOCAL search_path = pg_catalog, pg_temp;
select false as sqlmig_loading, clock_timestamp()::text as sqlmig_at;
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
select case when exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = 2200
    and d.classid = 'pg_class'::regclass and pg_stat_get_xact_tuples_updated(d.objid) + pg_stat_get_xact_tuples_deleted(d.objid) > 0) then concat('sqlmig: the file may have changed another schema (SQM13#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
SET application_name = 'sqlmig 1f3a5c7e create deploy-1';
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements, applied_at, duration_ms, down, down_checksum)
select version, name, checksum, 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', statements, statements, begun_at, least(date_part('epoch', coalesce(lead(begun_at) over (order by n), clock_timestamp()) - begun_at) * 1000, 2147483647)::int, down, down_checksum
from unnest(array[2, null]::bigint[],
array['orders', 'totals']::text[],
array['54cdd5424cc1aa66d05740c8bf65326c91e13f035692e13f1e64b7c50906fb89', '0ab92927e2d2abd0d6a71e068272f2289197460f485f07659dd889d258784511']::text[],
array[1, 1]::integer[],
array['2026-01-01 00:00:01+00', '2026-01-01 00:00:02+00']::timestamptz[],
array[null, null]::text[],
array[null, null]::text[])
  with ordinality as created (version, name, checksum, statements, begun_at, down, down_checksum, n) order by n returning 'acme' as sqlmig_schema, coalesce(version::text, 'R__' || name) as sqlmig_key, duration_ms as sqlmig_ms;
select case when (select count(*) from "acme"."schema_migrations") < 2 then concat('sqlmig: the history table did not keep the row of this migration (SQM15#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
COMMIT;
