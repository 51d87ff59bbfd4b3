import type { Selection } from '../project/selection.ts';
import { readListed, selectTenants } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import type { Migrator } from './migrator.ts';
import { isBadName } from './outcome.ts';

/** Lists the selected tenants again and reads those that are not among `known`. */
export async function relistTenants(
  { run, source }: Migrator,
  selection: Selection,
  known: readonly Target[],
): Promise<Target[]> {
  return run.read(async (_, reader) => {
    const knownBad = new Set(known.flatMap(({ schema, trouble }) => (isBadName(trouble) ? [schema] : [])));
    const tenants = known.filter(({ trouble }) => !isBadName(trouble));
    // For the known ones only names are needed, so their histories count as read.
    const digests = new Map(tenants.map(({ schema }) => [schema, { digest: '', scope: 'tenant' as const }]));
    const listed = await selectTenants(reader, source.config, { selection, digests });
    if ('unknown' in listed) throw tenantsQueryFailed(listed.unknown);
    const names = listed.names.filter((name) => !digests.has(name));
    const bad = new Map([...listed.bad].filter(([name]) => !knownBad.has(name)));
    return readListed(reader, source, { names, bad, digests: new Map() });
  });
}
