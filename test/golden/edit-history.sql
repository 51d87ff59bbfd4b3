START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
DO 'begin
if not pg_try_advisory_xact_lock_shared(1936813165, 0) then raise exception using errcode = ''SQM05'', message = ''sqlmig: public is being migrated; tenants will be retried''; end if;
if not pg_try_advisory_xact_lock(1936813165, (''16385''::oid)::int4) then raise exception using errcode = ''SQM01'', message = ''sqlmig: another run is using this schema; it will be retried''; end if;
end';
DO 'begin
  update acme.schema_migrations set checksum = ''c'' where version = 1;
  if not found then raise exception using errcode = ''SQM03'', message = ''sqlmig: the history changed since it was read; it will be read again''; end if;
end';
COMMIT;
