START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
select case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_xact_lock(1936813165, ('16385'::oid)::int4) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4 else 1 end = 1 as locked;
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) select 2, 'name', 'ba4fe95fe048a96ee449a142bf49e844414ac5b6da18969c0f9640e39b2f4355', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', 2, 2 where case when (select count(*) + count(*) filter (where state <> 'applied') from "acme"."schema_migrations") <> 1 then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 returning '2' as sqlmig_begun, applied_at::text as sqlmig_at;
select (select coalesce(json_agg(json_build_array(d.objid::text, pg_stat_get_xact_tuples_inserted(d.objid), pg_stat_get_xact_tuples_updated(d.objid), pg_stat_get_xact_tuples_deleted(d.objid))), '[]')
from pg_depend d join pg_namespace n on n.oid = d.refobjid
where d.refclassid = 'pg_namespace'::regclass and d.classid = 'pg_class'::regclass
  and n.nspname = any (array['acme', 'public']::name[]) and greatest(pg_stat_get_xact_tuples_inserted(d.objid), pg_stat_get_xact_tuples_updated(d.objid), pg_stat_get_xact_tuples_deleted(d.objid)) > 0)::text as sqlmig_counted;
SET LOCAL search_path = "acme", "public";
select -1 as sqlmig_mark, (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 as at, (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::text, l.mode)), '[]')::text
from pg_catalog.pg_lock_status() l
where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') and not exists (select from pg_catalog.pg_attribute a
  where a.attrelid = l.relation and a.attnum = -1 and case when age(a.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(a.xmin))::text::xid8) = 'in progress' else age(a.xmin) = 0 end)) as locks, (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 as until;
alter table a add b int
;
select 0 as sqlmig_mark, (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 as at, (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::text, l.mode)), '[]')::text
from pg_catalog.pg_lock_status() l
where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') and not exists (select from pg_catalog.pg_attribute a
  where a.attrelid = l.relation and a.attnum = -1 and case when age(a.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(a.xmin))::text::xid8) = 'in progress' else age(a.xmin) = 0 end)) as locks, (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 as until;
;
update a set b = 1;

;
SET CONSTRAINTS ALL IMMEDIATE;
RESET ALL;
RESET SESSION AUTHORIZATION;
RESET ROLE;
DISCARD SEQUENCES;
SET LOCAL search_path = pg_catalog, pg_temp;
select pg_advisory_unlock_all();
DISCARD TEMP;
with started as materialized (select (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 as at),
locks as materialized (select l.relation, l.mode from pg_catalog.pg_lock_status() l
where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted and l.mode not in ('AccessShareLock', 'RowShareLock')),
touched as materialized (select relation, not exists (select from pg_catalog.pg_attribute a
  where a.attrelid = relation and a.attnum = -1 and case when age(a.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(a.xmin))::text::xid8) = 'in progress' else age(a.xmin) = 0 end) as existed from (select distinct relation from locks) d)
select (select at from started) as at,
(select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::text, l.mode)), '[]')::text from locks l join touched t using (relation) where t.existed and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) as locks,
json_build_object(
  'relations', (select coalesce(json_agg(json_build_array(c.oid::text, n.nspname, c.relname, c.relkind,
      case when c.relkind in ('r', 'm') and case when age(c.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(c.xmin))::text::xid8) = 'in progress' else age(c.xmin) = 0 end then c.relfilenode::text end, c.reltablespace::text,
      case when c.relkind in ('r', 'm') and case when age(c.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(c.xmin))::text::xid8) = 'in progress' else age(c.xmin) = 0 end then pg_relation_size(c.oid) end, case when c.relkind in ('r', 'm') and case when age(c.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(c.xmin))::text::xid8) = 'in progress' else age(c.xmin) = 0 end then pg_table_size(c.oid) end,
      pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)) order by c.oid), '[]')
    from touched t join pg_class c on c.oid = t.relation join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and c.relkind in ('r', 'p', 'm', 'v', 'f', 'S')
      and (t.existed or n.nspname <> 'acme' or greatest(pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)) > 0)),
  'indexes', (select coalesce(json_agg(json_build_array(c.oid::text, c.relname, i.indrelid::text, c.relfilenode::text,
      pg_relation_size(c.oid)) order by c.oid), '[]')
    from touched t join pg_index i on i.indrelid = t.relation join pg_class c on c.oid = i.indexrelid
    where t.existed and c.relkind = 'i' and case when age(c.xmin) between -1000000 and -1 then pg_xact_status((pg_current_xact_id()::text::int8 - age(c.xmin))::text::xid8) = 'in progress' else age(c.xmin) = 0 end),
  'counts', current_setting('track_counts'))::text as sqlmig_figures;
update "acme"."schema_migrations" set duration_ms = least(date_part('epoch', clock_timestamp() - applied_at) * 1000, 2147483647)::int where version = 2 returning 'acme' as sqlmig_schema, '2' as sqlmig_key, duration_ms as sqlmig_ms;
select l.relation::text as sqlmig_lock, n.nspname as schema, c.relname as relation, l.mode as mode
from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'p', 'm', 'v', 'i', 'I', 'S') and n.nspname !~ '^pg_'
  and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
order by n.nspname, c.relname, l.mode;
ROLLBACK;