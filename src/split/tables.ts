import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** A column of a table. */
export interface SplitColumn {
  readonly name: string;
  /** As `format_type` writes it, with its schema unless that is pg_catalog. */
  readonly type: string;
  /** The type without its limit, in which no value of a query is shortened. */
  readonly unlimitedType: string;
  /** The type is one of PostgreSQL's own. */
  readonly isBuiltIn: boolean;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly isIdentity: boolean;
  readonly isGenerated: boolean;
}

/** A foreign key of a table. */
export interface SplitForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly to: { readonly schema: string; readonly table: string; readonly columns: readonly string[] };
  readonly deferrable: boolean;
}

/** A trigger of a table or of one of its partitions. */
export interface TableTrigger {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly always: boolean;
}

/** A table with what a split needs to know of it. */
export interface TableShape {
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
  readonly columns: readonly SplitColumn[];
  readonly foreignKeys: readonly SplitForeignKey[];
  /** The columns of each unique index without a condition. */
  readonly uniques: readonly (readonly string[])[];
  /** The first column of each index. */
  readonly indexed: readonly string[];
  /** The enabled triggers that are not PostgreSQL's own. */
  readonly triggers: readonly TableTrigger[];
  readonly insertRules: readonly string[];
  /** It takes part in inheritance other than partitions. */
  readonly inherits: boolean;
  readonly isForeign: boolean;
  /** It is new, and its files hold something: rows, or the space of deleted ones. */
  readonly holdsData: boolean;
  readonly isOwner: boolean;
  readonly mayRead: boolean;
  /** Row security hides rows from the role. */
  readonly hidesRows: boolean;
  /** Row security also applies to the owner. */
  readonly forcesRowSecurity: boolean;
}

/** A table has a column of this name. */
export function hasColumn({ columns }: TableShape, column: string): boolean {
  return columns.some(({ name }) => name === column);
}

/** A sequence, and the integer columns of its schema that draw from it. */
export interface SchemaSequence {
  readonly name: string;
  readonly ascending: boolean;
  readonly columns: readonly { readonly table: string; readonly column: string }[];
  /** Columns of other types draw from it too, such as a text with a number in it. */
  readonly feedsOthers: boolean;
}

/** The tables and sequences of a schema. */
export interface SchemaShape {
  readonly tables: readonly TableShape[];
  readonly sequences: readonly SchemaSequence[];
}

const namesOf = (table: string, numbers: string) =>
  `(select json_agg(a.attname order by x.n) from unnest(${numbers}) with ordinality x (attnum, n) join pg_attribute a on a.attrelid = ${table} and a.attnum = x.attnum)`;

const columns = `(select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
    'unlimitedType', format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), -1),
    'isBuiltIn', t.typnamespace = 'pg_catalog'::regnamespace, 'notNull', a.attnotnull, 'hasDefault', a.atthasdef and a.attgenerated = '',
    'isIdentity', a.attidentity <> '', 'isGenerated', a.attgenerated <> '') order by a.attnum), '[]')
  from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`;

const foreignKeys = `(select coalesce(json_agg(json_build_object('name', k.conname, 'columns', ${namesOf('k.conrelid', 'k.conkey')},
    'to', json_build_object('schema', fn.nspname, 'table', f.relname, 'columns', ${namesOf('k.confrelid', 'k.confkey')}),
    'deferrable', k.condeferrable) order by k.conname), '[]')
  from pg_constraint k join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
  where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0)`;

const uniques = `(select coalesce(json_agg(u.columns), '[]') from (select ${namesOf('i.indrelid', '(i.indkey::int2[])[0:i.indnkeyatts - 1]')} as columns
  from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null) u)`;

const indexed = `(select coalesce(json_agg(distinct a.attname), '[]') from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
  where i.indrelid = c.oid and i.indpred is null)`;

// The table and its partitions.
const parts =
  'with recursive parts (oid) as (select c.oid union all select h.inhrelid from parts p join pg_inherits h on h.inhparent = p.oid)';

