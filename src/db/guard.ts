import { quoteLiteral } from '../core/quote.ts';
import { mayChange } from '../core/reach.ts';
import type { Script, Statement } from '../model.ts';
import type { Session } from './session.ts';
import type { Guard, UnitFrame, UnitSchema } from './unit-frame.ts';

/**
 * Reads which schemas there are to guard: those that tenant files have on their path beside their own, public first, those
 * among `words`, and those of extensions among `words`.
 */
export async function readGuard(
  session: Session,
  path: readonly string[],
  words: ReadonlySet<string>,
): Promise<Guard> {
  const wanted = [...new Set([...path, ...words])].map(quoteLiteral).join(', ');
  const schemas = new Map<string, string>();
  const names = new Set(path);
  const query = `select n.nspname as schema, n.oid::text as oid from pg_namespace n
where n.nspname = any (array[${wanted}]::text[]) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema';
select n.nspname as schema, n.oid::text as oid, e.extname as name from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = any (array[${wanted}]::text[]) and n.nspname !~ '^pg_';
${namesIn(path)}`;
  await session.read(query, (row) => {
    if (typeof row.schema === 'string') schemas.set(row.schema, String(row.oid));
    if (typeof row.name === 'string') names.add(row.name);
  });
  return { schemas, names };
}

// pg_depend by its index: the catalogues themselves have none on the namespace, and thousands of tenants are in them.
const namesIn = (
  schemas: readonly string[],
) => `with m as (select d.classid, d.objid from pg_depend d where d.refclassid = 'pg_namespace'::regclass
  and d.refobjid in (select oid from pg_namespace where nspname = any (array[${schemas.map(quoteLiteral).join(', ')}]::text[])))
select c.relname as name from m join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
union select c.relname from m join pg_index i on m.classid = 'pg_class'::regclass and i.indrelid = m.objid join pg_class c on c.oid = i.indexrelid
union select p.proname from m join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
union select t.typname from m join pg_type t on m.classid = 'pg_type'::regclass and t.oid = m.objid
union select e.extname from m join pg_extension e on m.classid = 'pg_extension'::regclass and e.oid = m.objid
union select (pg_identify_object(m.classid, m.objid, 0)).name from m
where m.classid <> all (array['pg_class', 'pg_proc', 'pg_type', 'pg_extension']::regclass[])`;

/** The guarded schemas that are not the tenant's own, by name. */
export function guardedSchemas({ guarded, schema }: UnitSchema): ReadonlyMap<string, string> {
  return new Map([...(guarded?.schemas ?? [])].filter(([name]) => name !== schema));
}

/** True where a statement may change something outside of the tenant, by what its text says. */
export function reachesOut({ reach }: Statement, schema: UnitSchema): boolean {
  const { guarded } = schema;
  return guarded !== null && mayChange(reach, guarded.names, new Set(guardedSchemas(schema).keys()));
}

/** True where a script is to be looked at before it is committed. */
export function isGuarded(script: Script, schema: UnitSchema): boolean {
  if (schema.guarded === null || script.allowsPublic) return false;
  return script.statements.some((statement) => reachesOut(statement, schema));
}

// System catalogues and TOAST tables have fixed namespaces (pg_namespace.dat).
const fixedNamespaces = '11, 99';

// Counted from the transaction's own number, those of its subtransactions are a little higher. Rows that were frozen long
// ago may have any number, so there is a bound.
const mostSubtransactions = 1_000_000;

/**
 * SQL condition: this transaction, or one of its subtransactions, wrote the row that has this xmin; or another one did that
 * began after it.
 */
function mayBeWrittenHere(xmin: string): string {
  return `age(${xmin}) between -${mostSubtransactions} and 0`;
}

/** SQL condition: this transaction, or one of its subtransactions, wrote the row that has this xmin. */
export function isWrittenHere(xmin: string): string {
  const status = `pg_xact_status((pg_current_xact_id()::text::int8 - age(${xmin}))::text::xid8)`;
  return `case when age(${xmin}) between -${mostSubtransactions} and -1 then ${status} = 'in progress' else age(${xmin}) = 0 end`;
}

/**
 * SQL condition: this transaction may have changed something outside of the tenant. Quick, and only about what the
 * transaction itself did: the locks that it holds tell of relations in any schema and of all that is dropped, the rows
 * of the catalogues that it wrote tell of the rest in guarded schemas, and the counters of rows tell of updates and
 * deletions in public and in other tenants. A false alarm only costs a closer look (see `probe`).
 */
export function suspicion(script: Script, schema: UnitSchema, frame: UnitFrame): string {
  const code = script.statements.some(({ reach }) => reach.code || !reach.opaque);
  const oids = [...guardedSchemas(schema).values()].join(', ');
  // What has moved into the tenant's schema is nowhere to be seen any more.
  if (script.statements.some(({ reach }) => reach.moves)) return 'true';
  return [
    locksTell(code, schema, frame),
    ...(code && oids !== '' ? [cataloguesTell(script, oids)] : []),
  ].join('\n    or ');
}

