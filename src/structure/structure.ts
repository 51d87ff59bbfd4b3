import type { Server, Session } from '../server/session.ts';
import { nameArray } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** An object of a schema, or the schema itself: everything about it that a tenant file must not change. */
interface SchemaObject {
  readonly schema: string;
  /** Its description by PostgreSQL, such as `table public.plans`. */
  readonly name: string;
  /** The digest of its definition, including comments. */
  readonly digest: string;
  /** Its privileges: `<grantee> <privilege> <grantable>`, followed by the column if there is one. */
  readonly grants: readonly string[];
  /** The file that stores its rows, which TRUNCATE replaces; empty if it has no rows. */
  readonly file: string;
  /** Rows updated and deleted according to the session's pending statistics; only differences are meaningful. */
  readonly updated: number;
  readonly deleted: number;
}

/** The objects of schemas, by catalog and OID. */
export type Structure = ReadonlyMap<string, SchemaObject>;

// Columns that change although the object does not: statistics, the file of the rows, flags set by a foreign key from
// another table. Privileges are compared separately.
const incidental: Readonly<Record<string, readonly string[]>> = {
  pg_class: [
    ...[
      'relpages',
      'reltuples',
      'relallvisible',
      'relallfrozen',
      'relfilenode',
      'relfrozenxid',
      'relminmxid',
    ],
    ...['relhastriggers', 'relhasindex', 'relhasrules', 'relhassubclass', 'relacl'],
  ],
  pg_attribute: ['attacl', 'attcacheoff'],
  pg_type: ['typacl'],
  pg_proc: ['proacl'],
  pg_namespace: ['nspacl'],
};

/** SQL expression: the definition in one row of a catalog, as text. */
function definition(catalog: string, alias: string): string {
  const left = (incidental[catalog] ?? []).map(quoteLiteral).join(', ');
  return left === '' ? `to_jsonb(${alias})::text` : `(to_jsonb(${alias}) - array[${left}]::text[])::text`;
}

/** SQL expression: the definitions of those rows of a catalog that belong to an object, in a fixed order. */
function definitions(catalog: string, condition: string): string {
  return `(select string_agg(${definition(catalog, 'x')}, ' ' order by ${definition(catalog, 'x')}) from ${catalog} x where ${condition})`;
}

// Every catalog of objects that belong to a schema (PostgreSQL documentation, System Catalogs).
const catalogs: readonly string[] = [
  ...['pg_class', 'pg_proc', 'pg_type', 'pg_namespace', 'pg_collation', 'pg_conversion', 'pg_operator'],
  ...['pg_opclass', 'pg_opfamily', 'pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template'],
  ...['pg_statistic_ext', 'pg_extension', 'pg_default_acl'],
];

const describes = (ids: string, catalog: string) =>
  definitions(
    'pg_description',
    `x.classoid = '${catalog}'::regclass and x.objoid ${ids.startsWith('(') ? `in ${ids}` : `= ${ids}`}`,
  );

