import { SqlmigError } from '../errors.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { kindsOf, publicTable } from '../project/scope-view.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import {
  type Discovered,
  type Discovery,
  discoverTenants,
  type HistoryDigests,
  matchingNames,
  tenantsQueryFailed,
} from '../tenants/tenants.ts';
import {
  basisOf,
  type PlanSource,
  publicRequest,
  type TargetRequest,
  tenantRequests,
} from './plan-source.ts';
import { namedError } from './scope-names.ts';
import { readTargets, type Target, troubled } from './target.ts';

/** Every schema of a selection, read without a lock. */
export interface FleetState {
  readonly public: Target;
  readonly tenants: readonly Target[];
  /** Why the tenants are unknown until public is migrated; `null` if they are known. */
  readonly tenantsUnknown: string | null;
  /** Only tenants of a kind are covered: public belongs to the files of all tenants. */
  readonly ofKind?: true;
}

/** Every schema that a fleet covers, public first. */
export function allTargets({ public: shared, tenants, ofKind }: FleetState): readonly Target[] {
  return ofKind === true ? tenants : [shared, ...tenants];
}

/** The schemas of a fleet that have a history. */
export function managedIn(state: FleetState): string[] {
  return allTargets(state)
    .filter(({ rows }) => rows.length > 0)
    .map(({ schema }) => schema);
}

/** True if all tenants were selected, and their source lists none. */
export function listsNoTenants({ tenants, tenantsUnknown }: FleetState, selection: Selection): boolean {
  return (
    selection.kind === 'all' &&
    selection.except.length === 0 &&
    tenants.length === 0 &&
    tenantsUnknown === null
  );
}

/** The schemas to read, and the digests that were read before. */
interface FleetRequest {
  readonly selection: Selection;
  readonly digests?: HistoryDigests;
}

/**
 * Reads public and the selected tenants.
 * @throws SqlmigError `unknown-tenant`, and what `discoverTenants` and `readTargets` throw.
 */
export async function readFleetState(
  reader: Reader,
  source: PlanSource,
  request: FleetRequest,
): Promise<FleetState> {
  for (let attempt = 1; ; attempt++) {
    const discovery = await selectTenants(reader, source.config, request);
    const unknown = 'unknown' in discovery ? discovery.unknown : null;
    const listed = 'unknown' in discovery ? noTenants : discovery;
    const { shared, tenants } = await readWithPublic(reader, source, listed);
    // The list can depend on what is missing only while public has pending migrations. Another run may have applied them
    // since the list was read.
    if (unknown === null || shared.plan.pending > 0)
      return {
        public: shared,
        tenants,
        tenantsUnknown: unknown,
        ...(source.config.scope !== null && { ofKind: true as const }),
      };
    if (attempt === 2) throw tenantsQueryFailed(unknown);
  }
}

/** Reads public and the listed tenants. The history tables of kinds have other names than the one of public. */
async function readWithPublic(
  reader: Reader,
  source: PlanSource,
  listed: Discovered,
): Promise<{ readonly shared: Target; readonly tenants: readonly Target[] }> {
  if (source.config.scope !== null) {
    const shared = await readPublic(reader, source);
    return { shared, tenants: await readListed(reader, source, listed) };
  }
  const [shared, ...tenants] = await readListed(reader, source, {
    ...listed,
    others: [publicRequest(source)],
  });
  if (shared === undefined) throw new RangeError('one request gives one target');
  return { shared, tenants };
}

async function readPublic(reader: Reader, source: PlanSource): Promise<Target> {
  const [target] = await readTargets([publicRequest(source)], reader, publicTable(source.config));
  if (target === undefined) throw new RangeError('one request gives one target');
  return target;
}

/**
 * Reads `others`, then the listed tenants, then targets with trouble for bad names. A tenant that has no schema and is no
 * longer listed was dropped in the meantime, and is left out.
 */
export async function readListed(
  reader: Reader,
  source: PlanSource,
  { names, bad, digests, others = [] }: Discovered & { readonly others?: readonly TargetRequest[] },
): Promise<Target[]> {
  const { config } = source;
  const requests = [...others, ...tenantRequests(source, names)];
  const targets = await readTargets(requests, { ...reader, digests }, config.historyTable);
  const basis = basisOf(source, 'tenant');
  return [
    ...(await withoutGone(reader, targets, config)),
    ...[...bad].map(([schema, trouble]) => troubled({ schema, basis }, trouble)),
  ];
}

