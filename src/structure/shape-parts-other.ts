import { ident, isNoMember, type ShapePart, when } from './shape-parts.ts';

// The function that sqlmig gives to a history that it has taken over.
const isOurs = `f.proname = 'sqlmig_taken_over'`;

/** SQL expression: settings of a function, in which its own schema has no name. */
const settings = `(select string_agg(case when o like 'search_path=%' then 'search_path=' || (
      select string_agg(case when btrim(e) = p.path then '(own schema)' else btrim(e) end, ', ' order by at)
      from unnest(string_to_array(substr(o, 13), ',')) with ordinality x (e, at)) else o end, '; ' order by o collate "C")
  from unnest(p.proconfig) o)`;

const noProc = (column: string) => `case when ${column} <> 0 then ${column}::regproc::text end`;

const functions: ShapePart = {
  kind: `case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' when 'w' then 'window function' else 'function' end`,
  from: `s r join pg_proc f on f.pronamespace = r.oid join pg_language l on l.oid = f.prolang where not ${isOurs} and ${isNoMember('pg_proc', 'f.oid')}`,
  columns: 'r.nsp, r.path, l.lanname, f.*',
  name: `quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'`,
  attributes: {
    arguments: 'pg_get_function_arguments(p.oid)',
    result: 'pg_get_function_result(p.oid)',
    language: 'p.lanname::text',
    behavior: `concat_ws(' ', case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when p.proisstrict then 'strict' end, case when p.prosecdef then 'security definer' end, case when p.proleakproof then 'leakproof' end,
      case p.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end)`,
    cost: `p.procost::text || case when p.prorows > 0 then ' rows ' || p.prorows else '' end`,
    support: noProc('p.prosupport'),
    settings: when('p.proconfig is not null', settings),
    library: 'p.probin',
    body: `case when p.prosqlbody is null and p.prokind <> 'a' then p.prosrc end`,
    'SQL body': when('p.prosqlbody is not null', 'pg_get_function_sqlbody(p.oid)'),
    aggregate: when(
      `p.prokind = 'a'`,
      `(select concat_ws('; ', a.aggkind::text, 'sfunc ' || a.aggtransfn::text, 'stype ' || format_type(a.aggtranstype, null), 'final ' || ${noProc('a.aggfinalfn')} || ' ' || a.aggfinalmodify::text,
        'combine ' || ${noProc('a.aggcombinefn')}, 'serial ' || ${noProc('a.aggserialfn')}, 'deserial ' || ${noProc('a.aggdeserialfn')}, 'moving ' || ${noProc('a.aggmtransfn')}, 'initial ' || a.agginitval,
        'sort ' || case when a.aggsortop <> 0 then a.aggsortop::regoperator::text end) from pg_aggregate a where a.aggfnoid = p.oid)`,
    ),
  },
  comment: { catalog: 'pg_proc', oid: 'p.oid' },
  owner: 'p.proowner',
  acl: { list: 'p.proacl', type: 'f' },
};

/** SQL expressions by attribute: what the row `g` of pg_range says of a range. */
const ofRange = (attributes: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, sql]) => [
      name,
      when(`p.typtype = 'r'`, `(select ${sql} from pg_range g where g.rngtypid = p.oid)`),
    ]),
  );

// Types of tables and arrays belong to their tables and elements, and a multirange to its range.
const types: ShapePart = {
  kind: `case p.typtype when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range' else 'base type' end`,
  from: `s r join pg_type t on t.typnamespace = r.oid where t.typtype in ('e', 'd', 'r', 'b', 'p') and ${isNoMember('pg_type', 't.oid')}
    and not (t.typtype = 'b' and exists (select from pg_type e where e.oid = t.typelem and e.typarray = t.oid))`,
  columns: 'r.nsp, r.path, t.*',
  name: ident('p.typname'),
  attributes: {
    values: when(
      `p.typtype = 'e'`,
      `(select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = p.oid)`,
    ),
    type: when(`p.typtype = 'd'`, 'format_type(p.typbasetype, p.typtypmod)'),
    'not null': when('p.typnotnull', `'yes'`),
    default: `coalesce(pg_get_expr(p.typdefaultbin, 0, true), p.typdefault)`,
    collation: `case p.typtype
      when 'd' then (select p.typcollation::regcollation::text from pg_type b where b.oid = p.typbasetype and p.typcollation not in (0, b.typcollation))
      when 'r' then (select g.rngcollation::regcollation::text from pg_range g join pg_type b on b.oid = g.rngsubtype where g.rngtypid = p.oid and g.rngcollation not in (0, b.typcollation)) end`,
    ...ofRange({
      subtype: 'format_type(g.rngsubtype, null)',
      'operator class':
        "(select case when n.nspname = p.nsp then '' else quote_ident(n.nspname) || '.' end || quote_ident(c.opcname) from pg_opclass c join pg_namespace n on n.oid = c.opcnamespace where c.oid = g.rngsubopc)",
      canonical: noProc('g.rngcanonical'),
      'subtype diff': noProc('g.rngsubdiff'),
      multirange: 'format_type(g.rngmultitypid, null)',
    }),
    functions: when(
      `p.typtype = 'b'`,
      `concat_ws(' ', p.typinput::text, p.typoutput::text, p.typlen::text, p.typbyval::text, p.typalign::text, p.typstorage::text, p.typcategory::text)`,
    ),
  },
  comment: { catalog: 'pg_type', oid: 'p.oid' },
  owner: 'p.typowner',
  acl: { list: 'p.typacl', type: 'T' },
};

