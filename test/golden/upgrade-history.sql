START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
DO 'begin
if not pg_try_advisory_xact_lock_shared(1936813165, 0) then raise exception using errcode = ''SQM05'', message = ''sqlmig: public is being migrated; tenants will be retried''; end if;
if not pg_try_advisory_xact_lock(1936813165, (''16385''::oid)::int4) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
end';
alter table "acme"."schema_migrations" replica identity full;
DO  E'declare name text;
begin
  for name in select conname from pg_constraint where conrelid = ''"acme"."schema_migrations"''::regclass and contype = ''c''
      and pg_get_constraintdef(oid) ~ ''\\y(state|scope)\\y'' loop
    execute format(''alter table %s drop constraint %I'', ''"acme"."schema_migrations"'', name);
  end loop;
  update "acme"."schema_migrations" set state = ''incomplete'' where state = ''running'';
  if not exists (select from pg_catalog.pg_attribute f where f.attrelid = ''"acme"."schema_migrations"''::regclass and f.attname = ''down'' and not f.attisdropped) then alter table "acme"."schema_migrations" add down text; end if;
  if not exists (select from pg_catalog.pg_attribute f where f.attrelid = ''"acme"."schema_migrations"''::regclass and f.attname = ''down_checksum'' and not f.attisdropped) then alter table "acme"."schema_migrations" add down_checksum text; end if;
end';
COMMIT;
