import type { Selection } from '../project/selection.ts';
import { readListedTargets, selectTenants } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';
import type { Migrator } from './migrator.ts';

/** Lists the selected tenants anew and looks at those that were not seen yet. */
export async function listTenants(
  { run, migrations, settings }: Migrator,
  select: Selection,
  seen: readonly Target[],
): Promise<Target[]> {
  const { config } = run;
  const basis = { scope: 'tenant', files: migrations.tenant, options: settings.plan } as const;
  return run.read(async (_, reader) => {
    // Of those seen nothing is read again, but for their names.
    const digests = new Map(seen.map(({ schema }) => [schema, { digest: '', scope: 'tenant' as const }]));
    const listed = await selectTenants(reader, select, config, digests);
    if ('unknown' in listed) throw tenantsQueryFailed(listed.unknown);
    const known = new Set(seen.map((target) => target.schema));
    const names = listed.names.filter((name) => !known.has(name));
    const bad = new Map([...listed.bad].filter(([name]) => !known.has(name)));
    return readListedTargets(reader, { names, bad, digests: new Map() }, basis, config);
  });
}
