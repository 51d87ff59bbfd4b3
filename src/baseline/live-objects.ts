import type { Session } from '../server/session.ts';
import { isExtensionMember, isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';

/** The objects that files replayed in the database itself could use besides those that they build. */
export interface LiveObjects {
  readonly schemas: ReadonlySet<string>;
  readonly extensions: ReadonlySet<string>;
  /** The names of the objects in the schemas on the files' `search_path`, except those of extensions. */
  readonly names: ReadonlySet<string>;
  /** The names of the objects that belong to extensions, by schema. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}

// Files do not name shell types, arrays and row types independently.
const named = `select 'pg_class'::regclass as catalog, oid, relnamespace as nsp, relname::text as name from pg_class
  union all select 'pg_proc'::regclass, oid, pronamespace, proname::text from pg_proc
  union all select 'pg_type'::regclass, oid, typnamespace, typname::text from pg_type`;

/** Reads the schemas of a database, and the objects of those on a `search_path`. */
export async function readLiveObjects(session: Session, path: readonly string[]): Promise<LiveObjects> {
  const rows =
    await session.read(`select null as schema, n.nspname::text as name, false as member from pg_namespace n where ${isOrdinarySchema}
union all select n.nspname::text, o.name, ${['pg_class', 'pg_proc', 'pg_type']
      .map((catalog) => `o.catalog = '${catalog}'::regclass and ${isExtensionMember(catalog, 'o.oid')}`)
      .join(' or ')}
from (${named}) o join pg_namespace n on n.oid = o.nsp
where n.nspname = any(${nameArray(path)}) or n.nspname in (select s.nspname from pg_extension e join pg_namespace s on s.oid = e.extnamespace where s.nspname !~ '^pg_')`);
  const [schemas, names] = [new Set<string>(), new Set<string>()];
  const members = new Map<string, Set<string>>();
  for (const { schema, name, member } of rows) {
    if (schema === null) schemas.add(String(name));
    else if (member === true)
      members.set(String(schema), (members.get(String(schema)) ?? new Set()).add(String(name)));
    else if (path.includes(String(schema))) names.add(String(name));
  }
  const extensions = await session.read('select extname::text as name from pg_extension');
  return { schemas, extensions: new Set(extensions.map(({ name }) => String(name))), names, members };
}
