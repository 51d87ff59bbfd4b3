import { sqlstates } from '../errors.ts';
import type { Unit } from '../protocol/unit-context.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import { sentText } from '../sql/filling.ts';
import type { Script } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { searchPathWords, sharedPath } from '../sql/search-path.ts';
import { nameAt, nameIn, pathChangeBefore } from '../sql/searched-name.ts';

/** An error of a statement that did not find a name. */
interface NotFound {
  readonly error: ServerError;
  /** The statement, from 0; `null` if it is not known. */
  readonly statement: number | null;
  /** UTF-16 index into the file; `null` if the server gave no position. */
  readonly index: number | null;
}

// The catalogs that hold each kind of name.
const catalogs: Readonly<Record<string, readonly string[]>> = {
  [sqlstates.undefinedTable]: ['pg_class rel'],
  [sqlstates.undefinedFunction]: ['pg_proc pro'],
  [sqlstates.undefinedObject]: ['pg_type typ', 'pg_opclass opc', 'pg_collation coll', 'pg_ts_config cfg'],
};
// A name in more schemas than this is most likely in tenants that have no history yet.
const mostSchemas = 3;

/**
 * Why a file does not find an unqualified name, and what to do about it; `null` if that cannot be determined.
 */
export async function missingNameHint(
  session: Session,
  unit: Unit,
  { error, statement, index }: NotFound,
): Promise<string | null> {
  const searched = catalogs[error.code];
  if (searched === undefined && error.code !== sqlstates.undefinedSchema) return null;
  const name = missingName(error, unit.script, index);
  const moved = statement === null ? null : pathChangeBefore(unit.script, statement);
  // "No schema has been selected" quotes nothing; a schema that does not exist is written in the file.
  const isUnqualified = searched === undefined ? nameIn(error.message) === null : name !== null;
  if (moved !== null && isUnqualified) return changedPathHint(unit.script, moved);
  if (name === null || searched === undefined) return null;
  return elsewhereHint(
    unit,
    name,
    await schemasWith(session, { name, searched }, unit.context.historyTables),
  );
}

function missingName(error: ServerError, script: Script, index: number | null): string | null {
  const { position, internal_query: query, internal_position: at } = error;
  if (position !== undefined && index !== null) {
    const sent = sentText(script, { start: index, end: script.text.length });
    return nameAt(sent.trimStart(), 0);
  }
  return query !== undefined && at !== undefined ? nameAt(query, Number(at) - 1) : nameIn(error.message);
}

function changedPathHint({ migration, statements }: Script, moved: number): string {
  const { line } = locate(migration.file, migration.text, statements[moved]?.start ?? 0);
  return `line ${line} changes search_path, which sqlmig sets for each file; remove that statement, or qualify the name with its schema`;
}

/** A schema that contains the name. */
interface HomeOfName {
  readonly schema: string;
  /** The current role has USAGE on it. */
  readonly usable: boolean;
  /** It has a history table of sqlmig's. */
  readonly managed: boolean;
  /** The current role. */
  readonly role: string;
}

async function schemasWith(
  session: Session,
  { name, searched }: { readonly name: string; readonly searched: readonly string[] },
  historyTables: readonly string[],
): Promise<HomeOfName[]> {
  const found = searched.map((entry) => {
    const [catalog, prefix] = entry.split(' ');
    return `select ${prefix}namespace from ${catalog} where ${prefix}name = ${quoteLiteral(name)}`;
  });
  const rows =
    await session.read(`select n.nspname as schema, has_schema_privilege(n.oid, 'usage') as usable, current_user as role,
  exists (select from pg_class h where h.relnamespace = n.oid and h.relname = any (${nameArray(historyTables)})) as managed
from pg_namespace n where n.oid in (${found.join(' union all ')}) and ${isOrdinarySchema}
order by 1`);
  return rows.map(({ schema, usable, managed, role }) => ({
    schema: String(schema),
    usable: usable === true,
    managed: managed === true,
    role: String(role),
  }));
}

function elsewhereHint(
  { schema: { schema, scope }, context: { publicSchema, searchPath } }: Unit,
  name: string,
  places: readonly HomeOfName[],
): string | null {
  const path = new Set([schema, ...(scope === 'tenant' ? sharedPath(searchPath, publicSchema) : [])]);
  const onPath = places.filter((place) => path.has(place.schema));
  const [hidden] = onPath;
  if (hidden !== undefined) {
    if (onPath.some(({ usable }) => usable)) return null;
    return `${name} is in schema ${hidden.schema}, which ${hidden.role} may not use; run: grant usage on schema ${quoteIdentifier(hidden.schema)} to ${quoteIdentifier(hidden.role)}`;
  }
  // Other tenants have the same tables.
  const elsewhere = places.filter((place) => !place.managed || place.schema === publicSchema);
  const [first] = elsewhere;
  if (first === undefined || elsewhere.length > mostSchemas) return null;
  const list = elsewhere.map((place) => place.schema).join(', ');
  const word = first.schema === publicSchema ? searchPathWords.public : first.schema;
  const remedy =
    scope === 'public'
      ? `write ${quoteIdentifier(first.schema)}.${quoteIdentifier(name)}`
      : `add ${JSON.stringify(word)} to searchPath in the config`;
  return `${name} is in schema ${list}; ${remedy}`;
}
