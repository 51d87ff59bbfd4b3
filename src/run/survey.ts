import type { Config } from '../config.ts';
import type { PlanOptions } from '../core/plan.ts';
import type { Session } from '../db/session.ts';
import { type Discovery, discoverTenants, tenantsQueryFailed } from '../db/tenants.ts';
import { SqlmigError } from '../errors.ts';
import type { Migrations } from '../migrations.ts';
import { lookAt, type Target } from './look.ts';

/** Which schemas a command is for. Public is always looked at: tenants depend on it. */
export type Selection =
  | { readonly kind: 'all'; readonly except: readonly string[] }
  | { readonly kind: 'public' }
  | { readonly kind: 'tenants'; readonly names: readonly string[] };

/** Every schema of a selection as it was found, without any lock. */
export interface Survey {
  readonly public: Target;
  readonly tenants: readonly Target[];
  /** Why the tenants cannot be known before public is applied; `null` where they are known. */
  readonly tenantsUnknown: string | null;
}

/**
 * Looks at public and the selected tenants.
 * @throws SqlmigError `unknown-tenant`, and what `discoverTenants` and `lookAt` throw.
 */
export async function survey(
  session: Session,
  migrations: Migrations,
  selection: Selection,
  options: PlanOptions,
  config: Config,
): Promise<Survey> {
  const shared = await lookAtPublic(session, migrations, options, config);
  const found = await selectTenants(session, selection, config);
  // Only with public still pending can the list depend on what is not there yet.
  if ('unknown' in found && shared.plan.pending === 0) throw tenantsQueryFailed(found.unknown);
  const names = 'unknown' in found ? [] : found.names;
  return {
    public: shared,
    tenants: await lookAt(session, names, { scope: 'tenant', files: migrations.tenant, options }, config),
    tenantsUnknown: 'unknown' in found ? found.unknown : null,
  };
}

/** Looks at the public schema alone. */
export async function lookAtPublic(
  session: Session,
  migrations: Migrations,
  options: PlanOptions,
  config: Config,
): Promise<Target> {
  const look = { scope: 'public', files: migrations.public, options } as const;
  const [target] = await lookAt(session, [config.publicSchema], look, config);
  if (target === undefined) throw new RangeError('one schema gives one target');
  return target;
}

/** The selected tenants' names, in the order of their source. */
export async function selectTenants(
  session: Session,
  selection: Selection,
  config: Config,
): Promise<Discovery> {
  if (selection.kind === 'public') return { names: [] };
  const { historyTable, publicSchema, database } = config;
  const found = await discoverTenants(session, database.tenants, publicSchema, historyTable);
  if ('unknown' in found) return found;
  const known = new Set(found.names);
  const asked = selection.kind === 'all' ? selection.except : selection.names;
  const unknown = asked.filter((name) => !known.has(name));
  if (unknown.length > 0) throw unknownTenants(unknown, found.names);
  if (selection.kind === 'tenants') return { names: [...new Set(selection.names)] };
  const except = new Set(selection.except);
  return { names: found.names.filter((name) => !except.has(name)) };
}

function unknownTenants(unknown: readonly string[], known: readonly string[]): SqlmigError {
  const quoted = unknown.map((name) => `"${name}"`).join(', ');
  const some = known.slice(0, 10).join(', ') + (known.length > 10 ? `, … (${known.length} in all)` : '');
  return new SqlmigError('unknown-tenant', `no tenant is called ${quoted}`, {
    state: 'nothing was touched',
    hint: known.length === 0 ? 'there are no tenants; check "tenants" in the config' : `tenants are ${some}`,
  });
}