function locksTell(code: boolean, { oid }: UnitSchema, { publicSchema, table }: UnitFrame): string {
  // ALTER SEQUENCE, CREATE TRIGGER and a foreign key from elsewhere take the same lock; the last is no change.
  const changedUnderShareRowExclusive = [
    mayBeWrittenHere('c.xmin'),
    `exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and ${mayBeWrittenHere('t.xmin')})`,
    `exists (select from pg_constraint k where k.conrelid = c.oid and ${mayBeWrittenHere('k.xmin')})`,
    `exists (select from pg_sequence s where s.seqrelid = c.oid and ${mayBeWrittenHere('s.xmin')})`,
  ].join('\n        or ');
  return `exists (select from pg_lock_status() l left join pg_class c on l.locktype = 'relation' and c.oid = l.relation
    where l.pid = pg_backend_pid() and l.granted and l.locktype in ('relation', 'object') and l.mode not in ('AccessShareLock', 'RowShareLock') and case
      when c.oid is null then ${code} and l.mode <> 'RowExclusiveLock'
      when c.relnamespace in (${oid ?? 0}, ${fixedNamespaces}, pg_my_temp_schema()) then false
      when l.mode = 'RowExclusiveLock' then pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) > 0
        and ${holdsGuardedRows('c.relnamespace', publicSchema, table)}
      when l.mode = 'ShareRowExclusiveLock' then ${changedUnderShareRowExclusive}
      else true end)`;
}

/** SQL condition: rows in this namespace are not a tenant file's to change: public's, and other tenants'. */
export function holdsGuardedRows(namespace: string, publicSchema: string, table: string): string {
  return `(${namespace} = (select oid from pg_namespace where nspname = ${quoteLiteral(publicSchema)})
        or exists (select from pg_class h where h.relnamespace = ${namespace} and h.relname = ${quoteLiteral(table)}))`;
}

/** What ALTER, COMMENT and their like change without a lock on a relation. GRANT and REVOKE on one take none at all. */
function cataloguesTell(script: Script, oids: string): string {
  const privileges = script.statements.some(({ reach }) => reach.privileges);
  const row = (catalogue: string, condition: string) =>
    `exists (select from ${catalogue} x where ${condition} and ${mayBeWrittenHere('x.xmin')})`;
  const own = (catalogue: string) => row(catalogue, 'x.oid = d.objid');
  const branches: Readonly<Record<string, readonly string[]>> = {
    ...Object.fromEntries(
      changedWithoutLock.map((catalogue) => [
        catalogue,
        [own(catalogue), ...(parts[catalogue]?.(row) ?? [])],
      ]),
    ),
    ...(privileges && { pg_class: [own('pg_class'), row('pg_attribute', 'x.attrelid = d.objid')] }),
  };
  const whens = Object.entries(branches).map(
    ([catalogue, conditions]) => `when '${catalogue}'::regclass then ${conditions.join(' or ')}`,
  );
  return `exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid in (${oids}) and (${mayBeWrittenHere('d.xmin')} or case d.classid
      ${whens.join('\n      ')}
      else false end))
    or exists (select from pg_namespace x where x.oid in (${oids}) and ${mayBeWrittenHere('x.xmin')})`;
}

const changedWithoutLock = [
  ...['pg_type', 'pg_proc', 'pg_collation', 'pg_conversion', 'pg_operator', 'pg_opclass', 'pg_opfamily'],
  ...['pg_ts_config', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template', 'pg_statistic_ext', 'pg_extension'],
  'pg_default_acl',
] as const;

// Rows of their own that belong to such an object.
const parts: Readonly<Record<string, (row: (catalogue: string, condition: string) => string) => string[]>> = {
  pg_type: (row) => [row('pg_constraint', 'x.contypid = d.objid'), row('pg_enum', 'x.enumtypid = d.objid')],
  pg_opfamily: (row) => [
    row('pg_amop', 'x.amopfamily = d.objid'),
    row('pg_amproc', 'x.amprocfamily = d.objid'),
  ],
  pg_ts_config: (row) => [row('pg_ts_config_map', 'x.mapcfg = d.objid')],
};

/**
 * SQL query: what the locks of this transaction tell about schemas that nobody thought of. A row for each schema, but
 * the tenant's own, with a relation that may have been changed (`schema`), and for each relation that is gone (`gone`, an OID).
 */
export function strangers({ oid }: UnitSchema): string {
  return `select distinct n.nspname as schema, case when c.oid is null then l.relation::text end as gone
from pg_lock_status() l left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.granted and l.locktype = 'relation' and l.mode not in ('AccessShareLock', 'RowShareLock')
  and (c.oid is null or c.relnamespace not in (${oid ?? 0}, ${fixedNamespaces}, pg_my_temp_schema()))`;
}
