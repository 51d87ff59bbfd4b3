import type { Session } from '../server/session.ts';
import { arrayOf, isExtensionMember, isOrdinarySchema } from '../sql/catalog-sql.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';
import { catalogOids, type SchemaItem } from './inventory.ts';

const oidsIn = (items: readonly SchemaItem[], catalog: string) =>
  arrayOf(
    items.flatMap(({ id }) => (id.startsWith(`${catalog}:`) ? [id.slice(catalog.length + 1)] : [])),
    'oid',
  );

/** SQL: the sum of the digests of the rows of a catalog; sums need no order. */
const digestOf = (what: string, from: string) =>
  `(select coalesce(sum(hashtextextended(${what}, 0)), 0)::text || '/' || count(*) from ${from})`;

/**
 * SQL query: the state that must be the same before and after, one column per kind: the data files, and everything that
 * belongs to the objects, by OID.
 */
export function selectState(items: readonly SchemaItem[]): string {
  const rels = oidsIn(items, catalogOids.pg_class);
  const types = oidsIn(items, catalogOids.pg_type);
  const every = `(select unnest(${rels}) as oid union all select i.indexrelid from pg_index i where i.indrelid = any(${rels})
    union all select t.reltoastrelid from pg_class t where t.oid = any(${rels}) and t.reltoastrelid <> 0)`;
  return `select ${digestOf(`c.oid || ' ' || c.relfilenode`, `pg_class c join ${every} e on e.oid = c.oid`)} as "the files of the tables",
  ${digestOf(`concat_ws(' ', c.oid, c.conname, c.contype, c.convalidated, c.conrelid, c.contypid, c.confrelid, c.conkey, c.confkey, c.conindid, c.condeferrable, c.condeferred)`, `pg_constraint c where c.conrelid = any(${rels}) or c.confrelid = any(${rels}) or c.contypid = any(${types})`)} as "the constraints",
  ${digestOf(`concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation, a.attacl)`, `pg_attribute a join ${every} e on e.oid = a.attrelid`)} as "the columns",
  ${digestOf(`d.oid || d.adbin::text`, `pg_attrdef d where d.adrelid = any(${rels})`)} as "the defaults",
  ${digestOf(`i::text`, `pg_index i where i.indrelid = any(${rels})`)} as "the indexes",
  ${digestOf(`concat_ws(' ', t.oid, t.tgrelid, t.tgfoid, t.tgenabled, t.tgtype, t.tgconstraint)`, `pg_trigger t where t.tgrelid = any(${rels})`)} as "the triggers",
  ${digestOf(`concat_ws(' ', r.oid, r.ev_class, r.ev_type, r.ev_enabled)`, `pg_rewrite r where r.ev_class = any(${rels})`)} as "the rules",
  ${digestOf(`p::text`, `pg_policy p where p.polrelid = any(${rels})`)} as "the policies",
  ${digestOf(`s::text`, `pg_sequence s where s.seqrelid = any(${rels})`)} as "the sequences",
  ${digestOf(`concat_ws(' ', c.oid, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.relreplident)`, `pg_class c where c.oid = any(${rels})`)} as "the privileges"`;
}

/** The columns of `selectState` that differ. */
export function changedState(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  return Object.keys(before).filter((what) => before[what] !== after[what]);
}

/** A function of language SQL whose body is invalid. */
export interface BrokenFunction {
  readonly identity: string;
  readonly message: string;
}

const setting = 'sqlmig.broken_functions';

/**
 * Checks the bodies of SQL functions as CREATE FUNCTION does, with a search_path, and rolls back: those in
 * `schemas`, and those elsewhere whose text or settings have the name of one. Functions of other owners cannot be checked.
 */
export async function brokenFunctions(
  session: Session,
  path: string,
  schemas: readonly string[],
): Promise<Map<string, BrokenFunction>> {
  const rows = await session.run(`SET LOCAL check_function_bodies = on;
${doBlock(`declare f record; broken jsonb := '[]';
begin
  for f in select p.oid, i.identity from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
      cross join lateral pg_identify_object('pg_proc'::regclass, p.oid, 0) i
      where l.lanname = 'sql' and p.prosqlbody is null and p.prokind in ('f', 'p') and ${isOrdinarySchema}
        and exists (select from unnest(${arrayOf(schemas, 'text')}) s (name) where n.nspname = s.name or strpos(lower(concat(p.prosrc, p.proconfig)), lower(s.name)) > 0)
        and pg_has_role(p.proowner, 'USAGE')
        and not ${isExtensionMember('pg_proc', 'p.oid')} loop
    begin
      perform set_config('search_path', ${quoteLiteral(path)}, true);
      execute pg_catalog.pg_get_functiondef(f.oid);
      raise exception using errcode = 'SQM00';
    exception when others then
      if sqlstate not in ('SQM00', '42501', '55P03', '40P01') then
        broken := broken || jsonb_build_array(jsonb_build_object('oid', f.oid::text, 'identity', f.identity, 'message', sqlerrm));
      end if;
    end;
  end loop;
  perform set_config('${setting}', broken::text, true);
end`)}SELECT pg_catalog.current_setting('${setting}')::pg_catalog.json as broken`);
  const broken = (rows[0]?.broken ?? []) as readonly { oid: string; identity: string; message: string }[];
  return new Map(broken.map(({ oid, identity, message }) => [oid, { identity, message }]));
}
