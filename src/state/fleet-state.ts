import type { PlanOptions } from '../decide/plan.ts';
import { SqlmigError } from '../errors.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import type { Migrations } from '../project/migrations.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import {
  type Discovered,
  type Discovery,
  discoverTenants,
  type HistoryDigests,
  tenantsQueryFailed,
} from '../tenants/tenants.ts';
import { type PlanBasis, readTargets, type Target, troubled, type Wanted } from './target.ts';

/** Every schema of a selection as it was found, without any lock. */
export interface FleetState {
  readonly public: Target;
  readonly tenants: readonly Target[];
  /** Why the tenants cannot be known before public is applied; `null` where they are known. */
  readonly tenantsUnknown: string | null;
}

/**
 * Looks at public and the selected tenants; histories that are `kept` are not read again. `again` is for its own second
 * try.
 * @throws SqlmigError `unknown-tenant`, and what `discoverTenants` and `readTargets` throw.
 */
export async function readFleetState(
  reader: Reader,
  migrations: Migrations,
  selection: Selection,
  options: PlanOptions,
  config: Config,
  kept: HistoryDigests = noDigests,
  again = false,
): Promise<FleetState> {
  const found = await selectTenants(reader, selection, config, kept);
  const listed = 'unknown' in found ? nobody : found;
  const basis = { scope: 'tenant', files: migrations.tenant, options } as const;
  const [shared, ...tenants] = await readListedTargets(reader, listed, basis, config, [
    publicOf(migrations, options, config),
  ]);
  if (shared === undefined) throw new RangeError('one schema gives one target');
  // Only with public still pending can the list depend on what is not there yet; another run may have applied it
  // between the list and the look.
  if ('unknown' in found && shared.plan.pending === 0) {
    if (again) throw tenantsQueryFailed(found.unknown);
    return readFleetState(reader, migrations, selection, options, config, kept, true);
  }
  return { public: shared, tenants, tenantsUnknown: 'unknown' in found ? found.unknown : null };
}

/**
 * Looks at tenants of a list, after what else is wanted. Names that cannot be a tenant's follow in trouble; a tenant
 * without a schema that the list no longer has was dropped meanwhile, and is left out.
 */
export async function readListedTargets(
  reader: Reader,
  { names, bad, digests }: Discovered,
  basis: PlanBasis,
  config: Config,
  others: readonly Wanted[] = [],
): Promise<Target[]> {
  const wanted = [...others, ...names.map((schema) => ({ schema, basis }))];
  const targets = await readTargets(wanted, { ...reader, digests }, config.historyTable);
  return [
    ...(await withoutGone(reader, targets, config)),
    ...[...bad].map(([name, trouble]) => troubled(name, basis, trouble)),
  ];
}

/** Targets without the tenants whose schema does not exist and that the list does not have any more. */
export async function withoutGone(
  reader: Reader,
  targets: readonly Target[],
  config: Config,
): Promise<readonly Target[]> {
  const isMissing = ({ scope, exists }: Target) => scope === 'tenant' && !exists;
  if (!targets.some(isMissing)) return targets;
  const listed = await listedNow(reader, config);
  return listed === null
    ? targets
    : targets.filter((target) => !isMissing(target) || listed.has(target.schema));
}

/** The names that the source lists now; `null` where that cannot be known, or never changes. */
export async function listedNow(reader: Reader, config: Config): Promise<ReadonlySet<string> | null> {
  if (config.database.tenants.kind === 'list') return null;
  const found = await selectTenants(reader, everySchema, config);
  return 'unknown' in found ? null : new Set(found.names);
}

/** Looks at the public schema alone. @throws SqlmigError where its history cannot be read. */
export async function readPublicTarget(
  reader: Reader,
  migrations: Migrations,
  options: PlanOptions,
  config: Config,
): Promise<Target> {
  const wanted = [publicOf(migrations, options, config)];
  const [target] = await readTargets(wanted, { ...reader, digests: noDigests }, config.historyTable);
  if (target === undefined) throw new RangeError('one schema gives one target');
  if (target.trouble !== null) throw target.trouble;
  return target;
}

const noDigests: HistoryDigests = new Map();
const nobody: Discovered = { names: [], bad: new Map(), digests: noDigests };

function publicOf(migrations: Migrations, options: PlanOptions, config: Config): Wanted {
  return { schema: config.publicSchema, basis: { scope: 'public', files: migrations.public, options } };
}

/** The selected tenants' names, in the order of their source, and what is known of their histories. */
export async function selectTenants(
  reader: Reader,
  selection: Selection,
  config: Config,
  digests: HistoryDigests = noDigests,
): Promise<Discovery> {
  if (selection.kind === 'public') return { ...nobody, digests };
  const { historyTable: table, publicSchema, database } = config;
  const found = await discoverTenants(database.tenants, { ...reader, publicSchema, table, digests });
  if ('unknown' in found) return found;
  const known = new Set(found.names);
  const asked = selection.kind === 'all' ? selection.except : selection.names;
  const unknown = asked.filter((name) => !known.has(name));
  if (unknown.length > 0) throw unknownTenants(unknown, found.names);
  if (selection.kind === 'tenants') return { ...found, names: [...new Set(selection.names)], bad: new Map() };
  const except = new Set(selection.except);
  return { ...found, names: found.names.filter((name) => !except.has(name)) };
}

/** The error for names that are not among the tenants known; `what` and `state` say which those are and how they are. */
export function unknownTenants(
  unknown: readonly string[],
  known: readonly string[],
  { what, state } = { what: 'tenant', state: 'nothing was touched' },
): SqlmigError {
  const quoted = unknown.map((name) => `"${name}"`).join(', ');
  const some = known.slice(0, 10).join(', ') + (known.length > 10 ? `, … (${known.length} in all)` : '');
  return new SqlmigError('unknown-tenant', `no ${what} is called ${quoted}`, {
    state,
    hint: known.length === 0 ? 'there are no tenants; check "tenants" in the config' : `${what}s are ${some}`,
  });
}