const domainConstraints: ShapePart = {
  kind: `'constraint'`,
  from: `s r join pg_type t on t.typnamespace = r.oid join pg_constraint k on k.conrelid = 0 and k.contypid = t.oid where k.contype = 'c' and ${isNoMember('pg_type', 't.oid')}`,
  columns: 'r.nsp, r.path, t.typname, k.oid, k.conname',
  of: ident('p.typname'),
  name: ident('p.conname'),
  attributes: { definition: 'pg_get_constraintdef(p.oid, true)' },
  comment: { catalog: 'pg_constraint', oid: 'p.oid' },
};

const operators: ShapePart = {
  kind: `'operator'`,
  from: `s r join pg_operator o on o.oprnamespace = r.oid where ${isNoMember('pg_operator', 'o.oid')}`,
  columns: 'r.nsp, r.path, o.*',
  name: `p.oprname || ' (' || case when p.oprleft = 0 then 'none' else format_type(p.oprleft, null) end || ', ' || format_type(p.oprright, null) || ')'`,
  attributes: {
    definition: `concat_ws(' ', ${noProc('p.oprcode')}, 'returns ' || format_type(p.oprresult, null), 'commutator ' || case when p.oprcom <> 0 then p.oprcom::regoperator::text end,
      'negator ' || case when p.oprnegate <> 0 then p.oprnegate::regoperator::text end, 'restrict ' || ${noProc('p.oprrest')}, 'join ' || ${noProc('p.oprjoin')},
      case when p.oprcanhash then 'hashes' end, case when p.oprcanmerge then 'merges' end)`,
  },
  comment: { catalog: 'pg_operator', oid: 'p.oid' },
  owner: 'p.oprowner',
};

const familyName = `(select quote_ident(f.opfname) from pg_opfamily f where f.oid = p.opcfamily)`;

const operatorClasses: ShapePart = {
  kind: `'operator class'`,
  from: `s r join pg_opclass c on c.opcnamespace = r.oid join pg_am a on a.oid = c.opcmethod where ${isNoMember('pg_opclass', 'c.oid')}`,
  columns: 'r.nsp, r.path, a.amname, c.*',
  name: `quote_ident(p.opcname) || ' using ' || p.amname`,
  attributes: {
    definition: `concat_ws(' ', case when p.opcdefault then 'default' end, 'for ' || format_type(p.opcintype, null), 'family ' || ${familyName}, 'storage ' || case when p.opckeytype <> 0 then format_type(p.opckeytype, null) end)`,
  },
  comment: { catalog: 'pg_opclass', oid: 'p.oid' },
  owner: 'p.opcowner',
};

const operatorFamilies: ShapePart = {
  kind: `'operator family'`,
  from: `s r join pg_opfamily f on f.opfnamespace = r.oid join pg_am a on a.oid = f.opfmethod where ${isNoMember('pg_opfamily', 'f.oid')}`,
  columns: 'r.nsp, r.path, a.amname, f.*',
  name: `quote_ident(p.opfname) || ' using ' || p.amname`,
  attributes: {
    operators: `(select string_agg(x, ', ' order by x collate "C") from (select m.amopstrategy || ' ' || m.amopopr::regoperator::text || ' ' || m.amoppurpose::text as x from pg_amop m where m.amopfamily = p.oid) o)`,
    functions: `(select string_agg(x, ', ' order by x collate "C") from (select m.amprocnum || ' ' || m.amproc::regprocedure::text as x from pg_amproc m where m.amprocfamily = p.oid) o)`,
  },
  comment: { catalog: 'pg_opfamily', oid: 'p.oid' },
  owner: 'p.opfowner',
};

