import { quoteLiteral } from '../core/quote.ts';
import type { Session } from './session.ts';

/** An object of the public schema: what it is called, and a digest of its structure. */
export interface PublicObject {
  readonly name: string;
  readonly digest: string;
}

/** The structure of the public schema: what tenant files must leave as it is. Data and privileges are no part of it. */
export interface PublicShape {
  /** OID of the schema; 0 where it does not exist. */
  readonly oid: string;
  /** By catalogue and OID. */
  readonly objects: ReadonlyMap<string, PublicObject>;
  /** A digest of `objects`. */
  readonly digest: string;
  /** A number that tells which objects there are and when each was defined; quick to compute. */
  readonly members: string;
  /** The schema's own name and the names of all that is in it, indexes included. */
  readonly names: ReadonlySet<string>;
}

// pg_depend by its index: the catalogues themselves have none on the namespace, and thousands of tenants are in them.
const namespaceOf = (schema: string) =>
  `(select oid from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)})`;
const dependents = (schema: string) =>
  `from pg_catalog.pg_depend d where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = ${namespaceOf(schema)}`;

// OID of pg_proc, as in the ids of objects.
const functionClass = '1255:';

/**
 * SQL expression: which objects a schema has, by OID, and the transactions that defined them, as one number. Functions
 * are asked themselves, where there are any: ALTER FUNCTION leaves pg_depend alone, and takes no lock.
 */
function membersOf(oid: string, functions: boolean): string {
  const defined = functions
    ? `coalesce((select p.xmin from pg_catalog.pg_proc p where d.classid = 1255 and p.oid = d.objid), d.xmin)`
    : 'd.xmin';
  return `(select coalesce(sum(hashint8((d.objid::int8 << 32) # ${defined}::text::int8)), 0)::text
    from pg_catalog.pg_depend d where d.refclassid = 2615 and d.refobjid = ${oid})`;
}

/**
 * SQL query: `id`, `digest` and `name` of every object in a schema. Only what a definition says: a new foreign key
 * from elsewhere leaves internal triggers and a flag, TRUNCATE a new file, GRANT a list of rights, and none counts.
 */
const objects = (schema: string) => `select d.classid::text || ':' || d.objid as id,
  pg_catalog.pg_describe_object(d.classid, d.objid, 0) as name,
  pg_catalog.md5(pg_catalog.concat_ws(' ',
    (select row(c.relname, c.relkind, c.relpersistence, c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relowner,
        c.relreplident, c.relispartition, c.relpartbound)::text from pg_catalog.pg_class c where d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid),
    (select row(p.proname, p.prosrc, p.probin, p.proargtypes, p.proallargtypes, p.proargmodes, p.proargnames, p.proargdefaults, p.prorettype,
        p.proowner, p.prolang, p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.proleakproof, p.proparallel, p.proconfig, p.procost, p.prorows)::text
      from pg_catalog.pg_proc p where d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid),
    (select row(t.typname, t.typtype, t.typnotnull, t.typdefault, t.typbasetype, t.typtypmod, t.typcollation, t.typowner)::text
      from pg_catalog.pg_type t where d.classid = 'pg_catalog.pg_type'::regclass and t.oid = d.objid),
    (select string_agg(e.enumlabel, ' ' order by e.enumsortorder) from pg_catalog.pg_enum e where d.classid = 'pg_catalog.pg_type'::regclass and e.enumtypid = d.objid),
    (select e.extversion from pg_catalog.pg_extension e where d.classid = 'pg_catalog.pg_extension'::regclass and e.oid = d.objid),
    (select string_agg(row(a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated, a.attcollation,
        a.attstorage, a.attisdropped, (select md5(f.adbin::text) from pg_catalog.pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum))::text, ' ' order by a.attnum)
      from pg_catalog.pg_attribute a where a.attnum > 0 and a.attrelid = case when d.classid = 'pg_catalog.pg_class'::regclass then d.objid
        when d.classid = 'pg_catalog.pg_type'::regclass then (select t.typrelid from pg_catalog.pg_type t where t.oid = d.objid) end),
    (select string_agg(row(k.oid, k.conname, k.contype, k.convalidated, k.condeferrable, k.condeferred, k.conkey, k.confrelid, k.confkey, md5(k.conbin::text))::text, ' ' order by k.oid)
      from pg_catalog.pg_constraint k where d.classid = 'pg_catalog.pg_class'::regclass and k.conrelid = d.objid),
    (select string_agg(row(k.oid, k.conname, k.convalidated, md5(k.conbin::text))::text, ' ' order by k.oid)
      from pg_catalog.pg_constraint k where d.classid = 'pg_catalog.pg_type'::regclass and k.contypid = d.objid),
    (select string_agg(row(i.indexrelid, c.relname, i.indisunique, i.indisprimary, i.indisvalid, c.reloptions)::text, ' ' order by i.indexrelid)
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where d.classid = 'pg_catalog.pg_class'::regclass and i.indrelid = d.objid),
    (select string_agg(row(g.oid, g.tgname, g.tgenabled, g.tgfoid, g.tgtype, g.tgattr, md5(g.tgqual::text))::text, ' ' order by g.oid)
      from pg_catalog.pg_trigger g where d.classid = 'pg_catalog.pg_class'::regclass and g.tgrelid = d.objid and not g.tgisinternal),
    (select string_agg(row(r.oid, r.rulename, r.ev_enabled, md5(r.ev_action::text))::text, ' ' order by r.oid)
      from pg_catalog.pg_rewrite r where d.classid = 'pg_catalog.pg_class'::regclass and r.ev_class = d.objid),
    (select string_agg(row(y.oid, y.polname, y.polcmd, y.polpermissive, y.polroles, md5(y.polqual::text), md5(y.polwithcheck::text))::text, ' ' order by y.oid)
      from pg_catalog.pg_policy y where d.classid = 'pg_catalog.pg_class'::regclass and y.polrelid = d.objid),
    (select string_agg(h.inhparent::text, ' ' order by h.inhseqno) from pg_catalog.pg_inherits h where d.classid = 'pg_catalog.pg_class'::regclass and h.inhrelid = d.objid)
  )) as digest
${dependents(schema)}`;

