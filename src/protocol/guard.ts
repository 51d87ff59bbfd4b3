import type { Session } from '../server/session.ts';
import { isOrdinarySchema } from '../sql/catalog-sql.ts';
import { forTenantName, tenantMark } from '../sql/filling.ts';
import type { Script, Statement } from '../sql/migration.ts';
import { likeLiteral, quoteLiteral } from '../sql/quote.ts';
import { mayChange, mayLockLater, mayTie, mentions } from '../sql/reach.ts';
import type { Guard, Unit, UnitSchema } from './unit-context.ts';

/**
 * Reads which schemas to guard against scripts: the shared schemas on the search_path of tenant files, public first;
 * schemas that the scripts name, where `tenantMark` is the name of any tenant; and the schemas of extensions that
 * they name.
 */
export async function readGuard(
  session: Session,
  path: readonly string[],
  scripts: readonly Script[],
): Promise<Guard> {
  const ofTenants = scripts.filter(({ migration }) => migration.scope === 'tenant');
  const found = await readSchemas(session, path, wordsOf(ofTenants.filter((script) => !script.allowsPublic)));
  const schemas = new Set(found.schemas.keys());
  const mayBeTied =
    found.perTenant.words.length > 0 ||
    ofTenants.some(
      ({ allowsPublic, statements }) =>
        allowsPublic || statements.some((statement) => mayTie(statement, found.names, schemas)),
    );
  const mayBeCalled = ofTenants.some(({ statements }) =>
    statements.some((statement) => mayLockLater(statement, found.names, schemas)),
  );
  return { ...found, mayBeTied, mayBeCalled };
}

function wordsOf(scripts: readonly Script[]): ReadonlySet<string> {
  return new Set(scripts.flatMap(({ statements }) => statements.flatMap(({ reach }) => [...reach.words])));
}

async function readSchemas(
  session: Session,
  path: readonly string[],
  words: ReadonlySet<string>,
): Promise<Omit<Guard, 'mayBeTied' | 'mayBeCalled'>> {
  const fixed = [...words].filter((word) => !word.includes(tenantMark));
  // A tenant's own schema is not guarded, and a word of 64 characters or more cannot be a name.
  const perTenant = [...words].filter(
    (word) => word.includes(tenantMark) && word !== tenantMark && word.length < 64,
  );
  const wanted = [...new Set([...path, ...fixed])].map(quoteLiteral).join(', ');
  const likes = perTenant.map((word) => quoteLiteral(forTenantName(likeLiteral(word), '%')));
  const isWanted = `n.nspname = any (array[${wanted}]::text[])`;
  const isLike = likes.length === 0 ? 'false' : `n.nspname like any (array[${likes.join(', ')}])`;
  const schemas = new Map<string, string>();
  const ofTenants = new Map<string, string>();
  const names = new Set(path);
  const query = `select n.nspname as schema, n.oid::text as oid, ${isWanted} as fixed from pg_namespace n
where (${isWanted} or ${isLike}) and ${isOrdinarySchema};
select n.nspname as schema, n.oid::text as oid, true as fixed, e.extname as name from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = any (array[${wanted}]::text[]) and n.nspname !~ '^pg_';
${namesIn(path)}`;
  await session.read(query, (row) => {
    if (typeof row.schema === 'string')
      (row.fixed === true ? schemas : ofTenants).set(row.schema, String(row.oid));
    if (typeof row.name === 'string') names.add(row.name);
  });
  return { schemas, perTenant: { words: perTenant, schemas: ofTenants }, names };
}

// Goes through the index of pg_depend: the other catalogs have no index on the namespace alone, and hold the objects of
// thousands of tenants.
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

/** The guarded schemas other than the tenant's own: OIDs by name. */
export function guardedSchemas({ guarded, schema }: UnitSchema): ReadonlyMap<string, string> {
  const { schemas = new Map<string, string>(), perTenant } = guarded ?? {};
  const mentioned = (perTenant?.words ?? []).map((word) => forTenantName(word, schema));
  const own = mentioned.flatMap((name): [string, string][] => {
    const oid = perTenant?.schemas.get(name);
    return oid === undefined ? [] : [[name, oid]];
  });
  return new Map([...schemas, ...own].filter(([name]) => name !== schema));
}

/** The schemas that scripts may have changed: public, and each that their text mentions. */
export function schemasToCompare(
  scripts: readonly Script[],
  { schema, context: { publicSchema } }: Omit<Unit, 'script'>,
): string[] {
  const mentioned =
    schema.guarded === null
      ? scripts.flatMap(({ statements }) => statements.flatMap(({ reach }) => [...reach.words]))
      : [...guardedSchemas(schema).keys()];
  return [...new Set([publicSchema, ...mentioned])].filter((name) => name !== schema.schema);
}

/** Whether a statement may change something outside of the tenant, judging by its text. */
export function reachesOut({ reach }: Statement, schema: UnitSchema): boolean {
  const { guarded } = schema;
  return guarded !== null && mayChange(reach, guarded.names, new Set(guardedSchemas(schema).keys()));
}

/** What has to be checked before a script is committed. */
type Scrutiny =
  /** Nothing: it can neither run code nor name anything outside of its schema. */
  | 'none'
  /** Rows of public: it writes rows, which fires triggers. */
  | 'rows'
  /** Everything. */
  | 'all';

/** How thoroughly to check what scripts have changed outside of their tenant (docs/lock-protocol.md, Guarding other schemas). */
export function scrutinyOf(scripts: readonly Script[], schema: UnitSchema): Scrutiny {
  if (schema.guarded === null) return 'none';
  const { names } = schema.guarded;
  const schemas = new Set(guardedSchemas(schema).keys());
  const statements = scripts.flatMap((script) => (script.allowsPublic ? [] : script.statements));
  if (statements.some(({ reach }) => reach.code || mentions(reach, names, schemas))) return 'all';
  return statements.some(({ reach }) => reach.opaque) ? 'rows' : 'none';
}
