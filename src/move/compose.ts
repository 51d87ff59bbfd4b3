import { unitStates } from '../errors.ts';
import { historyColumns, historyTable, keptColumns, rowOf, selectDigest } from '../history/history.ts';
import type { HistoryRow } from '../history/row.ts';
import { createMissing } from '../protocol/bootstrap.ts';
import { lockKey, lockObjects } from '../protocol/keys.ts';
import { raise } from '../protocol/refusal.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { arrayOf } from '../sql/catalog-sql.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { SchemaItem } from './inventory.ts';
import type { SearchPathChange } from './mentions.ts';
import type { DefaultPrivilege, Grant, Surroundings } from './surroundings.ts';

/** How public becomes a tenant: its schema is renamed, or its objects are moved one by one. */
export type MoveWay = 'rename' | 'move';

/** The schemas of a move. */
export interface MoveSchemas {
  readonly schema: string;
  readonly as: string;
}

/** A statement that locks tables in this order, as moving them does. The error for a lock that is not free has the OID of the table. */
export function lockTables(oids: readonly string[]): string {
  if (oids.length === 0) return '';
  return doBlock(`declare o oid;
begin
  foreach o in array ${arrayOf(oids, 'oid')} loop
    execute format('lock table only %s in access exclusive mode', o::regclass);
  end loop;
exception when lock_not_available or deadlock_detected then
  raise exception using errcode = sqlstate, message = sqlerrm, detail = o::text;
end`);
}

/** A statement that moves objects from one schema to another. The error for an object has its name. */
export function setSchemas(
  items: readonly SchemaItem[],
  { from, to }: { readonly from: string; readonly to: string },
): string {
  const own = items.filter(({ follows }) => !follows);
  if (own.length === 0) return '';
  const [classes, objects] = [0, 1].map((part) => own.map(({ id }) => id.split(':')[part] ?? ''));
  return doBlock(`declare o record; i record;
begin
  for o in select * from unnest(${arrayOf(classes ?? [], 'oid')}, ${arrayOf(objects ?? [], 'oid')}) as x (classid, objid) loop
    select * into i from pg_identify_object(o.classid, o.objid, 0);
    if i.schema is distinct from quote_ident(${quoteLiteral(from)}) then
      raise exception using errcode = '42704', message = 'has been dropped or moved in the meantime';
    end if;
    execute format('alter %s %s set schema %I', case i.type when 'function' then 'routine' when 'procedure' then 'routine'
      when 'aggregate' then 'routine' when 'statistics object' then 'statistics' else i.type end, i.identity, ${quoteLiteral(to)});
  end loop;
exception when lock_not_available or deadlock_detected then
  raise exception using errcode = sqlstate, message = sqlerrm, detail = o.objid::text;
when others then
  raise exception using errcode = sqlstate, message = format('%s %s: %s', i.type, i.identity, sqlerrm);
end`);
}

function grant({ privilege, grantee, grantable }: Grant, on: string): string {
  return `GRANT ${privilege} ON ${on} TO ${grantee}${grantable ? ' WITH GRANT OPTION' : ''};`;
}

/** Renames the schema, creates a new one in its place, and moves the kept objects back to it. */
export function renameSchema(
  { schema, as }: MoveSchemas,
  { owner, tenantOwner, comment, grants, extensions }: Surroundings,
  kept: readonly SchemaItem[],
): string {
  const own = quoteIdentifier(schema);
  const tenant = quoteIdentifier(as);
  const lines = [
    `ALTER SCHEMA ${own} RENAME TO ${tenant};`,
    `CREATE SCHEMA ${own} AUTHORIZATION ${owner};`,
    ...grants.map((privilege) => grant(privilege, `SCHEMA ${own}`)),
    ...(comment === null ? [] : [`COMMENT ON SCHEMA ${own} IS ${quoteLiteral(comment)};`]),
    `COMMENT ON SCHEMA ${tenant} IS NULL;`,
    `ALTER SCHEMA ${tenant} OWNER TO ${tenantOwner};`,
    ...extensions.map(({ name }) => `ALTER EXTENSION ${quoteIdentifier(name)} SET SCHEMA ${own};`),
    doBlock(`begin
  if exists (select from pg_depend n join pg_depend e on e.classid = n.classid and e.objid = n.objid and e.deptype = 'e'
      where n.refclassid = 'pg_namespace'::regclass and n.refobjid = ${quoteLiteral(tenant)}::regnamespace) then
    raise exception using errcode = '0A000', message = 'an extension of another schema has objects in ' || ${quoteLiteral(own)};
  end if;
end`),
  ];
  return `${lines.join('\n')}\n${setSchemas(kept, { from: as, to: schema })}`;
}

