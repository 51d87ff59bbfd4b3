import { type Config, requireConfig } from '../project/config.ts';
import { checkOptions } from '../project/option.ts';
import type { Finding, StatusResult } from '../results.ts';
import { findingsOf, unlistedFinding } from '../state/findings.ts';
import { allTargets, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';
import type { Target } from '../state/target.ts';

/**
 * Where every schema stands, and those with our history that the tenant source does not list; `ok` is false when
 * anything is pending or found. Takes no lock and changes nothing.
 * @throws SqlmigError where it cannot begin.
 */
export async function status(config: Config, options: ReadOptions = {}): Promise<StatusResult> {
  requireConfig(config);
  checkOptions(options, readKinds);
  const reading = await readForCommand(config, options, { unlisted: true });
  const { database, server, fleet, unlisted } = reading;
  const statusOf = (target: Target, findings: readonly Finding[]) => {
    const { schema, scope, isUnmanaged, plan } = target;
    const { version, pending } = plan;
    return {
      database,
      schema,
      scope,
      version,
      ...(isUnmanaged && { unmanaged: true as const }),
      pending,
      findings,
    };
  };
  const schemas = [
    ...allTargets(reading).map((target) => statusOf(target, findingsOf(target, database))),
    ...unlisted.map((target) => statusOf(target, [unlistedFinding(target, database)])),
  ];
  return {
    ok: fleet.tenantsUnknown === null && schemas.every((s) => s.pending === 0 && s.findings.length === 0),
    host: server.host,
    database: server.database,
    schemas,
    ...(fleet.tenantsUnknown !== null && { tenantsUnknown: fleet.tenantsUnknown }),
  };
}
