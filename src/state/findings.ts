import type { SqlmigError } from '../errors.ts';
import type { Finding, TroubleKind } from '../results.ts';
import { allTargets } from './fleet-state.ts';
import type { FleetReading } from './reading.ts';
import type { Target } from './target.ts';

/** The finding about a schema with a sqlmig history that is not a tenant of the config: `unlisted`, or its trouble. */
export function unlistedFinding(
  { schema, scope, trouble }: Target,
  { database, config }: Pick<FleetReading, 'database' | 'config'>,
): Finding {
  if (trouble !== null) return troubleFinding({ schema, scope, trouble }, database);
  return { kind: 'unlisted', database, schema, scope, message: consequenceIn(config) };
}

function consequenceIn({ scope, scopes }: FleetReading['config']): string {
  if (scope !== null)
    return `it has migrations of scope ${scope.name}, which does not list it, so no run migrates these`;
  return scopes.length === 0
    ? 'it is not in the tenant list of the config, so no run migrates it'
    : '"tenants" in the config does not list it, so no run applies the files of all tenants to it';
}

/** The findings in the schemas of a fleet as it was read. */
export function fleetFindings({ fleet, database }: Pick<FleetReading, 'fleet' | 'database'>): Finding[] {
  return allTargets(fleet).flatMap((target) => findingsOf(target, database));
}

/** The findings in one schema, except an incomplete migration that a run is working on. */
export function findingsOf({ plan, schema, scope, held, trouble }: Target, database: string): Finding[] {
  if (trouble !== null) return [troubleFinding({ schema, scope, trouble }, database)];
  return plan.findings
    .filter(({ kind }) => !(kind === 'incomplete' && held))
    .map(({ kind, message, ...rest }) => ({
      kind,
      database,
      schema,
      scope,
      ...rest,
      message,
    }));
}

function troubleFinding(
  { schema, scope, trouble }: Pick<Target, 'schema' | 'scope'> & { readonly trouble: SqlmigError },
  database: string,
): Finding {
  return { kind: trouble.code as TroubleKind, database, schema, scope, message: trouble.message };
}
