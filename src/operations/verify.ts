import type { Config } from '../config.ts';
import { allFiles, type Migrations, parseMigrations } from '../migrations.ts';
import type { Script, VerifyResult } from '../model.ts';
import { findingsOf, unlistedFinding } from '../run/findings.ts';
import { type InspectOptions, inspect, surveyed } from '../run/inspect.ts';
import { lintFindings } from '../run/lints.ts';

/** What `verify` is for and how strict it is. */
export interface VerifyOptions extends InspectOptions {
  /** Lints fail it too. */
  readonly strict?: boolean;
}

/**
 * Compares every schema's history with the files: checksum-changed, file-missing, out-of-order, failed, unlisted; and
 * tells the lints of all files, which are no failure unless `strict`. Read-only. All files are parsed.
 * @throws SqlmigError where it cannot begin.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  let scripts: Iterable<Script> = [];
  const check = async (migrations: Migrations) => {
    scripts = (await parseMigrations(allFiles(migrations), migrations)).values();
  };
  const inspection = await inspect(config, options, { check, unlisted: true });
  const { database, survey, unlisted } = inspection;
  const targets = surveyed(inspection);
  const found = [
    ...targets.flatMap((target) => findingsOf(target, database)),
    ...unlisted.map((target) => unlistedFinding(target, database)),
  ];
  const lints = lintFindings(scripts, database);
  return {
    ok: found.length === 0 && (options.strict !== true || lints.length === 0),
    findings: [...found, ...lints],
    schemas: targets.length + unlisted.length,
    ...(survey.tenantsUnknown !== null && { tenantsUnknown: survey.tenantsUnknown }),
  };
}
