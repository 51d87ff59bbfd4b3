import type { Reader } from '../history/read-histories.ts';
import { filesBefore } from '../project/files-before.ts';
import { wholeOf } from '../project/scope-view.ts';
import { everySchema } from '../project/selection.ts';
import type { Migration } from '../sql/migration.ts';
import { selectTenants } from '../state/fleet-state.ts';
import { type PlanSource, tenantRequests } from '../state/plan-source.ts';
import { readTargets } from '../state/target.ts';

/**
 * Reads which files of all tenants the tenants of a kind have applied, by schema; `null` for a tenant that should have them,
 * according to its tenant source, and has no history of them. Empty if the config is not limited to a kind.
 */
export async function readFilesBefore(
  reader: Reader,
  { config, migrations, options }: PlanSource,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, readonly Migration[] | null>> {
  const files = filesBefore(migrations, config);
  if (files.length === 0) return new Map();
  const whole = wholeOf(config);
  const source = { config: whole, migrations: { ...migrations, tenant: files }, options };
  const every = await selectTenants(reader, whole, { selection: everySchema });
  const targets = await readTargets(tenantRequests(source, schemas), reader, whole.historyTable);
  return new Map(
    targets.map(({ schema, rows, plan }) => {
      const isMissing = rows.length === 0 && ('unknown' in every || every.names.includes(schema));
      return [
        schema,
        isMissing ? null : files.filter((file) => rows.length > 0 && !plan.steps.includes(file)),
      ];
    }),
  );
}