/** Grants privileges on the new schema to the roles that have privileges on its objects. */
export function grantSchema({ as }: MoveSchemas, { grants }: Surroundings): string {
  const tenant = quoteIdentifier(as);
  const named = grants.filter(({ grantee }) => grantee !== 'PUBLIC');
  const everyoneCreates = grants.some(
    ({ grantee, privilege }) => grantee === 'PUBLIC' && privilege === 'CREATE',
  );
  // pg_dump omits the initial privileges of public, which the schema still has after a rename.
  return `REVOKE ALL ON SCHEMA ${tenant} FROM PUBLIC;
${named.map((privilege) => `${grant(privilege, `SCHEMA ${tenant}`)}\n`).join('')}${doBlock(`declare r record;
begin
  for r in with here as (select oid, nspowner from pg_namespace where nspname = ${quoteLiteral(as)})
    select distinct g.grantee from here, lateral (
      select a.grantee from pg_class c, aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a
        where c.relnamespace = here.oid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      union all select a.grantee from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a where c.relnamespace = here.oid
      union all select a.grantee from pg_proc p, aclexplode(p.proacl) a where p.pronamespace = here.oid and a.grantee <> 0
      union all select p.proowner from pg_proc p where p.pronamespace = here.oid) g
    where g.grantee <> here.nspowner loop
    if r.grantee = 0 then grant usage on schema ${tenant} to public;
    else execute format('grant usage on schema %s to %I', ${quoteLiteral(tenant)}, pg_get_userbyid(r.grantee)); end if;
  end loop;
end`)}${everyoneCreates ? grantCreateToOwners(as) : ''}`;
}

/** Lets the owners of objects create more, as everyone could in public (the default before PostgreSQL 15). */
function grantCreateToOwners(as: string): string {
  return doBlock(`declare r record;
begin
  for r in with here as (select oid, nspowner from pg_namespace where nspname = ${quoteLiteral(as)})
    select distinct o.owner from here, lateral (select relowner as owner from pg_class where relnamespace = here.oid
      union all select proowner from pg_proc where pronamespace = here.oid
      union all select typowner from pg_type where typnamespace = here.oid) o where o.owner <> here.nspowner loop
    execute format('grant create, usage on schema %s to %I', ${quoteLiteral(quoteIdentifier(as))}, pg_get_userbyid(r.owner));
  end loop;
end`);
}

/** The statements that give a schema default privileges. */
export function defaultPrivileges(schema: string, defaults: readonly DefaultPrivilege[]): string {
  const own = quoteIdentifier(schema);
  return defaults
    .map(
      (privilege) =>
        `ALTER DEFAULT PRIVILEGES FOR ROLE ${privilege.role} IN SCHEMA ${own} ${grant(privilege, privilege.on)}\n`,
    )
    .join('');
}

/** The statements that publish a schema. */
export function publishSchema(schema: string, publications: readonly string[]): string {
  return publications
    .map(
      (name) =>
        `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLES IN SCHEMA ${quoteIdentifier(schema)};\n`,
    )
    .join('');
}

/** The statements that set the tenant in the `search_path` of functions. */
export function changePaths(changes: readonly SearchPathChange[]): string {
  return changes
    .map(({ oid, to }) =>
      doBlock(`declare i record;
begin
  select * into i from pg_identify_object('pg_proc'::regclass, ${quoteLiteral(oid)}::oid, 0);
  execute format('alter routine %s set search_path = %s', i.identity, ${quoteLiteral(to.map(quoteIdentifier).join(', '))});
end`),
    )
    .join('');
}

/** Moves rows from sqlmig's history in public to a new history in the tenant. A superuser keeps the owner of the table. */
export function splitHistory(
  { schema, as }: MoveSchemas,
  {
    digest,
    isCurrent,
    tenant,
  }: {
    readonly digest: string | null;
    readonly isCurrent: boolean;
    readonly tenant: readonly HistoryRow[];
  },
  context: UnitContext,
): string {
  const shared = historyTable(schema, context.table);
  const own = historyTable(as, context.table);
  const columns = [...historyColumns, ...(isCurrent ? keptColumns : [])];
  const values = columns.map((column) => (column === 'scope' ? "'tenant'" : column));
  const where = tenant.map((row) => `(${rowOf(row)})`).join(' or ');
  return doBlock(`begin
  lock table ${shared} in access exclusive mode;
  if (${selectDigest(shared)}) is distinct from ${quoteLiteral(digest ?? '')} then ${raise(unitStates.historyChanged)} end if;
  perform pg_advisory_xact_lock(${lockKey(lockObjects.bootstrap)});
${createMissing(as, context)}
  if (select rolsuper from pg_roles where rolname = current_user) then
    execute format('alter table %s owner to %I', ${quoteLiteral(own)}, (select pg_get_userbyid(relowner) from pg_class where oid = ${quoteLiteral(shared)}::regclass));
  end if;
  insert into ${own} (${columns.join(', ')}) select ${values.join(', ')} from ${shared} where ${where};
  delete from ${shared} where ${where};
end`);
}
