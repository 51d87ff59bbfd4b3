import { sqlstates } from '../errors.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { searchPathWords, sharedPath } from '../sql/search-path.ts';
import { nameAt, nameIn, pathChangeBefore } from '../sql/searched-name.ts';

/** A statement of a file that met a name it could not find. */
interface Missed {
  readonly error: ServerError;
  readonly script: Script;
  /** Of the statement, from 0; `null` where it is not known. */
  readonly statement: number | null;
  /** UTF-16 index into the file, of the server's position where it gave one. */
  readonly index: number | null;
}

// Where each kind of name is looked up.
const catalogues: Readonly<Record<string, readonly string[]>> = {
  [sqlstates.undefinedTable]: ['pg_class rel'],
  [sqlstates.undefinedFunction]: ['pg_proc pro'],
  [sqlstates.undefinedObject]: ['pg_type typ', 'pg_opclass opc', 'pg_collation coll', 'pg_ts_config cfg'],
};
// More of them are tenants that sqlmig does not know yet, or of no help.
const mostSchemas = 3;

/**
 * Why a file does not find what it names without a schema, and how it would; `null` where that cannot be told: a statement
 * before changed `search_path`, or it is in a schema that is not on the path.
 */
export async function missingNameHint(
  session: Session,
  { error, script, statement, index }: Missed,
  schema: UnitSchema,
  context: UnitContext,
): Promise<string | null> {
  const searched = catalogues[error.code];
  if (searched === undefined && error.code !== sqlstates.undefinedSchema) return null;
  const name = missingName(error, script, index);
  const moved = statement === null ? null : pathChangeBefore(script, statement);
  // "No schema has been selected" quotes nothing; a schema that does not exist is written in the file.
  const isUnqualified = searched === undefined ? nameIn(error.message) === null : name !== null;
  if (moved !== null && isUnqualified) return movedHint(script, moved);
  if (name === null || searched === undefined) return null;
  return elsewhereHint(await lookUp(session, name, searched, context), name, schema, context);
}

function missingName(error: ServerError, { text }: Script, index: number | null): string | null {
  const { position, internal_query: query, internal_position: at } = error;
  if (position !== undefined && index !== null) return nameAt(text, index);
  return query !== undefined && at !== undefined ? nameAt(query, Number(at) - 1) : nameIn(error.message);
}

function movedHint({ migration, statements }: Script, moved: number): string {
  const { line } = locate(migration.file, migration.text, statements[moved]?.start ?? 0);
  return `line ${line} changes search_path, which sqlmig sets for each file; take that statement out, or write the schema before the name`;
}

/** A schema that has what was not found. */
interface Place {
  readonly schema: string;
  readonly usable: boolean;
  readonly managed: boolean;
  readonly role: string;
}

async function lookUp(
  session: Session,
  name: string,
  searched: readonly string[],
  { table }: UnitContext,
): Promise<Place[]> {
  const found = searched.map((entry) => {
    const [catalogue, prefix] = entry.split(' ');
    return `select ${prefix}namespace from ${catalogue} where ${prefix}name = ${quoteLiteral(name)}`;
  });
  const rows =
    await session.read(`select n.nspname as schema, has_schema_privilege(n.oid, 'usage') as usable, current_user as role,
  exists (select from pg_class h where h.relnamespace = n.oid and h.relname = ${quoteLiteral(table)}) as managed
from pg_namespace n where n.oid in (${found.join(' union all ')}) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1`);
  return rows.map(({ schema, usable, managed, role }) => ({
    schema: String(schema),
    usable: usable === true,
    managed: managed === true,
    role: String(role),
  }));
}

function elsewhereHint(
  places: readonly Place[],
  name: string,
  { schema, scope }: UnitSchema,
  { publicSchema, searchPath }: UnitContext,
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
  const way =
    scope === 'public'
      ? `write ${quoteIdentifier(first.schema)}.${quoteIdentifier(name)}`
      : `add ${JSON.stringify(word)} to searchPath in the config`;
  return `${name} is in schema ${list}; ${way}`;
}
