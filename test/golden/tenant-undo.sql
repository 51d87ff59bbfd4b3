SET application_name = 'sqlmig 1f3a5c7e 3..2 deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
select case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_xact_lock(1936813165, ('16385'::oid)::int4) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_lock(1936813165, ('16385'::oid)::int4) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4 else 1 end = 1 as locked;
with kept as (update "acme"."schema_migrations" set run_id = '1f3a5c7e', checksum = '6fafb26a726c371558a041e1dc144227a01305534d46cf6106a833dd06a24501', applied_at = clock_timestamp() where version = 3 and state = 'applied' and case when to_regnamespace('"acme"')::oid is distinct from '16385'::oid then concat('sqlmig: the schema was dropped, renamed or recreated (SQM04#', pg_backend_pid(), ')')::int4
  when (select count(run_id) || ' ' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '') from "public"."schema_migrations" where version <= 2) <> '2:7d793037' then concat('sqlmig: public is behind (SQM06#', pg_backend_pid(), ')')::int4
  when (select count(run_id) || ' ' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '') from "acme"."schema_migrations" where true) <> '1:5d41402a' then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 returning 1) select '3' as sqlmig_begun, case when not exists (select from kept) then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
SET LOCAL search_path = "acme", "public";
update orders set plan = null;

;
SET CONSTRAINTS ALL IMMEDIATE;
RESET ALL;
RESET SESSION AUTHORIZATION;
RESET ROLE;
DISCARD SEQUENCES;
SET LOCAL search_path = pg_catalog, pg_temp;
select pg_advisory_unlock_all(), pg_advisory_lock(1936813165, ('16385'::oid)::int4);
select case when exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = 2200
    and d.classid = 'pg_class'::regclass and pg_stat_get_xact_tuples_updated(d.objid) + pg_stat_get_xact_tuples_deleted(d.objid) > 0) then concat('sqlmig: the file may have changed another schema (SQM13#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
DISCARD TEMP;
with gone as (delete from "acme"."schema_migrations" where version = 3 returning least(date_part('epoch', clock_timestamp() - applied_at) * 1000, 2147483647)::int as ms) select 'acme' as sqlmig_schema, '3' as sqlmig_key, (select ms from gone) as sqlmig_ms, case when not exists (select from gone) then concat('sqlmig: the history table did not keep the row of this migration (SQM15#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
COMMIT;
SET application_name = 'sqlmig 1f3a5c7e 3..2 deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
with kept as (update "acme"."schema_migrations" set run_id = '1f3a5c7e', checksum = 'de84ea4f7b050b00c2fee29ee875e2743a9c182cad5d9c46893f20367a38dcb0', applied_at = clock_timestamp() where version = 2 and state = 'applied' and case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4 else 1 end = 1 returning 1) select '2' as sqlmig_begun, case when not exists (select from kept) then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
SET LOCAL search_path = "acme", "public";
drop table orders;

;
SET LOCAL search_path = pg_catalog, pg_temp;
with gone as (delete from "acme"."schema_migrations" where version = 2 returning least(date_part('epoch', clock_timestamp() - applied_at) * 1000, 2147483647)::int as ms) select 'acme' as sqlmig_schema, '2' as sqlmig_key, (select ms from gone) as sqlmig_ms, case when not exists (select from gone) then concat('sqlmig: the history table did not keep the row of this migration (SQM15#', pg_backend_pid(), ')')::int4 else 1 end = 1 as kept;
COMMIT;
select pg_advisory_unlock_all();
