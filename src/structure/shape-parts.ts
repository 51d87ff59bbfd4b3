import type { Ignorable } from '../project/structure-settings.ts';
import { columnOrder, ownedBy } from './shape.ts';

/** SQL that reads one kind of object. Its expressions are evaluated with the object's schema as `search_path`. */
export interface ShapePart {
  /** SQL expression: the kind of object, in words. */
  readonly kind: string;
  /** The FROM and WHERE of a query with an alias `r` that has the columns `nsp` and `path` of the schema. */
  readonly from: string;
  /** The columns of that query that the expressions use, as `p`. */
  readonly columns: string;
  /** SQL expression: the table that the object belongs to. */
  readonly of?: string;
  /** SQL expression: its name. */
  readonly name: string;
  /** SQL expressions by attribute; null for what is as usual. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The catalog and OID that comments are stored by, as SQL expressions. */
  readonly comment?: { readonly catalog: string; readonly oid: string; readonly sub?: string };
  /** SQL expressions: the owner's OID, the privileges, and the kind of object for `acldefault`. */
  readonly owner?: string;
  readonly acl?: { readonly list: string; readonly type: string };
  /** The ignorable category that includes such objects. */
  readonly isOf?: Ignorable;
}

/** SQL expression: a name as SQL needs it. */
export const ident = (expression: string) => `quote_ident(${expression})`;

/** SQL expression: a text if a condition holds. */
export const when = (condition: string, text: string) => `case when ${condition} then ${text} end`;

/** SQL condition: not a member of an extension. */
export const isNoMember = (catalog: string, oid: string) =>
  `not exists (select from member m where m.classid = '${catalog}'::regclass and m.objid = ${oid})`;

const list = (array: string) =>
  when(`${array} is not null`, `(select string_agg(o, ', ' order by o collate "C") from unnest(${array}) o)`);

const tableKind = `case p.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table'
  when 'v' then 'view' when 'm' then 'materialized view' else 'composite type' end`;

const parents = `(select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = p.oid)`;

const replicaIdentity = `case p.relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then
  (select 'index ' || quote_ident(c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = p.oid and i.indisreplident) end`;

const relations: ShapePart = {
  kind: tableKind,
  from: `rel r where r.relkind in ('r', 'p', 'f', 'v', 'm', 'c')`,
  columns: 'r.*',
  name: ident('p.relname'),
  attributes: {
    definition: `case when p.relkind in ('v', 'm') then pg_get_viewdef(p.oid, true) end`,
    persistence: when(`p.relpersistence = 'u'`, `'unlogged'`),
    'partition key': when(`p.relkind = 'p'`, 'pg_get_partkeydef(p.oid)'),
    'partition of': when('p.relispartition', parents),
    'partition bound': when('p.relispartition', 'pg_get_expr(p.relpartbound, p.oid, true)'),
    detaching: when(
      'p.relispartition and exists (select from pg_inherits i where i.inhrelid = p.oid and i.inhdetachpending)',
      `'not finished'`,
    ),
    inherits: when("not p.relispartition and p.relkind in ('r', 'f')", parents),
    'of type': when('p.reloftype <> 0', 'format_type(p.reloftype, null)'),
    options: list('p.reloptions'),
    'TOAST options': `(select ${list('t.reloptions')} from pg_class t where t.oid = p.reltoastrelid)`,
    'row level security': `case when p.relrowsecurity then case when p.relforcerowsecurity then 'forced' else 'enabled' end
      when p.relforcerowsecurity then 'forced, not enabled' end`,
    'replica identity': when(`p.relkind in ('r', 'p', 'm')`, replicaIdentity),
    'access method': when(
      'p.relam <> 0',
      `(select nullif(a.amname, current_setting('default_table_access_method'))::text from pg_am a where a.oid = p.relam)`,
    ),
    tablespace: '(select t.spcname::text from pg_tablespace t where t.oid = p.reltablespace)',
    server: when(
      `p.relkind = 'f'`,
      `(select quote_ident(s.srvname) || coalesce(' (' || ${list('f.ftoptions')} || ')', '') from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver where f.ftrelid = p.oid)`,
    ),
    [columnOrder]: when(
      `p.relkind in ('r', 'p', 'f', 'c')`,
      `(select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a where a.attrelid = p.oid and a.attnum > 0 and not a.attisdropped)`,
    ),
  },
  comment: { catalog: 'pg_class', oid: 'p.oid' },
  owner: 'p.relowner',
  acl: { list: 'p.relacl', type: 'r' },
};

