import type { Config } from '../config.ts';
import type { StatusResult } from '../model.ts';
import { findingsOf } from '../run/findings.ts';
import { type InspectOptions, inspect, surveyed } from '../run/inspect.ts';

/**
 * Where every schema stands; `ok` is false when anything is pending or found. Takes no lock and changes nothing.
 * @throws SqlmigError where it cannot begin.
 */
export async function status(config: Config, options: InspectOptions = {}): Promise<StatusResult> {
  const inspection = await inspect(config, options);
  const { database, server, survey } = inspection;
  const schemas = surveyed(inspection).map((target) => ({
    database,
    schema: target.schema,
    scope: target.scope,
    version: target.plan.version,
    pending: target.plan.pending,
    findings: findingsOf(target, database),
  }));
  return {
    ok: survey.tenantsUnknown === null && schemas.every((s) => s.pending === 0 && s.findings.length === 0),
    host: server.host,
    database: server.database,
    schemas,
    ...(survey.tenantsUnknown !== null && { tenantsUnknown: survey.tenantsUnknown }),
  };
}
