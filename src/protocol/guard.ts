import { historyTable } from '../history/history.ts';
import type { Session } from '../server/session.ts';
import type { Script, Statement } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mayChange, mentions } from '../sql/reach.ts';
import type { Guard, UnitContext, UnitSchema } from './unit-context.ts';

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

/** How closely a script is looked at before it is committed. */
export type Scrutiny =
  /** It can neither run code nor name what is outside of its schema. */
  | 'none'
  /** It writes rows, and so fires triggers. */
  | 'rows'
  /** It may do anything. */
  | 'all';

/** How closely a script is to be looked at for what it may change outside of its tenant. */
export function scrutinyOf(script: Script, schema: UnitSchema): Scrutiny {
  if (schema.guarded === null || script.allowsPublic) return 'none';
  const { names } = schema.guarded;
  const schemas = new Set(guardedSchemas(schema).keys());
  if (script.statements.some(({ reach }) => reach.code || mentions(reach, names, schemas))) return 'all';
  return script.statements.some(({ reach }) => reach.opaque) ? 'rows' : 'none';
}

/**
 * SQL condition: rows of public were updated or deleted. The counters may hold what earlier transactions of the session
 * did, which is then a false alarm.
 */
export function rowsTell({ guarded }: UnitSchema, { publicSchema }: UnitContext): string {
  return `exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = ${guarded?.schemas.get(publicSchema) ?? 0}
    and d.classid = 'pg_class'::regclass and ${rowsChanged('d.objid')})`;
}

const rowsChanged = (oid: string) =>
  `pg_stat_get_xact_tuples_updated(${oid}) + pg_stat_get_xact_tuples_deleted(${oid}) > 0`;

/** What `locksTell` gives, from the worst down. */
export const lockEvidence = { transactionEnded: 3, historyAltered: 2, suspicious: 1 } as const;

/**
 * SQL expression of type int, one of `lockEvidence` or 0: what the locks that this transaction holds tell of it. They
 * tell of relations in any schema, and of all that is dropped. `guards`: not only of its own history.
 */
export function locksTell(schema: UnitSchema, { publicSchema, table }: UnitContext, guards: boolean): string {
  const { suspicious, historyAltered, transactionEnded } = lockEvidence;
  // The transaction that wrote the history row has this lock to its end.
  const history = `l.relation = ${quoteLiteral(historyTable(schema.schema, table))}::regclass`;
  // A lock for COMMENT is what the trigger of a kept digest takes.
  const own = `when ${history} then case when l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock') then 0 else ${historyAltered} end`;
  const rows = `(c.relnamespace = ${schema.guarded?.schemas.get(publicSchema) ?? 0}
      or exists (select from pg_class h where h.relnamespace = c.relnamespace and h.relname = ${quoteLiteral(table)}))`;
  const changed = [
    // ALTER SEQUENCE, CREATE TRIGGER and a foreign key from elsewhere take the same lock; the last is no change.
    `c.relkind = 'S' or ${mayBeWrittenHere('c.xmin')}`,
    `exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and ${mayBeWrittenHere('t.xmin')})`,
    `exists (select from pg_constraint k where k.conrelid = c.oid and ${mayBeWrittenHere('k.xmin')})`,
  ];
  const other = `when c.oid is null then case when l.mode = 'RowExclusiveLock' then 0 else ${suspicious} end
    when c.relnamespace in (${schema.oid ?? 0}, ${fixedNamespaces}, pg_my_temp_schema()) then 0
    when l.mode = 'RowExclusiveLock' then case when ${rowsChanged('c.oid')} and ${rows} then ${suspicious} else 0 end
    when l.mode = 'ShareRowExclusiveLock' then case when ${changed.join(' or ')} then ${suspicious} else 0 end
    else ${suspicious}`;
  return `(select case when count(*) filter (where ${history}) = 0 then ${transactionEnded}
    else max(case ${own} ${guards ? other : 'else 0'} end) end
  from pg_lock_status() l left join pg_class c on l.locktype = 'relation' and c.oid = l.relation
  where l.pid = pg_backend_pid() and l.granted and l.locktype in ('relation', 'object') and l.mode not in ('AccessShareLock', 'RowShareLock'))`;
}

/**
 * SQL condition: what ALTER, COMMENT, GRANT and their like do without a lock on a relation may have been done to guarded
 * schemas. Rows that were written tell it of types and functions, which tenant files often have; the counters of their
 * catalogues of all others. `null` where nothing is guarded.
 */
export function cataloguesTell(script: Script, schema: UnitSchema): string | null {
  const oids = [...guardedSchemas(schema).values()].join(', ');
  // What has moved into the tenant's schema is nowhere to be seen any more.
  if (script.statements.some(({ reach }) => reach.moves)) return 'true';
  if (oids === '') return null;
  const privileges = script.statements.some(({ reach }) => reach.privileges);
  const row = (catalogue: string, condition: string) =>
    `exists (select from ${catalogue} x where ${condition} and ${mayBeWrittenHere('x.xmin')})`;
  const whens = [
    `when 'pg_type'::regclass then ${row('pg_type', 'x.oid = d.objid')} or ${row('pg_constraint', 'x.contypid = d.objid')}`,
    `when 'pg_proc'::regclass then ${row('pg_proc', 'x.oid = d.objid')}`,
    ...(privileges
      ? [
          `when 'pg_class'::regclass then ${row('pg_class', 'x.oid = d.objid')} or ${row('pg_attribute', 'x.attrelid = d.objid')}`,
        ]
      : []),
  ];
  const written = rareCatalogues.map(
    (catalogue) =>
      `pg_stat_get_xact_tuples_inserted('${catalogue}'::regclass) + pg_stat_get_xact_tuples_updated('${catalogue}'::regclass)`,
  );
  return `${written.join(' + ')} > 0
    or exists (select from pg_namespace x where x.oid in (${oids}) and ${mayBeWrittenHere('x.xmin')})
    or exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid in (${oids})
      and (${mayBeWrittenHere('d.xmin')} or case d.classid ${whens.join('\n      ')} else false end))`;
}

const rareCatalogues: readonly string[] = [
  ...['pg_collation', 'pg_conversion', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_amop'],
  ...['pg_amproc', 'pg_ts_config', 'pg_ts_config_map', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template'],
  ...['pg_statistic_ext', 'pg_extension', 'pg_default_acl'],
];

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
