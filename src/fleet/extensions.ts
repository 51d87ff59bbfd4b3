import { errorOfAll, SqlmigError } from '../errors.ts';
import { readExtensions, type WantedExtension } from '../execute/extensions.ts';
import type { Config } from '../project/config.ts';
import type { Session } from '../server/session.ts';
import { type ExtensionState, type MissingExtension, withoutExtensions } from '../sql/extensions.ts';
import type { ExtensionStatement, Script } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { sharedPath } from '../sql/search-path.ts';

/** Scripts ready to run, and the extensions that tenants would lack. */
export interface SettledExtensions {
  /** In the given order. */
  readonly scripts: readonly Script[];
  readonly missing: readonly MissingExtension[];
}

/**
 * Removes `CREATE EXTENSION` from tenant scripts if the database has the extension, one of the public scripts creates it,
 * or it is among those about to be `created`. Queries the database only if a tenant script has such a statement.
 */
export async function settleExtensions(
  session: Session,
  {
    scripts,
    created = [],
  }: { readonly scripts: readonly Script[]; readonly created?: readonly WantedExtension[] },
  config: Config,
): Promise<SettledExtensions> {
  const createsInTenant = ({ migration, extensions }: Script) =>
    migration.scope === 'tenant' && extensions.some(({ kind }) => kind === 'create');
  const creating = scripts.filter(createsInTenant);
  if (creating.length === 0) return { scripts, missing: [] };
  const names = new Set(creating.flatMap(({ extensions }) => extensions.map(({ name }) => name)));
  const present = await readExtensions(session, names);
  const inPublic = publicStatements(scripts);
  const schemaFrom = (list: readonly WantedExtension[], name: string) => {
    const last = list.findLast((extension) => extension.name === name);
    return last === undefined ? null : (last.schema ?? config.publicSchema);
  };
  const moved = inPublic.filter(({ kind }) => kind === 'move');
  const states = new Map<string, ExtensionState>();
  for (const [name, state] of present) {
    const schema = schemaFrom(moved, name) ?? state.schema ?? schemaFrom([...created, ...inPublic], name);
    states.set(name, { ...state, schema, listed: config.extensions.includes(name) });
  }
  const { publicSchema, searchPath } = config;
  const path = { schemas: sharedPath(searchPath, publicSchema), publicSchema };
  const missing: MissingExtension[] = [];
  const settled = scripts.map((script) => {
    if (!createsInTenant(script)) return script;
    const without = withoutExtensions(script, states, path);
    missing.push(...without.missing);
    return without.script;
  });
  return { scripts: settled, missing };
}

/** @throws SqlmigError `extension-missing`, with every missing extension in `all`. */
export function requireExtensions(missing: readonly MissingExtension[]): void {
  if (missing.length === 0) return;
  const errors = missing.map(({ script: { migration }, index, message, hint }) => {
    const location = locate(migration.file, migration.text, index);
    return new SqlmigError('extension-missing', message, { location, state: 'nothing was touched', hint });
  });
  throw errorOfAll(errors);
}

/**
 * The extensions of the config that the database lacks and no public script among `scripts` creates.
 * @throws SqlmigError `extension-missing` if one is not available on the server.
 */
export async function extensionsToCreate(
  session: Session,
  scripts: readonly Script[],
  { extensions, publicSchema }: Config,
): Promise<WantedExtension[]> {
  const inPublic = new Set(publicStatements(scripts).map(({ name }) => name));
  const present = await readExtensions(
    session,
    extensions.filter((name) => !inPublic.has(name)),
  );
  const lacking = [...present].filter(([, { schema }]) => schema === null);
  const errors = lacking
    .filter(([, { available }]) => !available)
    .map(([name]) => {
      const message = `extension ${name}, which "extensions" in the config lists, is not installed on the server`;
      const hint = 'install its package on the server, or remove it from the list';
      return new SqlmigError('extension-missing', message, { state: 'nothing was touched', hint });
    });
  if (errors.length > 0) throw errorOfAll(errors);
  return lacking.map(([name, { fixedSchema }]) => ({
    name,
    schema: fixedSchema === null ? publicSchema : null,
  }));
}

/** The statements of public scripts that create or move an extension. */
function publicStatements(scripts: readonly Script[]): ExtensionStatement[] {
  return scripts
    .filter(({ migration }) => migration.scope === 'public')
    .flatMap(({ extensions }) => extensions);
}