// The parts of relations, types and other objects. Each of these catalogs has an index on the object's OID.
const partsOfRelation: readonly string[] = [
  definitions('pg_attribute', 'x.attrelid = m.objid and x.attnum > 0'),
  definitions('pg_attrdef', 'x.adrelid = m.objid'),
  definitions('pg_constraint', 'x.conrelid = m.objid'),
  definitions('pg_index', 'x.indrelid = m.objid'),
  definitions('pg_class', 'x.oid in (select indexrelid from pg_index where indrelid = m.objid)'),
  definitions('pg_trigger', 'x.tgrelid = m.objid and not x.tgisinternal'),
  definitions('pg_rewrite', 'x.ev_class = m.objid'),
  definitions('pg_policy', 'x.polrelid = m.objid'),
  definitions('pg_inherits', 'x.inhrelid = m.objid or x.inhparent = m.objid'),
  definitions('pg_partitioned_table', 'x.partrelid = m.objid'),
  definitions('pg_sequence', 'x.seqrelid = m.objid'),
  definitions('pg_foreign_table', 'x.ftrelid = m.objid'),
  definitions('pg_publication_rel', 'x.prrelid = m.objid'),
  describes('(select oid from pg_constraint where conrelid = m.objid)', 'pg_constraint'),
  describes('(select indexrelid from pg_index where indrelid = m.objid)', 'pg_class'),
  describes('(select oid from pg_trigger where tgrelid = m.objid)', 'pg_trigger'),
  describes('(select oid from pg_rewrite where ev_class = m.objid)', 'pg_rewrite'),
  describes('(select oid from pg_policy where polrelid = m.objid)', 'pg_policy'),
];
const partsOfType: readonly string[] = [
  definitions('pg_enum', 'x.enumtypid = m.objid'),
  definitions('pg_constraint', 'x.contypid = m.objid'),
  definitions('pg_range', 'x.rngtypid = m.objid'),
  definitions(
    'pg_attribute',
    'x.attrelid = (select typrelid from pg_type where oid = m.objid) and x.attnum > 0',
  ),
  definitions('pg_cast', 'x.castsource = m.objid or x.casttarget = m.objid'),
  describes('(select oid from pg_constraint where contypid = m.objid)', 'pg_constraint'),
];
const partsOf: Readonly<Record<string, readonly string[]>> = {
  pg_class: partsOfRelation,
  pg_type: partsOfType,
  pg_opfamily: [
    definitions('pg_amop', 'x.amopfamily = m.objid'),
    definitions('pg_amproc', 'x.amprocfamily = m.objid'),
  ],
  pg_ts_config: [definitions('pg_ts_config_map', 'x.mapcfg = m.objid')],
  pg_proc: [definitions('pg_aggregate', 'x.aggfnoid = m.objid')],
};

const everywhere: readonly string[] = [
  definitions('pg_description', 'x.classoid = m.classid and x.objoid = m.objid'),
  definitions('pg_seclabel', 'x.classoid = m.classid and x.objoid = m.objid'),
];

/** SQL expression: the digest of an object's definition, with one branch per catalog. */
const digest = `md5(concat_ws(' ', case m.classid
  ${catalogs
    .map((catalog) => {
      const own = definitions(catalog, 'x.oid = m.objid');
      return `when '${catalog}'::regclass then concat_ws(' ', ${[own, ...(partsOf[catalog] ?? [])].join(',\n    ')})`;
    })
    .join('\n  ')} end,
  ${everywhere.join(',\n  ')}))`;

const grants = `(select coalesce(json_agg(concat_ws(' ', g.grantee, g.privilege_type, g.is_grantable, g.of) order by g.grantee, g.privilege_type, g.is_grantable, g.of), '[]') from (
    select a.*, null as of from aclexplode(case m.classid
      when 'pg_class'::regclass then (select coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)) from pg_class c where c.oid = m.objid)
      when 'pg_proc'::regclass then (select coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p where p.oid = m.objid)
      when 'pg_type'::regclass then (select coalesce(t.typacl, acldefault('T', t.typowner)) from pg_type t where t.oid = m.objid)
      when 'pg_namespace'::regclass then (select coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n where n.oid = m.objid)
      end) a
    union all select b.*, t.attname::text from pg_attribute t, aclexplode(t.attacl) b
      where m.classid = 'pg_class'::regclass and t.attrelid = m.objid and t.attacl is not null) g)`;

/**
 * SQL expression: the schemas that match a condition on `pg_namespace n`, and all their objects, as JSON for
 * `parseStructure`. Goes through the index of pg_depend: the other catalogs have no index on the namespace alone, and hold
 * the objects of thousands of tenants.
 */
