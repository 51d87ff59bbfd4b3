import { historyTable } from '../history/history.ts';
import type { Script } from '../sql/migration.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { guardedSchemas } from './guard.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';

// What a transaction leaves in locks, counters and catalogs (docs/lock-protocol.md, Guarding other schemas).

// The OIDs of pg_catalog and pg_toast are fixed (src/include/catalog/pg_namespace.dat).
const fixedNamespaces = '11, 99';

// Subtransactions have numbers a little above the transaction's own. The bound is for rows frozen long ago, whose xmin
// may be any number.
const mostSubtransactions = 1_000_000;

/**
 * SQL condition: this transaction or one of its subtransactions wrote the row with this xmin, or another transaction did
 * that began later.
 */
function mayBeWrittenHere(xmin: string): string {
  return `age(${xmin}) between -${mostSubtransactions} and 0`;
}

/** SQL condition: this transaction or one of its subtransactions wrote the row with this xmin. */
export function isWrittenHere(xmin: string): string {
  const status = `pg_xact_status((pg_current_xact_id()::text::int8 - age(${xmin}))::text::xid8)`;
  return `case when age(${xmin}) between -${mostSubtransactions} and -1 then ${status} = 'in progress' else age(${xmin}) = 0 end`;
}

/**
 * SQL condition: rows of public were updated or deleted. A false alarm is possible, since the counters may include
 * earlier transactions of the session.
 */
export function changesPublicRows({ guarded }: UnitSchema, { publicSchema }: UnitContext): string {
  return `exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = ${guarded?.schemas.get(publicSchema) ?? 0}
    and d.classid = 'pg_class'::regclass and ${rowsChanged('d.objid')})`;
}

const rowsChanged = (oid: string) =>
  `pg_stat_get_xact_tuples_updated(${oid}) + pg_stat_get_xact_tuples_deleted(${oid}) > 0`;

/** SQL expression: the OID of a schema, which this transaction may have created; 0 if it does not exist. */
function oidOf({ schema, oid }: UnitSchema): string {
  return oid ?? `coalesce(to_regnamespace(${quoteLiteral(quoteIdentifier(schema))})::oid, 0)`;
}

// A replaced default no longer exists, but its table is locked as well and shows the schema.
const defaults = "'pg_attrdef'::regclass";

/** The values of `lockEvidence`, the worst first; 0 means nothing was found. */
export const evidence = { transactionEnded: 3, historyAltered: 2, suspicious: 1 } as const;

/**
 * SQL expression of type int: the worst of `evidence` that the locks of this transaction prove. They cover relations in
 * any schema, and whatever was dropped. `everywhere`: in all schemas, and not just the schema's own history.
 * `createdTable`: the transaction has created the history, and holds every lock on it. The histories of other scopes in
 * the schema must not be changed at all, apart from those in `createdOthers`, which the transaction has created too.
 */
export function lockEvidence(
  schema: UnitSchema,
  { publicSchema, table, historyTables, isCitus }: UnitContext,
  {
    everywhere,
    createdTable,
    createdOthers = [],
  }: {
    readonly everywhere: boolean;
    readonly createdTable: boolean;
    readonly createdOthers?: readonly string[] | undefined;
  },
): string {
  const { suspicious, historyAltered, transactionEnded } = evidence;
  // Held to its end by the transaction that wrote the history row.
  const history = `l.relation = ${quoteLiteral(historyTable(schema.schema, table))}::regclass`;
  // The trigger that stores the digest runs COMMENT, which takes ShareUpdateExclusiveLock.
  const own = createdTable
    ? `when ${history} then 0`
    : `when ${history} then case when l.mode in ('RowExclusiveLock', 'ShareUpdateExclusiveLock') then 0 else ${historyAltered} end`;
  const [first = table, ...kinds] = historyTables.map(quoteLiteral);
  const isHistory =
    kinds.length === 0 ? `h.relname = ${first}` : `h.relname in (${[first, ...kinds].join(', ')})`;
  const others = historyTables
    .filter((name) => name !== table && !createdOthers.includes(name))
    .map(quoteLiteral);
  const ofOtherScope =
    others.length === 0
      ? ''
      : `when c.relnamespace = ${oidOf(schema)} and c.relname in (${others.join(', ')}) then ${historyAltered}\n    `;
  const rows = `(c.relnamespace = ${schema.guarded?.schemas.get(publicSchema) ?? 0}
      or exists (select from pg_class h where h.relnamespace = c.relnamespace and ${isHistory}))`;
  // On Citus the counters of another tenant's table are where its rows are.
  const elsewhere = isCitus
    ? 'or exists (select from pg_dist_schema s where s.schemaid = c.relnamespace)'
    : '';
  const changesRows = [`${rowsChanged('c.oid')} and ${rows}`, elsewhere].join(' ').trim();
  const changed = [
    // ALTER SEQUENCE, CREATE TRIGGER and a foreign key from another table take the same lock; the last is no change.
    `c.relkind = 'S' or ${mayBeWrittenHere('c.xmin')}`,
    `exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and ${mayBeWrittenHere('t.xmin')})`,
    `exists (select from pg_constraint k where k.conrelid = c.oid and ${mayBeWrittenHere('k.xmin')})`,
  ];
  const other = `when c.oid is null then case when l.mode = 'RowExclusiveLock' then 0 else ${suspicious} end
    when c.relnamespace in (${oidOf(schema)}, ${fixedNamespaces}, pg_my_temp_schema()) then 0
    when l.mode = 'RowExclusiveLock' then case when ${changesRows} then ${suspicious} else 0 end
    when l.mode = 'ShareRowExclusiveLock' then case when ${changed.join(' or ')} then ${suspicious} else 0 end
    else ${suspicious}`;
  return `(select case when count(*) filter (where ${history}) = 0 then ${transactionEnded}
    else max(case ${own} ${ofOtherScope}${everywhere ? other : 'else 0'} end) end
  from pg_lock_status() l left join pg_class c on l.locktype = 'relation' and c.oid = l.relation
  where l.pid = pg_backend_pid() and l.granted and l.locktype in ('relation', 'object') and l.mode not in ('AccessShareLock', 'RowShareLock')
    and l.classid is distinct from ${defaults})`;
}