const columns: ShapePart = {
  kind: `case when p.relkind = 'c' then 'attribute' when p.relkind in ('v', 'm') then 'view column' else 'column' end`,
  from: `rel r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where r.relkind in ('r', 'p', 'f', 'c', 'v', 'm')`,
  columns: `r.nsp, r.path, r.oid, r.relname, r.relkind, r.relowner, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attcollation, t.typcollation,
    a.attnotnull, a.attidentity, a.attgenerated, d.adbin, a.attstorage, t.typstorage, a.attcompression, a.attstattarget, a.attoptions, a.attfdwoptions, a.attacl`,
  of: ident('p.relname'),
  name: ident('p.attname'),
  attributes: {
    type: when("p.relkind not in ('v', 'm')", 'format_type(p.atttypid, p.atttypmod)'),
    collation: when(
      "p.relkind not in ('v', 'm') and p.attcollation <> 0 and p.attcollation <> p.typcollation",
      'p.attcollation::regcollation::text',
    ),
    'not null': when('p.attnotnull', `'yes'`),
    identity: `case p.attidentity when 'a' then 'always' when 'd' then 'by default' end`,
    generated: `case p.attgenerated when 's' then 'stored: ' || pg_get_expr(p.adbin, p.oid, true) when 'v' then 'virtual: ' || pg_get_expr(p.adbin, p.oid, true) end`,
    default: when(`p.attgenerated = ''`, 'pg_get_expr(p.adbin, p.oid, true)'),
    storage: when(
      'p.attstorage <> p.typstorage',
      `case p.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end`,
    ),
    compression: `case p.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end`,
    'statistics target': `nullif(p.attstattarget, -1)::text`,
    // PostgreSQL 15.20 keeps a version of each column there (src/include/catalog/pg_attribute.h).
    options: when(
      'p.attoptions is not null',
      `(select string_agg(o, ', ' order by o collate "C") from unnest(p.attoptions) o where o not like 'pg\\_attver=%')`,
    ),
    'foreign options': list('p.attfdwoptions'),
  },
  comment: { catalog: 'pg_class', oid: 'p.oid', sub: 'p.attnum' },
  acl: { list: 'p.attacl', type: 'c' },
};

const enabled = (column: string) =>
  `case ${column} when 'D' then 'disabled' when 'R' then 'replica' when 'A' then 'always' end`;

// Foreign keys to a partitioned table have a copy for each partition. A NOT NULL is an attribute of its column, unless
// it is not validated or not inherited, which only PostgreSQL 18 knows.
const constraints: ShapePart = {
  kind: `'constraint'`,
  from: `rel r join pg_constraint k on k.conrelid = r.oid
    where (k.contype in ('c', 'p', 'u', 'x') or (k.contype = 'f' and k.conparentid = 0) or (k.contype = 'n' and (k.connoinherit or not k.convalidated)))`,
  columns: 'r.nsp, r.path, r.relname, k.oid, k.conname, k.contype, k.conindid',
  of: ident('p.relname'),
  name: ident('p.conname'),
  attributes: {
    definition: 'pg_get_constraintdef(p.oid, true)',
    index: when(
      `p.contype in ('p', 'u', 'x')`,
      `(select nullif(concat_ws(', ', ${list('c.reloptions')}, case when i.indisclustered then 'clustered' end, case when not i.indisvalid then 'invalid' end,
          (select 'tablespace ' || quote_ident(t.spcname) from pg_tablespace t where t.oid = c.reltablespace)), '')
        from pg_class c join pg_index i on i.indexrelid = c.oid where c.oid = p.conindid)`,
    ),
    // Without them a foreign key is not checked.
    triggers: when(
      `p.contype = 'f'`,
      `(select string_agg(distinct ${enabled('g.tgenabled')}, ', ') from pg_trigger g where g.tgconstraint = p.oid)`,
    ),
  },
  comment: { catalog: 'pg_constraint', oid: 'p.oid' },
};