export function structureAsJson(condition: string, { isCitus }: Pick<Server, 'isCitus'>): string {
  return `(select coalesce(json_agg(json_build_array(m.classid || ':' || m.objid, m.nspname,
    pg_describe_object(m.classid, m.objid, 0), ${digest},
    ${grants},
    coalesce((select c.relfilenode::text from pg_class c where m.classid = 'pg_class'::regclass and c.oid = m.objid and c.relkind in ('r', 'm', 'S')), '')${isCitus ? ` || ${writtenElsewhere}` : ''},
    case when m.classid = 'pg_class'::regclass then pg_stat_get_xact_tuples_updated(m.objid) else 0 end,
    case when m.classid = 'pg_class'::regclass then pg_stat_get_xact_tuples_deleted(m.objid) else 0 end)), '[]')::text
  from (select n.nspname, d.classid, d.objid from pg_namespace n join pg_depend d on d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid where ${condition} and d.classid is distinct from to_regclass('pg_publication_namespace')
    union all select n.nspname, 'pg_namespace'::regclass, n.oid from pg_namespace n where ${condition}) m)`;
}

// The rows of a tenant are on another server, and so are their counters: here are only the locks. With anything but
// reading, ROW EXCLUSIVE is the weakest.
const written = ' written';
const writtenElsewhere = `case when exists (select from pg_lock_status() l, pg_class c, pg_dist_schema s where l.locktype = 'relation' and l.relation = m.objid
      and l.pid = pg_backend_pid() and l.mode not in ('AccessShareLock', 'RowShareLock') and c.oid = l.relation and s.schemaid = c.relnamespace) then '${written}' else '' end`;

/** Reads the JSON of `structureAsJson`. */
export function parseStructure(json: string): Structure {
  const list = JSON.parse(json) as [string, string, string, string, string[], string, number, number][];
  return new Map(
    list.map(([id, schema, name, definitionDigest, granted, file, updated, deleted]) => [
      id,
      { schema, name, digest: definitionDigest, grants: granted, file, updated, deleted },
    ]),
  );
}

/** Reads the structure of schemas, skipping those that do not exist. */
export async function readStructure(session: Session, schemas: readonly string[]): Promise<Structure> {
  if (schemas.length === 0) return new Map();
  const [row] = await session.read(
    `select ${structureAsJson(isOneOf(schemas), session.server)} as structure`,
  );
  return parseStructure(String(row?.structure));
}

/** SQL condition on `pg_namespace n`: it has one of these names. */
export function isOneOf(schemas: readonly string[]): string {
  return `n.nspname = any (${nameArray(schemas)})`;
}

/** Which differences count besides those of definitions. */
interface Tolerance {
  /** New privileges do not count; revoked ones always do. */
  readonly grants: boolean;
  /** Rows that were updated, deleted or truncated count. */
  readonly rows: boolean;
}

/** The differences between two readings, in words. */
export function differences(before: Structure, after: Structure, tolerance: Tolerance): string[] {
  const gone = [...before].filter(([id]) => !after.has(id)).map(([, { name }]) => `drops ${name}`);
  const other = [...after].flatMap(([id, now]) => {
    const was = before.get(id);
    return was === undefined ? [`creates ${now.name}`] : changesOf(was, now, tolerance);
  });
  return [...gone, ...other];
}

function changesOf(was: SchemaObject, now: SchemaObject, { grants: mayGrant, rows }: Tolerance): string[] {
  if (was.digest !== now.digest) return [`changes ${was.name}`];
  const [had, has] = [new Set(was.grants), new Set(now.grants)];
  if (was.grants.some((grant) => !has.has(grant))) return [`revokes privileges on ${was.name}`];
  if (!mayGrant && now.grants.some((grant) => !had.has(grant))) return [`grants privileges on ${was.name}`];
  if (!rows) return [];
  const [updated, deleted] = [now.updated - was.updated, now.deleted - was.deleted];
  return [
    ...(deleted > 0 ? [`deletes ${inWords(deleted)} of ${was.name}`] : []),
    ...(updated > 0 ? [`updates ${inWords(updated)} of ${was.name}`] : []),
    ...(was.file !== now.file
      ? [`${now.file.endsWith(written) ? 'writes to' : 'empties or rewrites'} ${was.name}`]
      : []),
  ];
}

function inWords(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`;
}