/** SQL expression: the digest of all objects of a schema. */
const digest = (schema: string) =>
  `(select pg_catalog.md5(coalesce(string_agg(o.id || ' ' || o.digest, ' ' order by o.id collate "C"), '')) from (${objects(schema)}) o)`;

/**
 * SQL condition: this transaction may have changed the structure of a schema that looked like `shape` before. Two quick
 * looks: which objects there are; and whether a lock was taken that a change needs, on one of them or on something that
 * is gone by now. A false alarm only costs a closer look.
 */
export function mayHaveChanged({ oid, members: seen, objects: known }: PublicShape): string {
  const functions = [...known.keys()].some((id) => id.startsWith(functionClass));
  const different = `${membersOf(oid, functions)} <> ${quoteLiteral(seen)}`;
  if (known.size === 0) return different;
  return `${different} or exists (select from pg_catalog.pg_lock_status() l
    where l.pid = pg_backend_pid() and l.granted and l.locktype in ('relation', 'object')
      and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
      and coalesce((select c.relnamespace = ${oid} from pg_catalog.pg_class c where c.oid = l.relation), true))`;
}

/** SQL condition: the structure of a schema is not what `shape` says. */
export function hasChanged(schema: string, shape: PublicShape): string {
  return `${digest(schema)} <> ${quoteLiteral(shape.digest)}`;
}

/** SQL expression: the objects of a schema as JSON, `[id, digest, name]` each; `parseObjects` reads it. */
export function objectsAsJson(schema: string): string {
  return `(select coalesce(json_agg(json_build_array(o.id, o.digest, o.name)), '[]')::text from (${objects(schema)}) o)`;
}

/** What `objectsAsJson` gave. */
export function parseObjects(json: string): Map<string, PublicObject> {
  const list = JSON.parse(json) as [id: string, digest: string, name: string][];
  return new Map(list.map(([id, digest, name]) => [id, { digest, name }]));
}

/** Reads the structure of a schema. */
export async function readPublicShape(session: Session, schema: string): Promise<PublicShape> {
  const [row] = await session.run(
    `select coalesce(${namespaceOf(schema)}, 0)::text as oid, ${digest(schema)} as digest, ${objectsAsJson(schema)} as objects`,
  );
  const oid = String(row?.oid);
  const found = parseObjects(String(row?.objects));
  const functions = [...found.keys()].some((id) => id.startsWith(functionClass));
  const names: string[] = [];
  let members = '';
  await session.run(`select ${membersOf(oid, functions)} as members; ${namesIn(schema)}`, (more) => {
    if ('members' in more) members = String(more.members);
    else names.push(String(more.name));
  });
  return { oid, members, digest: String(row?.digest), objects: found, names: new Set([schema, ...names]) };
}

const namesIn = (schema: string) => `with m as (select d.classid, d.objid ${dependents(schema)})
select c.relname as name from m join pg_catalog.pg_class c on m.classid = 'pg_catalog.pg_class'::regclass and c.oid = m.objid
union select c.relname from m join pg_catalog.pg_index i on m.classid = 'pg_catalog.pg_class'::regclass and i.indrelid = m.objid join pg_catalog.pg_class c on c.oid = i.indexrelid
union select p.proname from m join pg_catalog.pg_proc p on m.classid = 'pg_catalog.pg_proc'::regclass and p.oid = m.objid
union select t.typname from m join pg_catalog.pg_type t on m.classid = 'pg_catalog.pg_type'::regclass and t.oid = m.objid
union select e.extname from m join pg_catalog.pg_extension e on m.classid = 'pg_catalog.pg_extension'::regclass and e.oid = m.objid
union select (pg_catalog.pg_identify_object(m.classid, m.objid, 0)).name from m
where m.classid <> all (array['pg_class', 'pg_proc', 'pg_type', 'pg_extension']::regclass[])`;

/** What differs between two looks at a schema, in words; empty where nothing does. */
export function differences(
  before: ReadonlyMap<string, PublicObject>,
  after: ReadonlyMap<string, PublicObject>,
): string[] {
  const gone = [...before].filter(([id]) => !after.has(id)).map(([, { name }]) => `drops ${name}`);
  const other = [...after].flatMap(([id, { name, digest }]) => {
    const was = before.get(id);
    if (was === undefined) return [`creates ${name}`];
    return was.digest === digest ? [] : [`changes ${was.name}`];
  });
  return [...gone, ...other];
}
