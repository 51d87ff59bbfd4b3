import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { type InScope, type Scopes, tenantScopes } from '../project/scope-view.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import type { ScopeName } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { namedScope, namingScope } from '../state/scope-names.ts';
import { divideSelection, type ScopeShare, wholeShares } from '../state/scope-selection.ts';

/** The options of a command that differ between scopes. */
interface ScopeOptions {
  readonly select?: Selection;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** Work for the files of all tenants, then for each kind of tenants. */
interface ScopeWork<O, T> {
  readonly work: (config: Config, options: O) => Promise<T>;
  readonly merge: (parts: ScopeParts<T>) => T;
}

/** The result of work in one scope, which is the one of `config`. */
export interface ScopePart<T> {
  readonly config: Config;
  readonly result: T;
}

/**
 * Works in one database for the files of all tenants, then for each kind, and merges the results. Without kinds, returns
 * the result unchanged.
 * @throws SqlmigError as `divideSelection` and the work do.
 */
export async function inScopes<O extends ScopeOptions, T>(
  config: Config,
  options: O,
  { work, merge }: ScopeWork<O, T>,
): Promise<T> {
  if (config.scopes.length === 0) return work(config, options);
  const { signal, onEvent } = options;
  const [first, ...kinds] = await scopeShares(config, options);
  const workOn = async ({ config: part, select }: ScopeShare<InScope>): Promise<ScopePart<T>> => {
    const listener = onEvent && { onEvent: namingScope(onEvent, part) };
    return { config: part, result: await work(part, { ...options, select, ...listener, signal }) };
  };
  const parts: [ScopePart<T>, ...ScopePart<T>[]] = [await workOn(first)];
  for (const kind of kinds) parts.push(await workOn(kind));
  return merge(parts);
}

async function scopeShares(
  config: Config,
  { select = everySchema, signal }: ScopeOptions,
): Promise<Scopes<ScopeShare<InScope>>> {
  const scopes = tenantScopes(config);
  const whole = wholeShares(scopes, select);
  if (whole !== null) return whole;
  return withRun(config, callerOf({ signal }), ({ read }) =>
    read((_, reader) => divideSelection(reader, scopes, select)),
  );
}

/** The results of all scopes, in the order of the config. */
export type ScopeParts<T> = Scopes<ScopePart<T>>;

/** Maps the result of each scope. */
export function mapParts<T, R>([first, ...kinds]: ScopeParts<T>, partOf: (result: T) => R): ScopeParts<R> {
  const mapped = ({ config, result }: ScopePart<T>) => ({ config, result: partOf(result) });
  return [mapped(first), ...kinds.map(mapped)];
}

/** The items of all scopes, each with the name of its kind. Items of public come from the first part only. */
export function ofEachScope<T, I extends { readonly scope: ScopeName }>(
  parts: readonly ScopePart<T>[],
  itemsOf: (result: T) => readonly I[],
): I[] {
  return parts.flatMap(({ config, result }) =>
    itemsOf(result)
      .filter(({ scope }) => config.scope === null || scope !== 'public')
      .map((item) => namedScope(item, config)),
  );
}

/** Merges results: the first one, with `ok` only if all are, and why tenants are unknown. */
export function mergedScopes<T extends { readonly ok: boolean; readonly tenantsUnknown?: string }>(
  parts: ScopeParts<T>,
): T {
  const [unknown] = parts.flatMap(({ config: { scope }, result: { tenantsUnknown: why } }) =>
    why === undefined ? [] : [scope === null ? why : `scope ${scope.name}: ${why}`],
  );
  return {
    ...parts[0].result,
    ok: parts.every(({ result }) => result.ok),
    ...(unknown !== undefined && { tenantsUnknown: unknown }),
  };
}