/** A catalog whose rows say everything by themselves, with functions shown by name. */
function wholeRow(catalog: string, kind: string, prefix: string): ShapePart {
  const left = ['oid', `${prefix}name`, `${prefix}namespace`, `${prefix}owner`, 'collversion'];
  const hasOwner = catalog !== 'pg_ts_parser' && catalog !== 'pg_ts_template';
  return {
    kind: `'${kind}'`,
    from: `s r join ${catalog} c on c.${prefix}namespace = r.oid where ${isNoMember(catalog, 'c.oid')}`,
    columns: `r.nsp, r.path, c.oid, c.${prefix}name as name, c as whole${hasOwner ? `, c.${prefix}owner as owner` : ''}`,
    name: ident('p.name'),
    attributes: { definition: `(to_jsonb(p.whole) - array['${left.join("', '")}'])::text` },
    comment: { catalog, oid: 'p.oid' },
    ...(hasOwner && { owner: 'p.owner' }),
  };
}

const inSchema = (name: string, namespace: string) =>
  `(select case when n.nspname = p.nsp then '' else quote_ident(n.nspname) || '.' end || quote_ident(${name}) from pg_namespace n where n.oid = ${namespace})`;

const configurations: ShapePart = {
  kind: `'text search configuration'`,
  from: `s r join pg_ts_config c on c.cfgnamespace = r.oid join pg_ts_parser e on e.oid = c.cfgparser where ${isNoMember('pg_ts_config', 'c.oid')}`,
  columns: 'r.nsp, r.path, c.*, e.prsname, e.prsnamespace',
  name: ident('p.cfgname'),
  attributes: {
    parser: inSchema('p.prsname', 'p.prsnamespace'),
    mappings: `(select string_agg(m.maptokentype || ' ' || m.mapdict::regdictionary::text, ', ' order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = p.oid)`,
  },
  comment: { catalog: 'pg_ts_config', oid: 'p.oid' },
  owner: 'p.cfgowner',
};

const dictionaries: ShapePart = {
  kind: `'text search dictionary'`,
  from: `s r join pg_ts_dict c on c.dictnamespace = r.oid join pg_ts_template e on e.oid = c.dicttemplate where ${isNoMember('pg_ts_dict', 'c.oid')}`,
  columns: 'r.nsp, r.path, c.*, e.tmplname, e.tmplnamespace',
  name: ident('p.dictname'),
  attributes: { template: inSchema('p.tmplname', 'p.tmplnamespace'), options: 'p.dictinitoption' },
  comment: { catalog: 'pg_ts_dict', oid: 'p.oid' },
  owner: 'p.dictowner',
};

const statistics: ShapePart = {
  kind: `'statistics'`,
  from: `s r join pg_statistic_ext x on x.stxnamespace = r.oid where ${isNoMember('pg_statistic_ext', 'x.oid')}`,
  columns: 'r.nsp, r.path, x.*',
  name: ident('p.stxname'),
  attributes: {
    definition: `p.stxkind::text || ' on ' || pg_get_statisticsobjdef_columns(p.oid) || ' from ' || p.stxrelid::regclass::text`,
    target: 'nullif(p.stxstattarget, -1)::text',
  },
  comment: { catalog: 'pg_statistic_ext', oid: 'p.oid' },
  owner: 'p.stxowner',
};

const role = `case when p.defaclrole = p.as_migrator then '' else ' of objects of ' || quote_ident(pg_get_userbyid(p.defaclrole)) end`;

const defaultPrivileges: ShapePart = {
  kind: `'default privileges'`,
  from: 's r join pg_default_acl a on a.defaclnamespace = r.oid',
  columns: 'r.nsp, r.path, a.*',
  name: `case p.defaclobjtype when 'r' then 'on tables' when 'S' then 'on sequences' when 'f' then 'on functions' when 'T' then 'on types' else 'on others' end || ${role}`,
  attributes: {},
  acl: { list: 'p.defaclacl', type: 'r' },
  isOf: 'grants',
};

/** Objects that are no relations. */
export const otherParts: readonly ShapePart[] = [
  ...[functions, types, domainConstraints, operators, operatorClasses, operatorFamilies],
  ...[configurations, dictionaries, statistics, defaultPrivileges],
  wholeRow('pg_collation', 'collation', 'coll'),
  wholeRow('pg_conversion', 'conversion', 'con'),
  wholeRow('pg_ts_parser', 'text search parser', 'prs'),
  wholeRow('pg_ts_template', 'text search template', 'tmpl'),
];
