import { isListed } from '../fleet/enlist.ts';
import { everySchema } from '../project/selection.ts';
import type { Run } from '../run/run.ts';
import { selectTenants } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import type { SplitLook } from './look.ts';
import type { SplitObstacle } from './paths.ts';
import type { SplitTenant } from './tenants-from.ts';

/** Obstacles among the tenants: earlier splits, and schemas that cannot be migrated. */
export function tenantObstacles(
  targets: readonly Target[],
  { tenants, records, shared: { owned } }: Pick<SplitLook, 'tenants' | 'records' | 'shared'>,
  column: string,
): SplitObstacle[] {
  const byName = new Map(records.map((record) => [record.schema, record]));
  const byTarget = targets.flatMap(({ schema, trouble, isUnmanaged }): SplitObstacle[] => {
    if (trouble !== null)
      return [{ schema, message: trouble.message, hint: trouble.details.hint ?? 'see sqlmig status' }];
    return isUnmanaged
      ? [
          {
            schema,
            message: 'the schema has tables, but no migration is applied',
            hint: 'drop the schema if it is not needed, or correct the query of --tenants-from',
          },
        ]
      : [];
  });
  const byRecord = tenants.flatMap(({ schema, id }): SplitObstacle[] => {
    const other = records.find(
      (record) => record.splitBy === column && record.id === id && record.schema !== schema,
    );
    if (other !== undefined)
      return [
        {
          schema,
          message: `its id ${id} was split before, to the schema "${other.schema}"`,
          hint: 'correct the query of --tenants-from, or drop that schema with its copied rows',
        },
      ];
    const record = byName.get(schema);
    if (record === undefined) return [];
    const same = record.id === id && record.splitBy === column;
    const names = owned.map(({ table }) => table.name);
    const isComplete = names.length === record.tables.size && names.every((name) => record.tables.has(name));
    if (same && isComplete) return [];
    const what = same ? 'other tables' : `${record.splitBy} ${record.id}`;
    return [{ schema, message: `it was split before, by ${what}`, hint: againHint }];
  });
  return [...byTarget, ...byRecord];
}

/** The hint for splitting a tenant again. */
export const againHint = 'drop the schema with its copied rows, and split again';

/** Tenants that no later run would migrate. */
export async function unlistedObstacles(run: Run, tenants: readonly SplitTenant[]): Promise<SplitObstacle[]> {
  const { config } = run;
  const { kind } = config.database.tenants;
  const found = await run.read((_, reader) => selectTenants(reader, config, { selection: everySchema }));
  const listed = new Set('unknown' in found ? [] : found.names);
  const unlisted: SplitTenant[] = [];
  for (const tenant of kind === 'history' ? [] : tenants) {
    if (listed.has(tenant.schema) || (kind === 'pattern' && (await isListed(run, tenant.schema)))) continue;
    unlisted.push(tenant);
  }
  return unlisted.map(({ schema }) => ({
    schema,
    message: `the ${kind} in "tenants" of the config does not list it, so no run would migrate it`,
    hint: 'correct "tenants" of the config',
  }));
}