const indexes: ShapePart = {
  kind: `'index'`,
  from: `rel r join pg_index i on i.indrelid = r.oid join pg_class x on x.oid = i.indexrelid
    where not exists (select from pg_constraint k where k.conrelid = i.indrelid and k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))`,
  columns:
    'r.nsp, r.path, r.relname, x.oid, x.relname as index, x.reltablespace, i.indisvalid, i.indisready, i.indisclustered',
  of: ident('p.relname'),
  name: ident('p.index'),
  attributes: {
    definition: 'pg_get_indexdef(p.oid, 0, true)',
    state: when('not (p.indisvalid and p.indisready)', `'invalid'`),
    clustered: when('p.indisclustered', `'yes'`),
    tablespace: '(select t.spcname::text from pg_tablespace t where t.oid = p.reltablespace)',
  },
  comment: { catalog: 'pg_class', oid: 'p.oid' },
};

const sequences: ShapePart = {
  kind: `'sequence'`,
  from: `rel r join pg_sequence q on q.seqrelid = r.oid`,
  columns: 'r.*, q.seqtypid, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle',
  name: ident('p.relname'),
  attributes: {
    definition: `format('as %s start %s increment %s minvalue %s maxvalue %s cache %s', format_type(p.seqtypid, null), p.seqstart, p.seqincrement, p.seqmin, p.seqmax, p.seqcache) || case when p.seqcycle then ' cycle' else '' end`,
    persistence: when(`p.relpersistence = 'u'`, `'unlogged'`),
    [ownedBy]: `(select d.refobjid::regclass::text || '.' || quote_ident(a.attname) from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_class'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0)`,
  },
  comment: { catalog: 'pg_class', oid: 'p.oid' },
  owner: 'p.relowner',
  acl: { list: 'p.relacl', type: 's' },
};

// The trigger of a partition has the state of the table's, unless it was changed by itself.
const triggers: ShapePart = {
  kind: `'trigger'`,
  from: `rel r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal
    and (t.tgparentid = 0 or t.tgenabled <> (select x.tgenabled from pg_trigger x where x.oid = t.tgparentid))`,
  columns: 'r.nsp, r.path, r.relname, t.oid, t.tgname, t.tgenabled',
  of: ident('p.relname'),
  name: ident('p.tgname'),
  attributes: { definition: 'pg_get_triggerdef(p.oid, true)', fires: enabled('p.tgenabled') },
  comment: { catalog: 'pg_trigger', oid: 'p.oid' },
};

const rules: ShapePart = {
  kind: `'rule'`,
  from: `rel r join pg_rewrite w on w.ev_class = r.oid where w.rulename <> '_RETURN'`,
  columns: 'r.nsp, r.path, r.relname, w.oid, w.rulename, w.ev_enabled',
  of: ident('p.relname'),
  name: ident('p.rulename'),
  attributes: { definition: 'pg_get_ruledef(p.oid, true)', fires: enabled('p.ev_enabled') },
  comment: { catalog: 'pg_rewrite', oid: 'p.oid' },
};

const policies: ShapePart = {
  kind: `'policy'`,
  from: 'rel r join pg_policy y on y.polrelid = r.oid',
  columns:
    'r.nsp, r.path, r.relname, r.oid as relation, y.oid, y.polname, y.polcmd, y.polpermissive, y.polroles, y.polqual, y.polwithcheck',
  of: ident('p.relname'),
  name: ident('p.polname'),
  attributes: {
    definition: `concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end,
      'for ' || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      'to ' || (select string_agg(coalesce(quote_ident(a.rolname), 'public'), ', ' order by a.rolname) from unnest(p.polroles) o left join pg_roles a on a.oid = o))`,
    using: 'pg_get_expr(p.polqual, p.relation, true)',
    'with check': 'pg_get_expr(p.polwithcheck, p.relation, true)',
  },
  comment: { catalog: 'pg_policy', oid: 'p.oid' },
};

/** Relations, and what belongs to them. */
export const relationParts: readonly ShapePart[] = [
  relations,
  columns,
  constraints,
  indexes,
  sequences,
  triggers,
  rules,
  policies,
];
