SET application_name = 'sqlmig 1f3a5c7e 2 deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
DO 'begin
perform set_config(''statement_timeout'', ''0'', true), set_config(''lock_timeout'', ''2s'', true), set_config(''application_name'', ''sqlmig 1f3a5c7e 2 deploy-1'', true);
if not pg_try_advisory_xact_lock(1936813165, 1) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
end';
select '2' as sqlmig_waiting;
select pg_advisory_xact_lock(1936813165, 0) as sqlmig_waited;
DO 'begin
perform set_config(''lock_timeout'', ''5000ms'', true);
if not pg_try_advisory_xact_lock(1936813165, (''2200''::oid)::int4) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
if to_regnamespace(''"public"'')::oid is distinct from ''2200''::oid then raise exception using errcode = ''SQM04'', message = ''sqlmig: the schema was dropped, renamed or recreated''; end if;
if (select count(run_id) || '' '' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '''') from "public"."schema_migrations" where true) <> ''1:5d41402a'' then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
insert into "public"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) values (2, 'plans', '256246f21bbc917ad6b819a7516e0de4ece4a7b4e44bcda176fdd20b35d39bca', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'public', 1, 1) returning '2' as sqlmig_begun, applied_at::text as sqlmig_at;
SET LOCAL search_path = "public";
create table plans (id int primary key);

;
SET LOCAL search_path = pg_catalog, pg_temp;
update "public"."schema_migrations" set duration_ms = least(date_part('epoch', clock_timestamp() - applied_at) * 1000, 2147483647)::int where version = 2 returning 'public' as sqlmig_schema, '2' as sqlmig_key, duration_ms as sqlmig_ms;
COMMIT;
