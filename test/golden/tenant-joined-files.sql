SET application_name = 'sqlmig 1f3a5c7e 3..R__totals deploy-1';
START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
select case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_xact_lock(1936813165, ('16385'::oid)::int4) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4 else 1 end = 1 as locked;
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) select 3, 'backfill', 'ea789fee5a51cfba7335530e684c28e35d6330ca093d145d17862b8293dec5af', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', 1, 1 where case when to_regnamespace('"acme"')::oid is distinct from '16385'::oid then concat('sqlmig: the schema was dropped, renamed or recreated (SQM04#', pg_backend_pid(), ')')::int4
  when (select count(run_id) || ' ' || coalesce(sum(hash_record_extended(row(version, name, checksum, state, coalesce(at_statement, 0) <> done_statements), 0))::text, '') from "public"."schema_migrations" where version <= 2) <> '2:7d793037' then concat('sqlmig: public is behind (SQM06#', pg_backend_pid(), ')')::int4
  when (select count(*) + count(*) filter (where state <> 'applied') from "acme"."schema_migrations") <> 0 then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 returning '3' as sqlmig_begun, applied_at::text as sqlmig_at;
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
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) select null::bigint, 'totals', '0ab92927e2d2abd0d6a71e068272f2289197460f485f07659dd889d258784511', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', 1, 1 where case when (select checksum from "acme"."schema_migrations" where version is null and name = 'totals') is distinct from null then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 on conflict (name) where version is null do update set checksum = excluded.checksum,
  applied_at = excluded.applied_at, applied_by = excluded.applied_by, run_id = excluded.run_id, duration_ms = 0,
  state = excluded.state, statements = excluded.statements, done_statements = excluded.done_statements returning 'R__totals' as sqlmig_begun, applied_at::text as sqlmig_at;
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
if (select (array_agg(coalesce(version::text, ''R__'' || name) || '' '' || checksum || '' '' || state order by cmin::text::int8, version desc nulls first, name desc) filter (where case when age(xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(xmin))::text::xid8) = ''in progress'' else age(xmin) = 0 end))[1:] is distinct from array[''3 ea789fee5a51cfba7335530e684c28e35d6330ca093d145d17862b8293dec5af applied'', ''R__totals 0ab92927e2d2abd0d6a71e068272f2289197460f485f07659dd889d258784511 applied'']
      or count(*) filter (where not case when age(xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(xmin))::text::xid8) = ''in progress'' else age(xmin) = 0 end) < 0 from "acme"."schema_migrations") then raise exception using errcode = ''SQM14'', message = ''sqlmig: the file changes its own history''; end if;
if pg_stat_get_xact_tuples_inserted(''pg_collation''::regclass) + pg_stat_get_xact_tuples_updated(''pg_collation''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_conversion''::regclass) + pg_stat_get_xact_tuples_updated(''pg_conversion''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_operator''::regclass) + pg_stat_get_xact_tuples_updated(''pg_operator''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_opclass''::regclass) + pg_stat_get_xact_tuples_updated(''pg_opclass''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_opfamily''::regclass) + pg_stat_get_xact_tuples_updated(''pg_opfamily''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_amop''::regclass) + pg_stat_get_xact_tuples_updated(''pg_amop''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_amproc''::regclass) + pg_stat_get_xact_tuples_updated(''pg_amproc''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_config''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_config''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_config_map''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_config_map''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_dict''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_dict''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_parser''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_parser''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_ts_template''::regclass) + pg_stat_get_xact_tuples_updated(''pg_ts_template''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_statistic_ext''::regclass) + pg_stat_get_xact_tuples_updated(''pg_statistic_ext''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_extension''::regclass) + pg_stat_get_xact_tuples_updated(''pg_extension''::regclass) + pg_stat_get_xact_tuples_inserted(''pg_default_acl''::regclass) + pg_stat_get_xact_tuples_updated(''pg_default_acl''::regclass) > 0
    or exists (select from pg_namespace x where x.oid in (2200) and age(x.xmin) between -1000000 and 0)
    or exists (select from pg_depend d where d.refclassid = ''pg_namespace''::regclass and d.refobjid in (2200)
      and (age(d.xmin) between -1000000 and 0 or case d.classid when ''pg_type''::regclass then exists (select from pg_type x where x.oid = d.objid and age(x.xmin) between -1000000 and 0) or exists (select from pg_constraint x where x.contypid = d.objid and age(x.xmin) between -1000000 and 0)
      when ''pg_proc''::regclass then exists (select from pg_proc x where x.oid = d.objid and age(x.xmin) between -1000000 and 0) else false end)) then raise exception using errcode = ''SQM13'', message = ''sqlmig: the file may have changed another schema; the file will be rehearsed to find out''; end if;
end';
update "acme"."schema_migrations" h set duration_ms = d.ms from (select ctid as at, least(date_part('epoch', coalesce(lead(applied_at) over (order by applied_at), clock_timestamp()) - applied_at) * 1000, 2147483647)::int as ms
  from "acme"."schema_migrations" where run_id = '1f3a5c7e' and duration_ms = 0) d where h.ctid = d.at returning 'acme' as sqlmig_schema, coalesce(version::text, 'R__' || name) as sqlmig_key, duration_ms as sqlmig_ms;
COMMIT;
SET application_name = 'sqlmig 1f3a5c7e 3..R__totals deploy-1';
