import { mergedStatus } from '../databases/merged-readings.ts';
import { inDatabases } from '../databases/parts.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { checkOptions } from '../project/option.ts';
import type { Finding, SchemaStatus, StatusResult } from '../results.ts';
import { findingsOf, unlistedFinding } from '../state/findings.ts';
import { allTargets } from '../state/fleet-state.ts';
import { type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';
import type { Target } from '../state/target.ts';

/**
 * Reads the migration status of every selected schema, and of schemas with a history of sqlmig that the tenant source
 * does not list. `ok` is false if anything is pending or found. Takes no lock and changes nothing.
 * @throws SqlmigError `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function status(config: Config, options: ReadOptions = {}): Promise<StatusResult> {
  requireFleetConfig(config);
  checkOptions(options, readKinds);
  return inDatabases(config, options, { work: statusOf, merge: mergedStatus });
}

async function statusOf(config: Config, options: ReadOptions): Promise<StatusResult> {
  const reading = await readForCommand(config, options, { unlisted: true });
  const { server, database, fleet, unlisted } = reading;
  const { tenantsUnknown } = fleet;
  const schemas = [
    ...allTargets(fleet).map((target) => schemaStatus(target, findingsOf(target, database), database)),
    ...unlisted.map((target) => schemaStatus(target, [unlistedFinding(target, database)], database)),
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