// Disabling a trigger of a partitioned table reaches its partitions from PostgreSQL 15 on only, so each is named. Before,
// the copies of its triggers are internal.
const triggers = `(${parts}
  select coalesce(json_agg(json_build_object('schema', n.nspname, 'table', r.relname, 'name', g.tgname, 'always', g.tgenabled = 'A') order by n.nspname, r.relname, g.tgname), '[]')
  from pg_trigger g join parts p on p.oid = g.tgrelid join pg_class r on r.oid = g.tgrelid join pg_namespace n on n.oid = r.relnamespace
  where (not g.tgisinternal or (g.tgparentid <> 0 and g.tgconstraint = 0)) and g.tgenabled in ('O', 'A'))`;

const holdsData = `(${parts}
  select coalesce(sum(pg_relation_size(oid)), 0) > 0 from parts)`;

const insertRules = `(select coalesce(json_agg(w.rulename order by w.rulename), '[]') from pg_rewrite w where w.ev_class = c.oid and w.ev_type = '3')`;

// The sequences that a column owns, and those that its default draws from.
const drawn = `select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number from pg_depend d
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
  union select d.refobjid, f.adrelid, f.adnum from pg_depend d join pg_attrdef f on f.oid = d.objid
    where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass`;

/**
 * SQL of two queries: a schema's tables, each as a row's `sqlmig_shape`, and its sequences as `sqlmig_sequence`. Only for
 * `newTables` it looks at their files, since that would wait for the locks of other sessions.
 */
export function selectShape(schema: string, { newTables = false } = {}): string {
  const isHere = `c.relnamespace = (select oid from pg_namespace where nspname = ${quoteLiteral(schema)})`;
  return `select json_build_object('schema', ${quoteLiteral(schema)}, 'name', c.relname, 'oid', c.oid::text, 'columns', ${columns},
  'foreignKeys', ${foreignKeys}, 'uniques', ${uniques}, 'indexed', ${indexed}, 'triggers', ${triggers}, 'insertRules', ${insertRules},
  'inherits', c.relkind = 'r' and exists (select from pg_inherits h where c.oid in (h.inhparent, h.inhrelid)), 'isForeign', c.relkind = 'f',
  'holdsData', ${newTables ? holdsData : 'false'},
  'isOwner', pg_has_role(c.relowner, 'USAGE'), 'mayRead', has_table_privilege(c.oid, 'SELECT'),
  'hidesRows', c.relrowsecurity and not o.bypasses and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'USAGE')),
  'forcesRowSecurity', c.relrowsecurity and c.relforcerowsecurity) as sqlmig_shape
from pg_class c, (select rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user) o
where ${isHere} and c.relkind in ('r', 'p', 'f') and not c.relispartition order by c.relname collate "C";
select json_build_object('name', c.relname, 'ascending', s.seqincrement > 0, 'columns', u.columns, 'feedsOthers', u.others) as sqlmig_sequence
from pg_class c join pg_sequence s on s.seqrelid = c.oid, lateral (select
    coalesce(json_agg(json_build_object('table', r.relname, 'column', a.attname) order by r.relname, a.attname) filter (where a.atttypid in (20, 21, 23)), '[]') as columns,
    coalesce(bool_or(a.atttypid not in (20, 21, 23)), false) as others
  from (${drawn}) d join pg_class r on r.oid = d.relation join pg_attribute a on a.attrelid = r.oid and a.attnum = d.number
  where d.sequence = c.oid and r.relnamespace = c.relnamespace) u
where ${isHere} order by c.relname collate "C";
`;
}

/** Collects the rows of `selectShape`. */
export function createShapeReader(): {
  readonly onRow: (row: Row) => void;
  readonly shape: () => SchemaShape;
} {
  const tables: TableShape[] = [];
  const sequences: SchemaSequence[] = [];
  return {
    onRow(row) {
      if ('sqlmig_shape' in row) tables.push(row.sqlmig_shape as TableShape);
      if ('sqlmig_sequence' in row) sequences.push(row.sqlmig_sequence as SchemaSequence);
    },
    shape: () => ({ tables, sequences }),
  };
}

/** Reads the tables and sequences of a schema; none if it does not exist. */
export async function readShape(session: Session, schema: string): Promise<SchemaShape> {
  const reader = createShapeReader();
  await session.read(selectShape(schema), reader.onRow);
  return reader.shape();
}
