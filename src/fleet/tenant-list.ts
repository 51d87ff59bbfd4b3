import type { Selection } from '../project/selection.ts';
import { readListed, selectTenants } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import type { Migrator } from './migrator.ts';

/** Lists the selected tenants again and reads those that are not among `known`. */
export async function relistTenants(
  { run, source }: Migrator,
  selection: Selection,
  known: readonly Target[],
): Promise<Target[]> {
  return run.read(async (_, reader) => {
    // For the known ones only names are needed, so their histories count as read.
    const digests = new Map(known.map(({ schema }) => [schema, { digest: '', scope: 'tenant' as const }]));
    const listed = await selectTenants(reader, source.config, { selection, digests });
    if ('unknown' in listed) throw tenantsQueryFailed(listed.unknown);
    const isNew = (name: string) => !digests.has(name);
    const names = listed.names.filter(isNew);
    const bad = new Map([...listed.bad].filter(([name]) => isNew(name)));
    return readListed(reader, source, { names, bad, digests: new Map() });
  });
}
