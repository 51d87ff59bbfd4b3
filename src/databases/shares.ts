import type { Canary } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { Config } from '../project/config.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { unknownTenants } from '../state/fleet-state.ts';
import { allListed } from '../state/scope-selection.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';

/** Options that may name tenants. */
export interface NamingOptions {
  readonly select?: Selection;
  readonly canary?: Canary;
  readonly signal?: AbortSignal;
}

/** The options of a command for one database, or the error that prevented finding them. */
type Share<O> = { readonly config: Config; readonly database: string } & (
  | { readonly options: O }
  | { readonly error: SqlmigError }
);

/** The configs of the databases of a config, each with one database and its name. */
export function configsOf(config: Config): readonly { readonly config: Config; readonly database: string }[] {
  const { database, otherDatabases } = config;
  return [database, ...otherDatabases].map((each) => {
    if (each.name === null) throw new RangeError('one of several databases has a name');
    return { config: { ...config, database: each, otherDatabases: [] }, database: each.name };
  });
}

/**
 * Divides the names of tenants in options among the databases that list them. A database that lists none of the selected
 * tenants has no share.
 * @throws SqlmigError `unknown-tenant` for names that no database lists, or the error of a database that may list them.
 */
export async function sharesOf<O extends NamingOptions>(
  config: Config,
  options: O,
): Promise<readonly Share<O>[]> {
  const names = namesIn(options);
  const { select } = options;
  const mayBeUnlisted = select?.kind === 'tenants' && select.ifListed === true;
  const configs = configsOf(config);
  if (names.length === 0) return configs.map((part) => ({ ...part, options }));
  const listed = await Promise.all(configs.map((part) => listing(part.config, options)));
  const known = new Set(listed.flatMap((found) => ('error' in found ? [] : [...found.names])));
  const unknown = names.filter((name) => !known.has(name));
  const failure = listed.find((found) => 'error' in found);
  if (unknown.length > 0 && !mayBeUnlisted) throw failure?.error ?? unknownTenants(unknown, [...known]);
  return configs.flatMap((part, i): Share<O>[] => {
    const list = listed[i];
    if (list === undefined) return [];
    if ('error' in list) return [{ ...part, ...list }];
    const partOptions = optionsIn(options, list.names, part.database);
    return partOptions === null ? [] : [{ ...part, options: partOptions }];
  });
}

function namesIn({ select = everySchema, canary }: NamingOptions): string[] {
  const selected = select.kind === 'tenants' ? select.names : [];
  const except = select.kind === 'all' ? select.except : [];
  return [...selected, ...except, ...(typeof canary === 'object' && 'names' in canary ? canary.names : [])];
}

type Listing = { readonly names: ReadonlySet<string> } | { readonly error: SqlmigError };

/** The tenants that a database lists. */
async function listing(config: Config, { signal }: NamingOptions): Promise<Listing> {
  try {
    const found = await withRun(config, callerOf({ signal }), (run) =>
      run.read((_, reader) => allListed(reader, config)),
    );
    return 'unknown' in found ? { error: tenantsQueryFailed(found.unknown) } : found;
  } catch (error) {
    if (error instanceof SqlmigError) return { error };
    throw error;
  }
}

/** Options with the names that a database lists; `null` if none of the selected tenants is among them. */
function optionsIn<O extends NamingOptions>(
  options: O,
  known: ReadonlySet<string>,
  database: string,
): O | null {
  const { select = everySchema, canary } = options;
  const listed = (names: readonly string[]) => names.filter((name) => known.has(name));
  if (select.kind === 'tenants' && listed(select.names).length === 0) return null;
  const selected = listedSelection(select, listed);
  if (typeof canary !== 'object' || !('names' in canary)) return { ...options, select: selected };
  const canaries = listed(canary.names);
  if (canaries.length === 0)
    throw new SqlmigError('bad-usage', `no canary is a tenant of database ${database}`, {
      state: 'nothing was touched',
      hint: 'name a canary of each database, or select databases with --database',
    });
  return { ...options, select: selected, canary: { names: canaries } };
}

function listedSelection(
  select: Selection,
  listed: (names: readonly string[]) => readonly string[],
): Selection {
  if (select.kind === 'tenants') return { ...select, names: listed(select.names) };
  return select.kind === 'all' ? { ...select, except: listed(select.except) } : select;
}
