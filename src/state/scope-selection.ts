import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { kindsOf } from '../project/scope-view.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import { selectTenants, unknownTenants } from './fleet-state.ts';

/** The part of a selection that concerns the files of all tenants, or one kind of tenants. */
export interface ScopeShare {
  /** Limited to the kind. */
  readonly config: Config;
  readonly select: Selection;
}

/** The parts of a selection that names no tenants; `null` if it names some, so that they must be listed. */
export function wholeShares(config: Config, select: Selection): readonly ScopeShare[] | null {
  if (config.scopes.length === 0 || select.kind === 'public') return [{ config, select }];
  if ((select.kind === 'tenants' ? select.names : select.except).length > 0) return null;
  return [config, ...kindsOf(config)].map((one) => ({ config: one, select }));
}

/**
 * Divides a selection among the files of all tenants and the kinds of a config. Each gets the names that it lists, or all
 * of them if its list is not known yet.
 * @throws SqlmigError `unknown-tenant` for names that none lists, unless they may be unlisted; `tenants-query-failed` if
 *   the tenants of one cannot be listed and a name may be there.
 */
export async function divideSelection(
  reader: Reader,
  config: Config,
  select: Selection,
): Promise<readonly ScopeShare[]> {
  const whole = wholeShares(config, select);
  if (whole !== null || select.kind === 'public') return whole ?? [];
  const configs = [config, ...kindsOf(config)];
  const asked = select.kind === 'tenants' ? select.names : select.except;
  const listed = await listedInScopes(reader, configs);
  const known = new Set(listed.flatMap(({ names }) => [...names]));
  const unknown = asked.filter((name) => !known.has(name));
  if (unknown.length > 0 && select.ifListed !== true) {
    const failure = listed.find(({ failure }) => failure !== null)?.failure;
    throw failure ? tenantsQueryFailed(failure) : unknownTenants(unknown, [...known]);
  }
  return configs.map((one, i) => {
    const isKnown = listed[i]?.failure === null;
    const own = isKnown ? asked.filter((name) => listed[i]?.names.has(name)) : asked;
    const names = select.kind === 'tenants' ? { ...select, names: own } : { ...select, except: own };
    return { config: one, select: isKnown ? names : { ...names, ifListed: true } };
  });
}

/** The tenants that each of several configs lists, or why that is not known yet. */
async function listedInScopes(
  reader: Reader,
  configs: readonly Config[],
): Promise<{ readonly names: ReadonlySet<string>; readonly failure: string | null }[]> {
  const listed = [];
  for (const config of configs) {
    const found = await selectTenants(reader, config, { selection: everySchema });
    listed.push(
      'unknown' in found
        ? { names: new Set<string>(), failure: found.unknown }
        : { names: new Set(found.names), failure: null },
    );
  }
  return listed;
}

/** Every tenant that a config lists, of all kinds; or why that is not known yet. */
export async function allListed(
  reader: Reader,
  config: Config,
): Promise<{ readonly names: ReadonlySet<string> } | { readonly unknown: string }> {
  const listed = await listedInScopes(reader, [config, ...kindsOf(config)]);
  const failure = listed.find(({ failure }) => failure !== null)?.failure ?? null;
  if (failure !== null) return { unknown: failure };
  return { names: new Set(listed.flatMap(({ names }) => [...names])) };
}
