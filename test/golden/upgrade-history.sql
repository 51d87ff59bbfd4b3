START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
DO 'begin
if not pg_try_advisory_xact_lock_shared(1936813165, 0) then raise exception using errcode = ''SQM05'', message = ''sqlmig: public is being migrated; tenants will be tried again''; end if;
if not pg_try_advisory_xact_lock(1936813165, (''16385''::oid)::int4) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is at work in this schema; it will be tried again''; end if;
end';
alter table "acme"."schema_migrations" replica identity full;
COMMIT;
