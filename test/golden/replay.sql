SET application_name = 'sqlmig 1f3a5c7e replay deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
select case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_xact_lock(1936813165, ('16385'::oid)::int4) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4 else 1 end = 1 as locked;
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) select 2, 'orders', '54cdd5424cc1aa66d05740c8bf65326c91e13f035692e13f1e64b7c50906fb89', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', 1, 1 where case when to_regnamespace('"acme"')::oid is distinct from '16385'::oid then concat('sqlmig: the schema was dropped, renamed or recreated (SQM04#', pg_backend_pid(), ')')::int4
  when (select count(run_id) || ' ' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '') from "public"."schema_migrations" where version <= 2) <> '2:7d793037' then concat('sqlmig: public is behind (SQM06#', pg_backend_pid(), ')')::int4
  when (select count(run_id) || ' ' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '') from "acme"."schema_migrations" where true) <> '1:5d41402a' then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 returning '2' as sqlmig_begun, applied_at::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table orders (id bigint primary key, plan int references plans)
;
select 1 as sqlmig_statement;
set constraints all immediate;
ROLLBACK;