import { type ParsedScripts, parseScripts } from '../fleet/parsed-scripts.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import type { VerifiedSchema, VerifyResult } from '../results.ts';
import type { Script } from '../sql/migration.ts';
import { fleetFindings, unlistedFinding } from '../state/findings.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import { downFindings, lintFindings, newFiles } from '../state/lints.ts';
import { type FleetReading, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';
import type { Target } from '../state/target.ts';

/** What `verify` covers and how strict it is. */
export interface VerifyOptions extends ReadOptions {
  /** Lint all files, and treat lints as failures. */
  readonly strict?: boolean;
  /** Treat pending migrations as failures. */
  readonly checkPending?: boolean;
}

const verifyKinds: Kinds<VerifyOptions> = { ...readKinds, strict: yesOrNo, checkPending: yesOrNo };

/**
 * Compares the history of every schema with the files: checksum-changed, renamed, file-missing, out-of-order, incomplete,
 * unlisted. Also reports mistakes in `.down.sql` files (down-file), and lints of files that no schema has applied yet,
 * which are no failure. Pending migrations are counted and are no failure. Parses all files and changes nothing.
 * @throws SqlmigError `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  requireConfig(config);
  checkOptions(options, verifyKinds);
  const migrations = await readMigrations(config);
  const scripts = await parseScripts(migrations, config);
  const reading = await readForCommand(config, options, {
    migrations,
    unlisted: true,
    read: async (session, found) => {
      const created = config.extensions.map((name) => ({ name, schema: null }));
      await scripts.settle(session, scriptsToSettle(found, scripts), created);
    },
  });
  const { database, fleet, unlisted } = reading;
  const { strict = false, checkPending = false } = options;
  const targets = allTargets(fleet);
  const findings = findingsIn(reading, scripts);
  const news = newFiles(fleet, migrations);
  const linted = scripts.all().filter(({ migration }) => strict || news.has(migration));
  const lints = lintFindings(linted, database);
  const isPending = fleet.tenantsUnknown !== null || targets.some(({ plan }) => plan.pending > 0);
  return {
    ok: findings.length === 0 && !(strict && lints.length > 0) && !(checkPending && isPending),
    findings: [...findings, ...lints],
    schemas: [...targets, ...unlisted].map((target) => verified(target, database)),
    ...(fleet.tenantsUnknown !== null && { tenantsUnknown: fleet.tenantsUnknown }),
  };
}

/** Every tenant script, which new tenants need, and the pending ones of public, which create what is missing. */
function scriptsToSettle(found: FleetState, scripts: ParsedScripts): Script[] {
  const pending = new Set(found.public.plan.steps);
  return scripts.all().filter(({ migration }) => migration.scope === 'tenant' || pending.has(migration));
}

function findingsIn(reading: FleetReading, { brokenDown }: ParsedScripts) {
  const { database, unlisted } = reading;
  return [
    ...fleetFindings(reading),
    ...unlisted.map((target) => unlistedFinding(target, database)),
    ...downFindings(brokenDown, database),
  ];
}

function verified({ schema, scope, rows, plan }: Target, database: string): VerifiedSchema {
  const compared = rows.filter(({ state }) => state === 'applied').length;
  return { database, schema, scope, version: plan.version, compared, pending: plan.pending };
}
