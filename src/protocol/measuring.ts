import { nameArray } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { isOneOf, structureAsJson } from '../structure/structure.ts';
import { isWrittenHere } from './evidence.ts';
import { schemasToCompare } from './guard.ts';
import type { Unit, UnitContext } from './unit-context.ts';

// What a rehearsal measures of a file (docs/rehearse.md, What is measured). Everything is read in the transaction
// itself, from catalogs and its own locks and counters, so it waits for no other session. Sizes are read only of
// relations whose catalog row this transaction has written, which no other session can have locked.

/** The SQL that measures one file. */
export interface Measuring {
  /** To run before the file, with the search_path of sqlmig. */
  readonly before: string;
  /** To run right before the file, with its search_path. */
  readonly start: string;
  /** To run behind a statement of the file, from 0; empty where nothing is read. */
  readonly after: (statement: number) => string;
  /** To run after everything that checks the file. */
  readonly end: string;
}

/** The lock modes that block DDL, reads or writes of other sessions, the weakest first. */
export const blockingModes: readonly string[] = [
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

/** SQL: `blockingModes` as a list of constants. */
export const blockingModeList = blockingModes.map(quoteLiteral).join(', ');

/** The columns of the rows in which figures arrive. */
export const figureColumns = {
  counted: 'sqlmig_counted',
  mark: 'sqlmig_mark',
  figures: 'sqlmig_figures',
  outside: 'sqlmig_outside',
} as const;

/** The mark before the first statement. */
export const startMark = -1;

// Each mark lists the locks of the transaction, so that marks of very long files would take longer than the files.
const mostMarks = 200;

/** The SQL that measures a unit; `schemas` are the names that it may mean and that are schemas. */
export function measuringOf(unit: Unit, schemas: ReadonlySet<string>): Measuring {
  const { script, schema } = unit;
  const outside = structureOf(measuredOutside(unit, schemas), unit.context);
  // While a schema is being built, none of its relations is in use.
  const isInUse = schema.history.length > 0;
  if (!isInUse && outside === '' && !reachesExisting(unit))
    return { before: '', start: mark(startMark, noLocks), after: () => '', end: timeOnly };
  return {
    before: countedBefore(unit) + outside,
    start: mark(startMark),
    after: (n) => (isInUse && n < mostMarks && n < script.statements.length - 1 ? mark(n) : ''),
    end: `${figures(unit)}${outside}`,
  };
}

/** Whether a file of a schema that is being built can change rows, or lock a relation of another schema. */
function reachesExisting({ script, schema }: Unit): boolean {
  return script.statements.some(
    ({ reach }) => reach.opaque || (schema.scope === 'tenant' && reach.references.size > 0),
  );
}

const micros = '(extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8';

// The rows of system columns are written when a relation is created, and never again. Views have none.
const existedBefore = (oid: string) => `not exists (select from pg_catalog.pg_attribute a
  where a.attrelid = ${oid} and a.attnum = -1 and ${isWrittenHere('a.xmin')})`;

const ownLocks = `pg_catalog.pg_lock_status() l
where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted`;

const asPairs =
  "coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::text, l.mode)), '[]')::text";
const heldLocks = `(select ${asPairs}
from ${ownLocks} and l.mode in (${blockingModeList}) and ${existedBefore('l.relation')})`;
const noLocks = "'[]'";

/** SQL query: the locks that are held behind a statement. `at` and `until` are when it began and ended, in microseconds. */
function mark(statement: number, locks = heldLocks): string {
  return `select ${statement} as ${figureColumns.mark}, ${micros} as at, ${locks} as locks, ${micros} as until;\n`;
}

const counters = (oid: string) =>
  ['inserted', 'updated', 'deleted'].map((what) => `pg_stat_get_xact_tuples_${what}(${oid})`).join(', ');
const isCounted = (oid: string) => `greatest(${counters(oid)}) > 0`;

/**
 * SQL query: the counters of a schema and of public before a file. They may include earlier transactions of the session,
 * which the server has not collected yet, and what an earlier file has rolled back to a savepoint.
 */
function countedBefore({ schema: { schema }, context: { publicSchema } }: Unit): string {
  return `select (select coalesce(json_agg(json_build_array(d.objid::text, ${counters('d.objid')})), '[]')
from pg_depend d join pg_namespace n on n.oid = d.refobjid
where d.refclassid = 'pg_namespace'::regclass and d.classid = 'pg_class'::regclass
  and n.nspname = any (${nameArray([...new Set([schema, publicSchema])])}) and ${isCounted('d.objid')})::text as ${figureColumns.counted};\n`;
}

/** SQL query: what the transaction has done to relations so far, as JSON for `parseFigures`, and the time. */
function figures({ schema: { schema } }: Unit): string {
  const written = isWrittenHere('c.xmin');
  const isStored = `c.relkind in ('r', 'm') and ${written}`;
  return `with started as materialized (select ${micros} as at),
locks as materialized (select l.relation, l.mode from ${ownLocks} and l.mode not in ('AccessShareLock', 'RowShareLock')),
touched as materialized (select relation, ${existedBefore('relation')} as existed from (select distinct relation from locks) d)
select (select at from started) as at,
(select ${asPairs} from locks l join touched t using (relation) where t.existed and l.mode in (${blockingModeList})) as locks,
json_build_object(
  'relations', (select coalesce(json_agg(json_build_array(c.oid::text, n.nspname, c.relname, c.relkind,
      case when ${isStored} then c.relfilenode::text end, c.reltablespace::text,
      case when ${isStored} then pg_relation_size(c.oid) end, case when ${isStored} then pg_table_size(c.oid) end,
      ${counters('c.oid')}) order by c.oid), '[]')
    from touched t join pg_class c on c.oid = t.relation join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and c.relkind in ('r', 'p', 'm', 'v', 'f', 'S')
      and (t.existed or n.nspname <> ${quoteLiteral(schema)} or ${isCounted('c.oid')})),
  'indexes', (select coalesce(json_agg(json_build_array(c.oid::text, c.relname, i.indrelid::text, c.relfilenode::text,
      pg_relation_size(c.oid)) order by c.oid), '[]')
    from touched t join pg_index i on i.indrelid = t.relation join pg_class c on c.oid = i.indexrelid
    where t.existed and c.relkind = 'i' and ${written}),
  'counts', current_setting('track_counts'))::text as ${figureColumns.figures};\n`;
}

const timeOnly = `select ${micros} as at, ${noLocks} as locks, '{"relations":[],"indexes":[],"counts":"on"}' as ${figureColumns.figures};\n`;

/** The names of other schemas that a file may change; none if it must not change any. */
export function namedOutside(unit: Unit): string[] {
  const { script, schema } = unit;
  return schema.scope === 'tenant' && !script.allowsPublic ? [] : schemasToCompare([script], unit);
}

function measuredOutside(unit: Unit, schemas: ReadonlySet<string>): string[] {
  const makesSchemas = unit.script.statements.some(({ kind }) => kind === 'CreateSchemaStmt');
  return namedOutside(unit).filter((name) => makesSchemas || schemas.has(name));
}

/** SQL query: the structure of schemas; empty if there are none. */
function structureOf(names: readonly string[], context: UnitContext): string {
  return names.length === 0
    ? ''
    : `select ${structureAsJson(isOneOf(names), context)} as ${figureColumns.outside};\n`;
}
