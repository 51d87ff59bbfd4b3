import type { Canary } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { ScopeFiles } from '../project/migrations.ts';
import { type FleetState, readFleetState, unknownTenants } from '../state/fleet-state.ts';
import type { PlanSource } from '../state/plan-source.ts';
import { namingScope } from '../state/scope-names.ts';
import type { ScopeShare } from '../state/scope-selection.ts';
import { createDigests, type Digests } from './digests.ts';
import { createMigrator, type Migrator } from './migrator.ts';
import { hasWork } from './outcome.ts';
import type { UpOptions } from './up-options.ts';

/** A kind of tenants in a run, with its state before anything was migrated. */
export interface TenantKind {
  readonly name: string;
  readonly migrator: Migrator;
  readonly found: FleetState;
  /** The options, limited to tenants and canaries of this kind. */
  readonly options: UpOptions;
  readonly digests: Digests;
}

/** Reads the selected tenants of each kind, with the sessions of a run. @throws SqlmigError as `readFleetState` does. */
export async function openKinds(
  base: Migrator,
  shares: readonly ScopeShare<ScopeFiles>[],
  options: UpOptions,
): Promise<readonly TenantKind[]> {
  const kinds: TenantKind[] = [];
  for (const { config, migrations, select } of shares) {
    if (config.scope === null) throw new RangeError('the files of all tenants are of no kind');
    const { name } = config.scope;
    const source = { config, migrations, options: base.settings.plan };
    const migrator = migratorOfKind(base, source, base.context.confined);
    const digests = createDigests(migrator);
    const found = await base.run.read(async (session, reader) =>
      readFleetState(reader, migrator.source, { selection: select, digests: await digests.read(session) }),
    );
    kinds.push({
      name,
      migrator,
      found,
      options: { ...options, select, ...canariesIn(found, options.canary, name) },
      digests,
    });
  }
  return kinds;
}

/** A migrator for the tenants of a kind, with the sessions of a run; `source` has the config of the kind. */
export function migratorOfKind(
  { run, settings }: Pick<Migrator, 'run' | 'settings'>,
  source: PlanSource,
  confined = false,
): Migrator {
  const { config } = source;
  const onNotice: Migrator['run']['onNotice'] = (notice, from) =>
    run.onNotice(notice, from && { ...from, scope: config.scope?.name ?? from.scope });
  const own = { ...settings, emit: namingScope(settings.emit, config) };
  return createMigrator({ run: { ...run, config, onNotice }, source, settings: own }, confined);
}

/**
 * The named canaries that get the files of all tenants; the other ones may belong to a kind.
 * @throws SqlmigError `unknown-tenant` if a canary is in no scope.
 */
export function ownCanaries(
  found: FleetState,
  { canary }: UpOptions,
  kinds: readonly TenantKind[],
): Pick<UpOptions, 'canary'> {
  if (kinds.length === 0 || typeof canary !== 'object' || !('names' in canary)) return {};
  const states = [found, ...kinds.map((kind) => kind.found)];
  const tenantNames = new Set(states.flatMap(({ tenants }) => tenants.map(({ schema }) => schema)));
  const unknown = canary.names.filter((name) => !tenantNames.has(name));
  const words = { what: 'selected tenant', state: 'no tenant was touched' };
  if (unknown.length > 0 && states.every(({ tenantsUnknown }) => tenantsUnknown === null))
    throw unknownTenants(unknown, [...tenantNames], words);
  return canariesIn(found, canary, 'tenant');
}

/** The named canaries among the tenants of a scope. @throws SqlmigError `bad-usage` if there is none and it has work. */
export function canariesIn(
  { tenants, tenantsUnknown }: Pick<FleetState, 'tenants' | 'tenantsUnknown'>,
  canary: Canary | undefined,
  scope: string,
): Pick<UpOptions, 'canary'> {
  if (typeof canary !== 'object' || !('names' in canary) || tenantsUnknown !== null) return {};
  const among = canariesAmong(tenants, canary);
  if (among.canary.names.length === 0 && tenants.some(hasWork))
    throw new SqlmigError('bad-usage', `no canary is a tenant of scope ${scope}`, {
      state: 'nothing was touched',
      hint: 'name a canary of each scope that has pending migrations',
    });
  return among;
}

/** The named canaries among these tenants. */
export function canariesAmong(
  tenants: FleetState['tenants'],
  { names }: { readonly names: readonly string[] },
) {
  const tenantNames = new Set(tenants.map(({ schema }) => schema));
  return { canary: { names: names.filter((name) => tenantNames.has(name)) } };
}