/** Targets without the tenants that have no schema and are no longer listed. */
async function withoutGone(
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

/** The names that the tenant source lists now; `null` if they are unknown or never change. */
export async function listedNow(reader: Reader, config: Config): Promise<ReadonlySet<string> | null> {
  if (config.database.tenants.kind === 'list') return null;
  const discovery = await selectTenants(reader, config, { selection: everySchema });
  return 'unknown' in discovery ? null : new Set(discovery.names);
}

/** Reads the public schema alone. @throws SqlmigError if its history cannot be read. */
export async function readPublicTarget(reader: Reader, source: PlanSource): Promise<Target> {
  const target = await readPublic(reader, source);
  if (target.trouble !== null) throw target.trouble;
  return target;
}

const noDigests: HistoryDigests = new Map();
const noTenants: Discovered = { names: [], bad: new Map(), digests: noDigests };

/** The names of the selected tenants, in the order of their source, and the digests that were read. */
export async function selectTenants(
  reader: Reader,
  config: Config,
  { selection, digests = noDigests }: FleetRequest,
): Promise<Discovery> {
  if (selection.kind === 'public') return { ...noTenants, digests };
  const { historyTable: table, publicSchema, database } = config;
  const listing = { ...reader, publicSchema, table, digests };
  const listed = await discoverTenants(database.tenants, listing).catch((error: unknown) => {
    throw namedError(error, config);
  });
  if ('unknown' in listed) return listed;
  const all = { ...listed, names: [...listed.names, ...(await newOfKinds(reader, config, listed.names))] };
  const allNames = new Set(all.names);
  const asked = selection.kind === 'all' ? selection.except : selection.names;
  const unknown = asked.filter((name) => !allNames.has(name));
  if (unknown.length > 0 && selection.ifListed !== true)
    throw unknownTenants(unknown, all.names, { scope: config.scope?.name });
  if (selection.kind === 'tenants') {
    const names = [...new Set(selection.names)].filter((name) => allNames.has(name));
    return { ...all, names, bad: new Map() };
  }
  const except = new Set(selection.except);
  return { ...all, names: all.names.filter((name) => !except.has(name)) };
}

/**
 * New tenants of kinds whose names match the pattern for all tenants. The pattern finds only existing schemas, and without
 * this they would be created with only the files of their kinds.
 */
async function newOfKinds(reader: Reader, config: Config, existing: readonly string[]): Promise<string[]> {
  const { tenants } = config.database;
  if (tenants.kind !== 'pattern' || config.scope !== null) return [];
  const names = new Set<string>();
  for (const kind of kindsOf(config)) {
    const { kind: source } = kind.database.tenants;
    if (source === 'pattern' || source === 'history') continue;
    const listed = await selectTenants(reader, kind, { selection: everySchema });
    if (!('unknown' in listed)) for (const name of listed.names) names.add(name);
  }
  for (const name of existing) names.delete(name);
  return matchingNames(reader.session, tenants.pattern, [...names]);
}

/** The words of the error: what the names should be, in which scope, and the state. */
interface UnknownTenants {
  readonly what?: string;
  readonly state?: string;
  readonly scope?: string | undefined;
}

/** The error for names that are not among the known tenants. */
export function unknownTenants(
  unknown: readonly string[],
  known: readonly string[],
  { what = 'tenant', state = 'nothing was touched', scope }: UnknownTenants = {},
): SqlmigError {
  const quoted = unknown.map((name) => `"${name}"`).join(', ');
  const some = known.slice(0, 10).join(', ') + (known.length > 10 ? `, … (${known.length} in all)` : '');
  const of = scope === undefined ? '' : ` of scope ${scope}`;
  return new SqlmigError('unknown-tenant', `no ${what}${of} is called ${quoted}`, {
    state,
    hint:
      known.length === 0
        ? `there are no tenants${of}; check "tenants" in the config`
        : `${what}s${of} are ${some}`,
  });
}
