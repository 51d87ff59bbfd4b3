import type { Config } from '../config.ts';
import { allFiles, parseMigrations } from '../migrations.ts';
import type { VerifyResult } from '../model.ts';
import { findingsOf } from '../run/findings.ts';
import { type InspectOptions, inspect, surveyed } from '../run/inspect.ts';

/**
 * Compares every schema's history with the files: checksum-changed, file-missing, out-of-order, failed. Read-only.
 * All files are parsed.
 * @throws SqlmigError where it cannot begin.
 */
export async function verify(config: Config, options: InspectOptions = {}): Promise<VerifyResult> {
  const inspection = await inspect(config, options, undefined, (migrations) =>
    parseMigrations(allFiles(migrations), migrations),
  );
  const { database, survey } = inspection;
  const targets = surveyed(inspection);
  const findings = targets.flatMap((target) => findingsOf(target, database));
  return {
    ok: findings.length === 0,
    findings,
    schemas: targets.length,
    ...(survey.tenantsUnknown !== null && { tenantsUnknown: survey.tenantsUnknown }),
  };
}
