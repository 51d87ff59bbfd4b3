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
if (select count(*) + count(*) filter (where state <> ''applied'') from "public"."schema_migrations") <> 1 then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
insert into "public"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) values (2, 'plans', '256246f21bbc917ad6b819a7516e0de4ece4a7b4e44bcda176fdd20b35d39bca', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'public', 1, 1) returning '2' as sqlmig_begun, applied_at::text as sqlmig_at;
SET LOCAL search_path = "public";
create table plans (id int primary key);

;
SET LOCAL search_path = pg_catalog, pg_temp;
update "public"."schema_migrations" set duration_ms = least(date_part('epoch', clock_timestamp() - applied_at) * 1000, 2147483647)::int where version = 2 returning 'public' as sqlmig_schema, '2' as sqlmig_key, duration_ms as sqlmig_ms;
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
select (select coalesce(json_agg(json_build_array(m.classid || ':' || m.objid, m.nspname,
    pg_describe_object(m.classid, m.objid, 0), md5(concat_ws(' ', case m.classid
  when 'pg_class'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text, ' ' order by (to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text) from pg_class x where x.oid = m.objid),
    (select string_agg((to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text, ' ' order by (to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text) from pg_attribute x where x.attrelid = m.objid and x.attnum > 0),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_attrdef x where x.adrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_constraint x where x.conrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_index x where x.indrelid = m.objid),
    (select string_agg((to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text, ' ' order by (to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text) from pg_class x where x.oid in (select indexrelid from pg_index where indrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_trigger x where x.tgrelid = m.objid and not x.tgisinternal),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_rewrite x where x.ev_class = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_policy x where x.polrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_inherits x where x.inhrelid = m.objid or x.inhparent = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_partitioned_table x where x.partrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_sequence x where x.seqrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_foreign_table x where x.ftrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_publication_rel x where x.prrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_constraint'::regclass and x.objoid in (select oid from pg_constraint where conrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_class'::regclass and x.objoid in (select indexrelid from pg_index where indrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_trigger'::regclass and x.objoid in (select oid from pg_trigger where tgrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_rewrite'::regclass and x.objoid in (select oid from pg_rewrite where ev_class = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_policy'::regclass and x.objoid in (select oid from pg_policy where polrelid = m.objid)))
  when 'pg_proc'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['proacl']::text[])::text, ' ' order by (to_jsonb(x) - array['proacl']::text[])::text) from pg_proc x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_aggregate x where x.aggfnoid = m.objid))
  when 'pg_type'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['typacl']::text[])::text, ' ' order by (to_jsonb(x) - array['typacl']::text[])::text) from pg_type x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_enum x where x.enumtypid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_constraint x where x.contypid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_range x where x.rngtypid = m.objid),
    (select string_agg((to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text, ' ' order by (to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text) from pg_attribute x where x.attrelid = (select typrelid from pg_type where oid = m.objid) and x.attnum > 0),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_cast x where x.castsource = m.objid or x.casttarget = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_constraint'::regclass and x.objoid in (select oid from pg_constraint where contypid = m.objid)))
  when 'pg_namespace'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['nspacl']::text[])::text, ' ' order by (to_jsonb(x) - array['nspacl']::text[])::text) from pg_namespace x where x.oid = m.objid))
  when 'pg_collation'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_collation x where x.oid = m.objid))
  when 'pg_conversion'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_conversion x where x.oid = m.objid))
  when 'pg_operator'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_operator x where x.oid = m.objid))
  when 'pg_opclass'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_opclass x where x.oid = m.objid))
  when 'pg_opfamily'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_opfamily x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_amop x where x.amopfamily = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_amproc x where x.amprocfamily = m.objid))
  when 'pg_ts_config'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_config x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_config_map x where x.mapcfg = m.objid))
  when 'pg_ts_dict'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_dict x where x.oid = m.objid))
  when 'pg_ts_parser'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_parser x where x.oid = m.objid))
  when 'pg_ts_template'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_template x where x.oid = m.objid))
  when 'pg_statistic_ext'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_statistic_ext x where x.oid = m.objid))
  when 'pg_extension'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_extension x where x.oid = m.objid))
  when 'pg_default_acl'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_default_acl x where x.oid = m.objid)) end,
  (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = m.classid and x.objoid = m.objid),
  (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_seclabel x where x.classoid = m.classid and x.objoid = m.objid))),
    (select coalesce(json_agg(concat_ws(' ', g.grantee, g.privilege_type, g.is_grantable, g.of) order by g.grantee, g.privilege_type, g.is_grantable, g.of), '[]') from (
    select a.*, null as of from aclexplode(case m.classid
      when 'pg_class'::regclass then (select coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)) from pg_class c where c.oid = m.objid)
      when 'pg_proc'::regclass then (select coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p where p.oid = m.objid)
      when 'pg_type'::regclass then (select coalesce(t.typacl, acldefault('T', t.typowner)) from pg_type t where t.oid = m.objid)
      when 'pg_namespace'::regclass then (select coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n where n.oid = m.objid)
      end) a
    union all select b.*, t.attname::text from pg_attribute t, aclexplode(t.attacl) b
      where m.classid = 'pg_class'::regclass and t.attrelid = m.objid and t.attacl is not null) g),
    coalesce((select c.relfilenode::text from pg_class c where m.classid = 'pg_class'::regclass and c.oid = m.objid and c.relkind in ('r', 'm', 'S')), ''),
    case when m.classid = 'pg_class'::regclass then pg_stat_get_xact_tuples_updated(m.objid) else 0 end,
    case when m.classid = 'pg_class'::regclass then pg_stat_get_xact_tuples_deleted(m.objid) else 0 end)), '[]')::text
  from (select n.nspname, d.classid, d.objid from pg_namespace n join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid where n.nspname = any (array['public']::name[]) and d.classid is distinct from to_regclass('pg_publication_namespace')
    union all select n.nspname, 'pg_namespace'::regclass, n.oid from pg_namespace n where n.nspname = any (array['public']::name[])) m) as sqlmig_structure;
