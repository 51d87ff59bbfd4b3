import { type Config, requireConfig } from '../project/config.ts';
import { checkOptions } from '../project/option.ts';
import type { Finding, StatusResult } from '../results.ts';
import { findingsOf, unlistedFinding } from '../state/findings.ts';
import { type InspectOptions, inspect, inspectKinds, surveyed } from '../state/inspect.ts';
import type { Target } from '../state/look.ts';

/**
 * Where every schema stands, and those with our history that the tenant source does not list; `ok` is false when
 * anything is pending or found. Takes no lock and changes nothing.
 * @throws SqlmigError where it cannot begin.
 */
export async function status(config: Config, options: InspectOptions = {}): Promise<StatusResult> {
  requireConfig(config);
  checkOptions(options, inspectKinds);
  const inspection = await inspect(config, options, { unlisted: true });
  const { database, server, survey, unlisted } = inspection;
  const statusOf = ({ schema, scope, plan: { version, pending } }: Target, findings: readonly Finding[]) => ({
    database,
    schema,
    scope,
    version,
    pending,
    findings,
  });
  const schemas = [
    ...surveyed(inspection).map((target) => statusOf(target, findingsOf(target, database))),
    ...unlisted.map((target) => statusOf(target, [unlistedFinding(target, database)])),
  ];
  return {
    ok: survey.tenantsUnknown === null && schemas.every((s) => s.pending === 0 && s.findings.length === 0),
    host: server.host,
    database: server.database,
    schemas,
    ...(survey.tenantsUnknown !== null && { tenantsUnknown: survey.tenantsUnknown }),
  };
}