/**
 * SQL condition: guarded schemas may have been changed in a way that locks no relation, as ALTER, COMMENT and GRANT do.
 * Types and functions, which tenant files often create, are judged by the rows written for them; objects of all other
 * catalogs by the counters of the catalog. `null` if nothing is guarded.
 */
export function catalogEvidence(scripts: readonly Script[], schema: UnitSchema): string | null {
  const oids = [...guardedSchemas(schema).values()].join(', ');
  // An object moved into the tenant's schema leaves nothing behind in its old one.
  const statements = scripts.flatMap((script) => script.statements);
  if (statements.some(({ reach }) => reach.moves)) return 'true';
  if (oids === '') return null;
  const privileges = statements.some(({ reach }) => reach.privileges);
  const row = (catalog: string, condition: string) =>
    `exists (select from ${catalog} x where ${condition} and ${mayBeWrittenHere('x.xmin')})`;
  const whens = [
    `when 'pg_type'::regclass then ${row('pg_type', 'x.oid = d.objid')} or ${row('pg_constraint', 'x.contypid = d.objid')}`,
    `when 'pg_proc'::regclass then ${row('pg_proc', 'x.oid = d.objid')}`,
    ...(privileges
      ? [
          `when 'pg_class'::regclass then ${row('pg_class', 'x.oid = d.objid')} or ${row('pg_attribute', 'x.attrelid = d.objid')}`,
        ]
      : []),
  ];
  const written = rareCatalogs.map(
    (catalog) =>
      `pg_stat_get_xact_tuples_inserted('${catalog}'::regclass) + pg_stat_get_xact_tuples_updated('${catalog}'::regclass)`,
  );
  return `${written.join(' + ')} > 0
    or exists (select from pg_namespace x where x.oid in (${oids}) and ${mayBeWrittenHere('x.xmin')})
    or exists (select from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid in (${oids})
      and (${mayBeWrittenHere('d.xmin')} or case d.classid ${whens.join('\n      ')} else false end))`;
}

const rareCatalogs: readonly string[] = [
  ...['pg_collation', 'pg_conversion', 'pg_operator', 'pg_opclass', 'pg_opfamily', 'pg_amop'],
  ...['pg_amproc', 'pg_ts_config', 'pg_ts_config_map', 'pg_ts_dict', 'pg_ts_parser', 'pg_ts_template'],
  ...['pg_statistic_ext', 'pg_extension', 'pg_default_acl'],
];

/**
 * SQL query: what this transaction has locked outside of the tenant's schema, guarded or not. One row per schema with a
 * relation that may have been changed (`schema`), and one per dropped relation (`gone`, its OID).
 */
export function lockedElsewhere(schema: UnitSchema): string {
  return `select distinct n.nspname as schema, case when c.oid is null then l.relation::text end as gone
from pg_lock_status() l left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.granted and l.locktype = 'relation' and l.mode not in ('AccessShareLock', 'RowShareLock')
  and (c.oid is null or c.relnamespace not in (${oidOf(schema)}, ${fixedNamespaces}, pg_my_temp_schema()))`;
}
