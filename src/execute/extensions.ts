import { SqlmigError, sqlstates } from '../errors.ts';
import { creating } from '../protocol/bootstrap.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { ExtensionState } from '../sql/extensions.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';

/** Reads the state of extensions in a database, by name; `listed` comes from the config. */
export async function readExtensions(
  session: Session,
  names: Iterable<string>,
): Promise<Map<string, Omit<ExtensionState, 'listed'>>> {
  const wanted = [...new Set(names)].map(quoteLiteral).join(', ');
  if (wanted === '') return new Map();
  const rows =
    await session.read(`select w.name, n.nspname as schema, coalesce(e.extrelocatable, false) as relocatable,
  a.name is not null as available, v.schema as fixed
from unnest(array[${wanted}]::text[]) as w (name)
left join pg_catalog.pg_extension e on e.extname = w.name left join pg_catalog.pg_namespace n on n.oid = e.extnamespace
left join pg_catalog.pg_available_extensions a on a.name = w.name
left join pg_catalog.pg_available_extension_versions v on v.name = a.name and v.version = a.default_version`);
  return new Map(
    rows.map((row) => [
      String(row.name),
      {
        schema: row.schema as string | null,
        fixedSchema: row.fixed as string | null,
        relocatable: row.relocatable === true,
        available: row.available === true,
      },
    ]),
  );
}

/** An extension to create. */
export interface WantedExtension {
  readonly name: string;
  /** Its schema; `null` if the extension decides. */
  readonly schema: string | null;
}

/** SQL statement: creates an extension and the extensions that it requires, if they are missing. */
export function createExtension({ name, schema }: WantedExtension): string {
  const where = schema === null ? '' : ` with schema ${quoteIdentifier(schema)}`;
  return `create extension if not exists ${quoteIdentifier(name)}${where} cascade`;
}

/**
 * Creates an extension if it is missing, under the lock key for creations.
 * @throws SqlmigError `extension-missing` if the server refuses it, with the missing privilege.
 */
export async function installExtension(
  session: Session,
  wanted: WantedExtension,
  context: UnitContext,
): Promise<void> {
  const { name, schema } = wanted;
  const home = schema === null ? '' : `create schema if not exists ${quoteIdentifier(schema)};`;
  const schemaIsMissing = `not exists (select from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema ?? '')})`;
  const first = home === '' ? '' : `  if ${schemaIsMissing} then ${home} end if;\n`;
  const extensionIsMissing = `not exists (select from pg_catalog.pg_extension where extname = ${quoteLiteral(name)})`;
  const body = `  if ${extensionIsMissing} then\n${first}  ${createExtension(wanted)};\n  end if;`;
  try {
    await session.run(creating(body, { ...context, ownSession: false }));
  } catch (error) {
    if (!isServerError(error)) throw error;
    const denied = error.code === sqlstates.insufficientPrivilege;
    const message = `extension ${name} cannot be created: ${denied ? await rightFor(session, wanted) : error.message}`;
    throw new SqlmigError('extension-missing', message, {
      sqlstate: error.code,
      state: 'public and tenants were not touched',
      hint: denied
        ? `let a superuser run in this database: ${createExtension(wanted)};`
        : (error.hint ?? 'create it yourself, or remove it from "extensions" in the config'),
      cause: error,
    });
  }
}

/** The privilege that the role lacks to create an extension, in words. */
async function rightFor(session: Session, { name, schema }: WantedExtension): Promise<string> {
  const [row] =
    await session.read(`select current_user as role, current_database() as database, v.superuser and not v.trusted as super,
  has_database_privilege(current_database(), 'CREATE') as creates
from pg_catalog.pg_available_extensions a
join pg_catalog.pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
where a.name = ${quoteLiteral(name)}`);
  const role = `role ${row?.role}`;
  if (row?.super === true) return `only a superuser can create it, and ${role} is not one`;
  if (row?.creates !== true) return `${role} lacks CREATE on database ${row?.database}`;
  return schema === null ? `${role} lacks a privilege` : `${role} lacks CREATE on schema ${schema}`;
}
