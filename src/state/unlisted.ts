import { schemasWithHistory } from '../history/presence.ts';
import { type Reader, readHistoryDigests } from '../history/read-histories.ts';
import { everySchema, type Selection } from '../project/selection.ts';
import { fewAndMore } from '../text/few.ts';
import { type FleetState, selectTenants } from './fleet-state.ts';
import { type PlanSource, tenantRequests } from './plan-source.ts';
import { readTargets, type Target } from './target.ts';

/**
 * Reads the schemas that have a tenant's history and are not in the tenant source, so no run migrates them. Returns none
 * unless all tenants were selected and are known, and none if the histories are the tenant source.
 */
export async function readUnlistedTargets(
  reader: Reader,
  source: PlanSource,
  {
    found: { tenants, tenantsUnknown },
    selection,
  }: { readonly found: FleetState; readonly selection: Selection },
): Promise<Target[]> {
  const { publicSchema, historyTable, database } = source.config;
  if (selection.kind !== 'all' || tenantsUnknown !== null || database.tenants.kind === 'history') return [];
  const selected = new Set([publicSchema, ...selection.except, ...tenants.map(({ schema }) => schema)]);
  const withHistory = await schemasWithHistory(reader.session, historyTable, { readable: true });
  const others = withHistory.filter((schema) => !selected.has(schema));
  const { read: digests } = await readHistoryDigests(reader, others, historyTable);
  const candidates = [...digests].filter(([, { scope }]) => scope === 'tenant').map(([schema]) => schema);
  if (candidates.length === 0) return [];
  // A tenant may have signed up since the list was read.
  const listed = await selectTenants(reader, source.config, { selection });
  const now = new Set('unknown' in listed ? [] : listed.names);
  const unlisted = candidates.filter((schema) => !now.has(schema));
  return readTargets(tenantRequests(source, unlisted), { ...reader, digests }, historyTable);
}

/** Warns about each kind with a history in `schemas` that does not list them: `down` does not undo its files there. */
export async function unlistedKindWarnings(
  reader: Reader,
  kinds: readonly { readonly source: PlanSource; readonly fleet: FleetState }[],
  schemas: ReadonlySet<string>,
): Promise<string[]> {
  const warnings: string[] = [];
  for (const { source, fleet } of kinds) {
    const unlisted = await readUnlistedTargets(reader, source, { found: fleet, selection: everySchema });
    const names = unlisted.filter(({ schema }) => schemas.has(schema)).map(({ schema }) => schema);
    if (names.length === 0) continue;
    const [has, them] = names.length === 1 ? ['has', 'it'] : ['have', 'them'];
    const what = `migrations of scope ${source.config.scope?.name}, which does not list ${them}`;
    warnings.push(`${fewAndMore(names, 3)} ${has} ${what}, so these are not undone`);
  }
  return warnings;
}
