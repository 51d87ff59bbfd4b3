import type { Reader } from '../history/read-histories.ts';
import { filesBefore } from '../project/files-before.ts';
import { wholeOf } from '../project/scope-view.ts';
import { everySchema } from '../project/selection.ts';
import type { Migration } from '../sql/migration.ts';
import { selectTenants } from '../state/fleet-state.ts';
import { type PlanSource, tenantRequests } from '../state/plan-source.ts';
import { readTargets } from '../state/target.ts';

/** The files of all tenants as a tenant of a kind has them. */
export interface FilesBeforeKind {
  readonly applied: readonly Migration[];
  readonly pending: readonly Migration[];
}

/** A tenant without files of all tenants. */
export const noFilesBefore: FilesBeforeKind = { applied: [], pending: [] };

/**
 * Reads which files of all tenants the tenants of a kind have applied, by schema; `null` for a tenant that should have them,
 * according to its tenant source, and has no history of them. Empty if the config is not limited to a kind.
 */
export async function readFilesBefore(
  reader: Reader,
  { config, migrations, options }: PlanSource,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, FilesBeforeKind | null>> {
  const files = filesBefore(migrations, config);
  if (files.length === 0) return new Map();
  const whole = wholeOf(config);
  const source = { config: whole, migrations: { ...migrations, tenant: files }, options };
  const every = await selectTenants(reader, whole, { selection: everySchema });
  const targets = await readTargets(tenantRequests(source, schemas), reader, whole.historyTable);
  const mayList = (schema: string) => 'unknown' in every || every.names.includes(schema);
  return new Map<string, FilesBeforeKind | null>(
    targets.map(({ schema, rows, plan }) => {
      if (rows.length === 0) return [schema, mayList(schema) ? null : noFilesBefore];
      const pending = new Set(plan.steps);
      return [schema, { applied: files.filter((file) => !pending.has(file)), pending: [...pending] }];
    }),
  );
}
