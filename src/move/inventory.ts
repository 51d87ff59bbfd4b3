import type { Session } from '../server/session.ts';
import { isExtensionMember, schemaOid } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** An object in a schema that belongs to no extension. */
export interface SchemaItem {
  /** Its catalog and its OID. */
  readonly id: string;
  /** In words, such as `table` or `enum`. */
  readonly kind: string;
  /** Its name without the schema. */
  readonly name: string;
  /** Its name as SQL, with the schema and, for a function, its arguments. */
  readonly identity: string;
  readonly owner: string;
  /** The role is its owner or a member of it. */
  readonly isOwned: boolean;
  /** A sequence of a column, which moves with its table. */
  readonly follows: boolean;
}

/** The OIDs of catalogs with which an `id` begins; they are fixed. */
export const catalogOids = { pg_class: '1259', pg_proc: '1255', pg_type: '1247' } as const;

/** The kinds of objects with rows: tables and views. */
export const relationKinds: readonly string[] = ['table', 'view', 'materialized view', 'foreign table'];

/** One object needs another. */
export interface Need {
  readonly from: string;
  readonly to: string;
}

/** A foreign key between two tables of a schema. */
export interface ForeignKey {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Something in another schema needs an object. */
export interface Use {
  readonly schema: string;
  readonly of: string;
}

/** The objects of a schema. */
export interface Inventory {
  readonly items: readonly SchemaItem[];
  readonly needs: readonly Need[];
  readonly foreignKeys: readonly ForeignKey[];
  /** Which other schemas have objects that need one of these. */
  readonly uses: readonly Use[];
}

const catalogs: readonly (readonly [catalog: string, prefix: string, owner: string | null])[] = [
  ['pg_operator', 'opr', 'oprowner'],
  ['pg_opclass', 'opc', 'opcowner'],
  ['pg_opfamily', 'opf', 'opfowner'],
  ['pg_collation', 'coll', 'collowner'],
  ['pg_conversion', 'con', 'conowner'],
  ['pg_statistic_ext', 'stx', 'stxowner'],
  ['pg_ts_config', 'cfg', 'cfgowner'],
  ['pg_ts_dict', 'dict', 'dictowner'],
  ['pg_ts_parser', 'prs', null],
  ['pg_ts_template', 'tmpl', null],
];

const isMember = (catalog: string) => isExtensionMember(catalog, 'x.oid');

/** SQL query: every object in a schema that belongs to no extension, as `classid`, `objid`, `owner`, `name`, `kind`. */
export function selectItems(schema: string): string {
  const here = schemaOid(schema);
  const others = catalogs.map(
    ([catalog, prefix, owner]) =>
      `select '${catalog}'::regclass, x.oid, ${owner === null ? 'null::oid' : `x.${owner}`}, x.${prefix}name, null
    from ${catalog} x where x.${prefix}namespace = ${here} and not ${isMember(catalog)}`,
  );
  return `select 'pg_class'::regclass as classid, x.oid as objid, x.relowner as owner, x.relname as name, null::text as kind
    from pg_class x where x.relnamespace = ${here} and x.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not ${isMember('pg_class')}
  union all select 'pg_proc'::regclass, x.oid, x.proowner, x.proname, null
    from pg_proc x where x.pronamespace = ${here} and not ${isMember('pg_proc')}
  union all select 'pg_type'::regclass, x.oid, x.typowner, x.typname,
      case x.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite type' when 'r' then 'range type' when 'm' then 'multirange type' else 'type' end
    from pg_type x where x.typnamespace = ${here} and not ${isMember('pg_type')}
      and not exists (select from pg_type e where e.typarray = x.oid)
      and (x.typrelid = 0 or (select c.relkind from pg_class c where c.oid = x.typrelid) = 'c')
  ${others.map((query) => `union all ${query}`).join('\n  ')}`;
}

/** SQL expression: the `id` of an object. */
export function itemId(classid: string, objid: string): string {
  return `${classid}::oid::text || ':' || ${objid}`;
}

const followsTable = `o.classid = 'pg_class'::regclass and exists (select from pg_depend d where d.classid = 'pg_class'::regclass
  and d.objid = o.objid and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
  and (select c.relkind from pg_class c where c.oid = o.objid) = 'S')`;

const itemsQuery = (
  schema: string,
) => `select ${itemId('o.classid', 'o.objid')} as id, coalesce(o.kind, i.type) as kind, o.name,
  i.identity, coalesce(r.rolname, '') as owner, o.owner is null or pg_has_role(o.owner, 'USAGE') as owned, ${followsTable} as follows
from (${selectItems(schema)}) o cross join lateral pg_identify_object(o.classid, o.objid, 0) i
left join pg_roles r on r.oid = o.owner
order by i.type, i.identity collate "C"`;

// What belongs to an object and has dependencies of its own: defaults, constraints, indexes, rules, triggers, policies.
const partsOf = `select classid, objid, classid as part_class, objid as part from items
  union all select i.classid, i.objid, 'pg_attrdef'::regclass, x.oid from items i join pg_attrdef x on x.adrelid = i.objid where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_constraint'::regclass, x.oid from items i join pg_constraint x on x.conrelid = i.objid where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_constraint'::regclass, x.oid from items i join pg_constraint x on x.contypid = i.objid where i.classid = 'pg_type'::regclass
  union all select i.classid, i.objid, 'pg_class'::regclass, x.indexrelid from items i join pg_index x on x.indrelid = i.objid where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_rewrite'::regclass, x.oid from items i join pg_rewrite x on x.ev_class = i.objid where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_trigger'::regclass, x.oid from items i join pg_trigger x on x.tgrelid = i.objid and not x.tgisinternal where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_policy'::regclass, x.oid from items i join pg_policy x on x.polrelid = i.objid where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_type'::regclass, x.oid from items i join pg_type x on x.typrelid = i.objid where i.classid = 'pg_class'::regclass
  union all select i.classid, i.objid, 'pg_class'::regclass, x.typrelid from items i join pg_type x on x.oid = i.objid where i.classid = 'pg_type'::regclass and x.typrelid <> 0
  union all select i.classid, i.objid, 'pg_type'::regclass, x.typarray from items i join pg_type x on x.oid = i.objid where i.classid = 'pg_type'::regclass and x.typarray <> 0
  union all select i.classid, i.objid, 'pg_type'::regclass, x.typarray from items i join pg_type x on x.typrelid = i.objid where i.classid = 'pg_class'::regclass and x.typarray <> 0`;

// Partitions and statistics follow their table, and the objects of a type follow the type.
const needsQuery = (schema: string) => `with items as materialized (${selectItems(schema)}),
parts as materialized (${partsOf}),
needs as (select a.classid, a.objid, b.classid as refclassid, b.objid as refobjid, d.deptype from pg_depend d
    join parts a on a.part_class = d.classid and a.part = d.objid join parts b on b.part_class = d.refclassid and b.part = d.refobjid
    where d.deptype <> 'e')
select distinct ${itemId('classid', 'objid')} as from, ${itemId('refclassid', 'refobjid')} as to
from (select classid, objid, refclassid, refobjid from needs
  union all select refclassid, refobjid, classid, objid from needs where deptype = 'i'
  union all select 'pg_class'::regclass, i.inhparent, 'pg_class'::regclass, i.inhrelid from pg_inherits i join pg_class c on c.oid = i.inhrelid
    join items o on o.objid = i.inhrelid and o.classid = 'pg_class'::regclass where c.relispartition
  union all select 'pg_class'::regclass, s.stxrelid, 'pg_statistic_ext'::regclass, s.oid from pg_statistic_ext s
    join items o on o.objid = s.oid and o.classid = 'pg_statistic_ext'::regclass) as every
where (classid, objid) is distinct from (refclassid, refobjid)`;

const foreignKeysQuery = (
  schema: string,
) => `select c.conname as name, ${itemId("'pg_class'::regclass", 'c.conrelid')} as from,
  ${itemId("'pg_class'::regclass", 'c.confrelid')} as to
from pg_constraint c join pg_class f on f.oid = c.conrelid join pg_class t on t.oid = c.confrelid
where c.contype = 'f' and c.conparentid = 0 and f.relnamespace = t.relnamespace
  and f.relnamespace = ${schemaOid(schema)}
order by 1`;

const ofTable = (catalog: string, table: string) =>
  `union all select '${catalog}'::regclass, x.oid, c.relnamespace from ${catalog} x join pg_class c on c.oid = x.${table}`;

const usesQuery = (
  schema: string,
) => `select distinct n.nspname as schema, ${itemId('d.refclassid', 'd.refobjid')} as of
from (${selectItems(schema)}) i join pg_depend d on d.refclassid = i.classid and d.refobjid = i.objid
join (select 'pg_class'::regclass as classid, oid as objid, relnamespace as namespace from pg_class
  union all select 'pg_constraint'::regclass, oid, connamespace from pg_constraint
  union all select 'pg_proc'::regclass, oid, pronamespace from pg_proc
  ${ofTable('pg_rewrite', 'ev_class')} ${ofTable('pg_trigger', 'tgrelid')}
  ${ofTable('pg_attrdef', 'adrelid')} ${ofTable('pg_policy', 'polrelid')}) o on o.classid = d.classid and o.objid = d.objid
join pg_namespace n on n.oid = o.namespace where n.nspname <> ${quoteLiteral(schema)}`;

/** Reads the objects of a schema. */
export async function readInventory(session: Session, schema: string): Promise<Inventory> {
  const items = await session.read(itemsQuery(schema));
  const needs = await session.read(needsQuery(schema));
  const foreignKeys = await session.read(foreignKeysQuery(schema));
  const uses = await session.read(usesQuery(schema));
  return {
    items: items.map(({ id, kind, name, identity, owner, owned, follows }) => ({
      id: String(id),
      kind: String(kind),
      name: String(name),
      identity: String(identity),
      owner: String(owner),
      isOwned: owned === true,
      follows: follows === true,
    })),
    needs: needs.map(({ from, to }) => ({ from: String(from), to: String(to) })),
    foreignKeys: foreignKeys.map(({ name, from, to }) => ({
      name: String(name),
      from: String(from),
      to: String(to),
    })),
    uses: uses.map((row) => ({ schema: String(row.schema), of: String(row.of) })),
  };
}
