import { SqlmigError, withMessage } from '../errors.ts';
import type { OnEvent, RunEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import type { ScopeName } from '../results.ts';

/** The scope of the tenants of a config, which may be limited to a kind. */
export function tenantScope({ scope }: Pick<Config, 'scope'>): ScopeName {
  return scope?.name ?? 'tenant';
}

/** An item with a scope, and perhaps with findings, which have scopes as well. */
interface Scoped {
  readonly scope?: ScopeName;
  readonly findings?: readonly Scoped[];
}

/**
 * Replaces the scope `tenant` of an item with the name of the kind. Returns the item unchanged if the config is not limited
 * to a kind.
 */
export function namedScope<T extends Scoped>(item: T, config: Pick<Config, 'scope'>): T {
  if (config.scope === null) return item;
  const { findings } = item;
  return {
    ...item,
    ...(item.scope === 'tenant' && { scope: config.scope.name }),
    ...(findings !== undefined && { findings: findings.map((finding) => namedScope(finding, config)) }),
  };
}

/** Names the kind in an error about its tenants. Returns any other error unchanged. */
export function namedError(error: unknown, { scope }: Pick<Config, 'scope'>): unknown {
  if (scope === null || !(error instanceof SqlmigError) || error.code !== 'tenants-query-failed')
    return error;
  return withMessage(error, `scope ${scope.name}: ${error.message}`);
}

/** Wraps a listener so that events have the name of the kind as their scope. */
export function namingScope(emit: OnEvent, config: Pick<Config, 'scope'>): OnEvent {
  if (config.scope === null) return emit;
  return (event) => emit(namedEvent(event, config));
}

function namedEvent(event: RunEvent, config: Pick<Config, 'scope'>): RunEvent {
  switch (event.type) {
    case 'schema-finished':
      return { ...event, outcome: namedScope(event.outcome, config) };
    case 'phase-started':
    case 'migration-applied':
    case 'migration-undone':
    case 'server-notice':
      return namedScope(event, config);
    default:
      return event;
  }
}