select case when not pg_try_advisory_xact_lock_shared(1936813165, 0) then concat('sqlmig: public is being migrated (SQM05#', pg_backend_pid(), ')')::int4
  when not pg_try_advisory_xact_lock(1936813166, hashtext('acme')) then concat('sqlmig: another run is using this schema (SQM01#', pg_backend_pid(), ')')::int4 else 1 end = 1 as locked;
insert into "acme"."schema_migrations" (version, name, checksum, applied_by, run_id, state, scope, statements, done_statements) select 2, 'orders', '54cdd5424cc1aa66d05740c8bf65326c91e13f035692e13f1e64b7c50906fb89', 'app (ci@deploy-1)', '1f3a5c7e', 'applied', 'tenant', 1, 1 where case when (select count(*) + count(*) filter (where state <> 'applied') from "acme"."schema_migrations") <> 0 then concat('sqlmig: the history changed since it was read (SQM03#', pg_backend_pid(), ')')::int4 else 1 end = 1 returning '2' as sqlmig_begun, applied_at::text as sqlmig_at;
SET LOCAL search_path = "acme", "public";
create table orders (id bigint primary key, plan int references plans);

;
SET LOCAL search_path = pg_catalog, pg_temp;
update "acme"."schema_migrations" set duration_ms = least(date_part('epoch', clock_timestamp() - applied_at) * 1000, 2147483647)::int where version = 2 returning 'acme' as sqlmig_schema, '2' as sqlmig_key, duration_ms as sqlmig_ms;
select (select coalesce(json_agg(json_build_array(m.classid || ':' || m.objid, m.nspname,
    pg_describe_object(m.classid, m.objid, 0), md5(concat_ws(' ', case m.classid
  when 'pg_class'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text, ' ' order by (to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text) from pg_class x where x.oid = m.objid),
    (select string_agg((to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text, ' ' order by (to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text) from pg_attribute x where x.attrelid = m.objid and x.attnum > 0),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_attrdef x where x.adrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_constraint x where x.conrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_index x where x.indrelid = m.objid),
    (select string_agg((to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text, ' ' order by (to_jsonb(x) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfilenode', 'relfrozenxid', 'relminmxid', 'relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl']::text[])::text) from pg_class x where x.oid in (select indexrelid from pg_index where indrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_trigger x where x.tgrelid = m.objid and not x.tgisinternal),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_rewrite x where x.ev_class = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_policy x where x.polrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_inherits x where x.inhrelid = m.objid or x.inhparent = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_partitioned_table x where x.partrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_sequence x where x.seqrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_foreign_table x where x.ftrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_publication_rel x where x.prrelid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_constraint'::regclass and x.objoid in (select oid from pg_constraint where conrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_class'::regclass and x.objoid in (select indexrelid from pg_index where indrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_trigger'::regclass and x.objoid in (select oid from pg_trigger where tgrelid = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_rewrite'::regclass and x.objoid in (select oid from pg_rewrite where ev_class = m.objid)),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_policy'::regclass and x.objoid in (select oid from pg_policy where polrelid = m.objid)))
  when 'pg_proc'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['proacl']::text[])::text, ' ' order by (to_jsonb(x) - array['proacl']::text[])::text) from pg_proc x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_aggregate x where x.aggfnoid = m.objid))
  when 'pg_type'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['typacl']::text[])::text, ' ' order by (to_jsonb(x) - array['typacl']::text[])::text) from pg_type x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_enum x where x.enumtypid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_constraint x where x.contypid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_range x where x.rngtypid = m.objid),
    (select string_agg((to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text, ' ' order by (to_jsonb(x) - array['attacl', 'attcacheoff']::text[])::text) from pg_attribute x where x.attrelid = (select typrelid from pg_type where oid = m.objid) and x.attnum > 0),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_cast x where x.castsource = m.objid or x.casttarget = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = 'pg_constraint'::regclass and x.objoid in (select oid from pg_constraint where contypid = m.objid)))
  when 'pg_namespace'::regclass then concat_ws(' ', (select string_agg((to_jsonb(x) - array['nspacl']::text[])::text, ' ' order by (to_jsonb(x) - array['nspacl']::text[])::text) from pg_namespace x where x.oid = m.objid))
  when 'pg_collation'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_collation x where x.oid = m.objid))
  when 'pg_conversion'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_conversion x where x.oid = m.objid))
  when 'pg_operator'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_operator x where x.oid = m.objid))
  when 'pg_opclass'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_opclass x where x.oid = m.objid))
  when 'pg_opfamily'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_opfamily x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_amop x where x.amopfamily = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_amproc x where x.amprocfamily = m.objid))
  when 'pg_ts_config'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_config x where x.oid = m.objid),
    (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_config_map x where x.mapcfg = m.objid))
  when 'pg_ts_dict'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_dict x where x.oid = m.objid))
  when 'pg_ts_parser'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_parser x where x.oid = m.objid))
  when 'pg_ts_template'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_ts_template x where x.oid = m.objid))
  when 'pg_statistic_ext'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_statistic_ext x where x.oid = m.objid))
  when 'pg_extension'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_extension x where x.oid = m.objid))
  when 'pg_default_acl'::regclass then concat_ws(' ', (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_default_acl x where x.oid = m.objid)) end,
  (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_description x where x.classoid = m.classid and x.objoid = m.objid),
  (select string_agg(to_jsonb(x)::text, ' ' order by to_jsonb(x)::text) from pg_seclabel x where x.classoid = m.classid and x.objoid = m.objid))),
    (select coalesce(json_agg(concat_ws(' ', g.grantee, g.privilege_type, g.is_grantable, g.of) order by g.grantee, g.privilege_type, g.is_grantable, g.of), '[]') from (
    select a.*, null as of from aclexplode(case m.classid
      when 'pg_class'::regclass then (select coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)) from pg_class c where c.oid = m.objid)
      when 'pg_proc'::regclass then (select coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p where p.oid = m.objid)
      when 'pg_type'::regclass then (select coalesce(t.typacl, acldefault('T', t.typowner)) from pg_type t where t.oid = m.objid)
      when 'pg_namespace'::regclass then (select coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n where n.oid = m.objid)
      end) a
    union all select b.*, t.attname::text from pg_attribute t, aclexplode(t.attacl) b
      where m.classid = 'pg_class'::regclass and t.attrelid = m.objid and t.attacl is not null) g),
    coalesce((select c.relfilenode::text from pg_class c where m.classid = 'pg_class'::regclass and c.oid = m.objid and c.relkind in ('r', 'm', 'S')), ''),
    case when m.classid = 'pg_class'::regclass then pg_stat_get_xact_tuples_updated(m.objid) else 0 end,
    case when m.classid = 'pg_class'::regclass then pg_stat_get_xact_tuples_deleted(m.objid) else 0 end)), '[]')::text
  from (select n.nspname, d.classid, d.objid from pg_namespace n join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid where n.nspname = any (array['public']::name[]) and d.classid is distinct from to_regclass('pg_publication_namespace')
    union all select n.nspname, 'pg_namespace'::regclass, n.oid from pg_namespace n where n.nspname = any (array['public']::name[])) m) as sqlmig_structure;
select distinct n.nspname as schema, case when c.oid is null then l.relation::text end as gone
from pg_lock_status() l left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.granted and l.locktype = 'relation' and l.mode not in ('AccessShareLock', 'RowShareLock')
  and (c.oid is null or c.relnamespace not in (coalesce(to_regnamespace('"acme"')::oid, 0), 11, 99, pg_my_temp_schema()));
select l.relation::text as sqlmig_lock, n.nspname as schema, c.relname as relation, l.mode as mode
from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'p', 'm', 'v', 'i', 'I', 'S') and n.nspname !~ '^pg_'
  and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
order by n.nspname, c.relname, l.mode;
ROLLBACK;