import type { Session } from '../server/session.ts';
import { isExtensionMember, isOrdinarySchema, schemasOnPath, searchPathAmong } from '../sql/catalog-sql.ts';
import { likeLiteral, quoteLiteral } from '../sql/quote.ts';

/** A function of the database, in any schema. */
export interface FunctionText {
  readonly oid: string;
  /** Its name with schema and arguments, as SQL. */
  readonly identity: string;
  readonly language: string;
  /** Its body; empty if PostgreSQL has stored it parsed. */
  readonly body: string;
  /** Its own `search_path`; `null` without one. */
  readonly path: readonly string[] | null;
  readonly isOwned: boolean;
}

/** An expression or definition as PostgreSQL prints it. */
export interface PrintedText {
  /** In words, such as `view public.v`. */
  readonly what: string;
  readonly text: string;
}

const namePattern = (schema: string) => likeLiteral(schema.toLowerCase());

/** Reads the functions whose text or `search_path` contains the name of a schema, or whose text uses current_schema. */
export async function readFunctionTexts(session: Session, schema: string): Promise<FunctionText[]> {
  const pattern = quoteLiteral(`%${namePattern(schema)}%`);
  const path = searchPathAmong('p.proconfig');
  const rows =
    await session.read(`select p.oid::text as oid, p.oid::regprocedure::text as identity, l.lanname as language,
  case when p.prosqlbody is null and l.lanname not in ('c', 'internal') then p.prosrc else '' end as body,
  case when ${path} is null then null else to_json(${schemasOnPath(path)}) end as path,
  pg_has_role(p.proowner, 'USAGE') as owned
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where ${isOrdinarySchema} and (lower(p.prosrc) like ${pattern} or lower(p.prosrc) like '%current\\_schema%' or lower(${path}) like ${pattern}) and not ${isExtensionMember('pg_proc', 'p.oid')}
order by p.oid::regprocedure::text collate "C"`);
  return rows.map(({ oid, identity, language, body, path: setPath, owned }) => ({
    oid: String(oid),
    identity: String(identity),
    language: String(language),
    body: String(body),
    path: setPath as readonly string[] | null,
    isOwned: owned === true,
  }));
}

const relation = (oid: string) =>
  `(select i.type || ' ' || i.identity from pg_identify_object('pg_class'::regclass, ${oid}, 0) i)`;

/**
 * Reads the definitions of views, defaults, policies and the like that contain the name of a schema in quotes, or use
 * current_schema.
 */
export async function readPrintedTexts(session: Session, schema: string): Promise<PrintedText[]> {
  const pattern = quoteLiteral(`%'%${namePattern(schema)}%`);
  const rows =
    await session.read(`with mine as (select c.oid, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where ${isOrdinarySchema} and c.relkind in ('r', 'p', 'v', 'm', 'f') and not ${isExtensionMember('pg_class', 'c.oid')})
select what, text from (
  select ${relation('m.oid')} as what, pg_get_viewdef(m.oid) as text from mine m where relkind in ('v', 'm')
  union all select 'rule ' || quote_ident(r.rulename) || ' of ' || ${relation('m.oid')}, pg_get_ruledef(r.oid)
    from mine m join pg_rewrite r on r.ev_class = m.oid where r.rulename <> '_RETURN'
  union all select 'default of ' || quote_ident(a.attname) || ' in ' || ${relation('m.oid')}, pg_get_expr(d.adbin, d.adrelid)
    from mine m join pg_attrdef d on d.adrelid = m.oid join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  union all select 'constraint ' || quote_ident(c.conname) || ' of ' || ${relation('m.oid')}, pg_get_constraintdef(c.oid)
    from mine m join pg_constraint c on c.conrelid = m.oid and c.contype = 'c'
  union all select 'constraint ' || quote_ident(c.conname) || ' of domain ' || format_type(c.contypid, null), pg_get_constraintdef(c.oid)
    from pg_constraint c join pg_namespace n on n.oid = c.connamespace where c.contypid <> 0 and ${isOrdinarySchema}
  union all select 'default of domain ' || format_type(t.oid, null), pg_get_expr(t.typdefaultbin, 0)
    from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype = 'd' and ${isOrdinarySchema}
  union all select 'function ' || p.oid::regprocedure, concat_ws(' ', pg_get_function_arguments(p.oid), pg_get_function_sqlbody(p.oid))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where (p.pronargdefaults > 0 or p.prosqlbody is not null) and ${isOrdinarySchema} and not ${isExtensionMember('pg_proc', 'p.oid')}
  union all select concat_ws(' of ', 'setting ' || split_part(e, '=', 1), 'role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname)),
      quote_literal(substr(e, strpos(e, '=') + 1))
    from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) e
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database())) and e not like 'search_path=%'
  union all select 'setting ' || split_part(e, '=', 1) || ' of function ' || p.oid::regprocedure, quote_literal(substr(e, strpos(e, '=') + 1))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace, unnest(p.proconfig) e
    where e not like 'search_path=%' and ${isOrdinarySchema} and not ${isExtensionMember('pg_proc', 'p.oid')}
  union all select 'index ' || i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    from mine m join pg_index i on i.indrelid = m.oid and (i.indexprs is not null or i.indpred is not null)
  union all select 'policy ' || quote_ident(p.polname) || ' of ' || ${relation('m.oid')},
      concat_ws(' and ', '(' || pg_get_expr(p.polqual, p.polrelid) || ')', '(' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    from mine m join pg_policy p on p.polrelid = m.oid
  union all select 'trigger ' || quote_ident(t.tgname) || ' of ' || ${relation('m.oid')}, pg_get_triggerdef(t.oid)
    from mine m join pg_trigger t on t.tgrelid = m.oid and not t.tgisinternal) as texts
where lower(text) like ${pattern} or lower(text) like '%current\\_schema%' order by what collate "C"`);
  return rows.map(({ what, text }) => ({ what: String(what), text: String(text) }));
}
