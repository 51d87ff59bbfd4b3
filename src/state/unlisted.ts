import type { PlanOptions } from '../decide/plan.ts';
import { schemasWithHistory } from '../history/presence.ts';
import { type Reader, readHistoryDigests } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import type { Migrations } from '../project/migrations.ts';
import type { Selection } from '../project/selection.ts';
import { type FleetState, selectTenants } from './fleet-state.ts';
import { readTargets, type Target } from './target.ts';

/**
 * Looks at the schemas that have a history of ours with scope tenant and are not tenants of the config: no run migrates
 * them. None where not all tenants were selected, where the tenants are not known yet, and where the histories are what
 * lists the tenants.
 */
export async function readUnlistedTargets(
  reader: Reader,
  { tenants, tenantsUnknown }: FleetState,
  migrations: Migrations,
  selection: Selection,
  options: PlanOptions,
  config: Config,
): Promise<Target[]> {
  const { publicSchema, historyTable, database } = config;
  if (selection.kind !== 'all' || tenantsUnknown !== null || database.tenants.kind === 'history') return [];
  const known = new Set([publicSchema, ...selection.except, ...tenants.map(({ schema }) => schema)]);
  const withHistory = await schemasWithHistory(reader.session, historyTable, { readable: true });
  const others = withHistory.filter((schema) => !known.has(schema));
  const { read: digests } = await readHistoryDigests(reader, others, historyTable);
  const candidates = [...digests].filter(([, { scope }]) => scope === 'tenant').map(([schema]) => schema);
  if (candidates.length === 0) return [];
  // A tenant may have signed up since the list was read.
  const listed = await selectTenants(reader, selection, config);
  const now = new Set('unknown' in listed ? [] : listed.names);
  const basis = { scope: 'tenant', files: migrations.tenant, options } as const;
  const wanted = candidates.filter((schema) => !now.has(schema)).map((schema) => ({ schema, basis }));
  return readTargets(wanted, { ...reader, digests }, historyTable);
}
