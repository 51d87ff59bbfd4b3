import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { type InScope, type Scopes, tenantScopes } from '../project/scope-view.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import { selectTenants, unknownTenants } from './fleet-state.ts';

/** A scope with the part of a selection that concerns it. */
export type ScopeShare<S extends InScope> = S & { readonly select: Selection };

/** Divides a selection that names no tenants; `null` if it names any, since their scopes must then be read. */
export function wholeShares<S extends InScope>(
  [base, ...kinds]: Scopes<S>,
  select: Selection,
): Scopes<ScopeShare<S>> | null {
  if (kinds.length === 0 || select.kind === 'public') return [{ ...base, select }];
  if (namesIn(select).length > 0) return null;
  return [{ ...base, select }, ...kinds.map((kind) => ({ ...kind, select }))];
}

/**
 * Divides a selection among the scopes of a config; public belongs to the first. Each scope gets the names that it lists,
 * or all names if its list is not known yet.
 * @throws SqlmigError `unknown-tenant` for names that no scope lists, unless they may be unlisted; `tenants-query-failed`
 *   if the tenants of a scope cannot be listed and may include an unknown name.
 */
export async function divideSelection<S extends InScope>(
  reader: Reader,
  scopes: Scopes<S>,
  select: Selection,
): Promise<Scopes<ScopeShare<S>>> {
  const whole = wholeShares(scopes, select);
  if (whole !== null) return whole;
  const [base, ...kinds] = await listedInScopes(reader, scopes);
  const listed = [base, ...kinds];
  const asked = namesIn(select);
  const listedNames = new Set(listed.flatMap(({ names }) => [...names]));
  const unknown = asked.filter((name) => !listedNames.has(name));
  if (unknown.length > 0 && !('ifListed' in select && select.ifListed)) {
    const failure = listed.find(({ failure }) => failure !== null)?.failure;
    throw failure ? tenantsQueryFailed(failure) : unknownTenants(unknown, [...listedNames]);
  }
  const shareOf = ({ scope, names, failure }: ListedScope<S>): ScopeShare<S> => {
    const isKnown = failure === null;
    const part = limitedTo(
      select,
      asked.filter((name) => !isKnown || names.has(name)),
    );
    return { ...scope, select: isKnown ? part : { ...part, ifListed: true } };
  };
  return [shareOf(base), ...kinds.map(shareOf)];
}

/** The names in a selection of tenants. */
function namesIn(select: Selection): readonly string[] {
  if (select.kind === 'public') return [];
  return select.kind === 'tenants' ? select.names : select.except;
}

/** A selection with other names. */
function limitedTo(select: Selection, names: readonly string[]): Selection {
  if (select.kind === 'public') return select;
  return select.kind === 'tenants' ? { ...select, names } : { ...select, except: names };
}

interface ListedScope<S extends InScope> {
  readonly scope: S;
  readonly names: ReadonlySet<string>;
  /** Why the tenants are not known yet. */
  readonly failure: string | null;
}

/** The tenants that each scope lists. */
export async function listedInScopes<S extends InScope>(
  reader: Reader,
  [base, ...kinds]: Scopes<S>,
): Promise<Scopes<ListedScope<S>>> {
  const listed: [ListedScope<S>, ...ListedScope<S>[]] = [await listedIn(reader, base)];
  for (const kind of kinds) listed.push(await listedIn(reader, kind));
  return listed;
}

async function listedIn<S extends InScope>(reader: Reader, scope: S): Promise<ListedScope<S>> {
  const discovery = await selectTenants(reader, scope.config, { selection: everySchema });
  return 'unknown' in discovery
    ? { scope, names: new Set(), failure: discovery.unknown }
    : { scope, names: new Set(discovery.names), failure: null };
}

/** Every tenant that a config lists, of all kinds, or why the tenants are not known yet. */
export async function allListed(
  reader: Reader,
  config: Config,
): Promise<{ readonly names: ReadonlySet<string> } | { readonly unknown: string }> {
  const listed = await listedInScopes(reader, tenantScopes(config));
  const failure = listed.find(({ failure }) => failure !== null)?.failure ?? null;
  if (failure !== null) return { unknown: failure };
  return { names: new Set(listed.flatMap(({ names }) => [...names])) };
}
