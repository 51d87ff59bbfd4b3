import type { Finding, SchemaStatus, StatusResult } from '../results.ts';
import { findingsOf, unlistedFinding } from './findings.ts';
import { allTargets } from './fleet-state.ts';
import type { FleetReading } from './reading.ts';
import type { Target } from './target.ts';

/** The migration status of every selected schema, then of the schemas that no source lists. */
export function statusOf(reading: FleetReading): StatusResult {
  const { server, database, fleet, unlisted } = reading;
  const { tenantsUnknown } = fleet;
  const schemas = [
    ...allTargets(fleet).map((target) => schemaStatus(target, findingsOf(target, database), database)),
    ...unlisted.map((target) => schemaStatus(target, [unlistedFinding(target, reading)], database)),
  ];
  return {
    ok: tenantsUnknown === null && schemas.every((s) => s.pending === 0 && s.findings.length === 0),
    host: server.host,
    database: server.database,
    schemas,
    ...(tenantsUnknown !== null && { tenantsUnknown }),
  };
}

function schemaStatus(
  { schema, scope, isUnmanaged, plan: { version, pending } }: Target,
  findings: readonly Finding[],
  database: string,
): SchemaStatus {
  const unmanaged = isUnmanaged && { unmanaged: true as const };
  return { database, schema, scope, version, ...unmanaged, pending, findings };
}
