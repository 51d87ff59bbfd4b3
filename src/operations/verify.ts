import { settleExtensions } from '../fleet/extensions.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { type Migrations, type ParsedFiles, parseAll } from '../project/migrations.ts';
import { checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import type { VerifiedSchema, VerifyResult } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { findingsOf, unlistedFinding } from '../state/findings.ts';
import type { FleetState } from '../state/fleet-state.ts';
import { downFindings, lintFindings, newFiles } from '../state/lints.ts';
import { allTargets, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';
import type { Target } from '../state/target.ts';

/** What `verify` is for and how strict it is. */
export interface VerifyOptions extends ReadOptions {
  /** Lints fail it too, those of all files. */
  readonly strict?: boolean;
  /** Pending migrations fail it too. */
  readonly checkPending?: boolean;
}

const verifyKinds: Kinds<VerifyOptions> = { ...readKinds, strict: yesOrNo, checkPending: yesOrNo };

/**
 * Compares every schema's history with the files: checksum-changed, renamed, file-missing, out-of-order, failed,
 * unlisted. Finds mistakes in `.down.sql` files as well (down-file), and the lints of files that no schema has applied
 * yet, which are no failure; with `strict` those of all files, and they fail it. Pending migrations are counted, and no
 * failure unless `checkPending`. Read-only. All files are parsed.
 * @throws SqlmigError where it cannot begin.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  requireConfig(config);
  checkOptions(options, verifyKinds);
  let files: ParsedFiles = { scripts: new Map(), brokenDown: [] };
  let scripts: readonly Script[] = [];
  const check = async (migrations: Migrations) => {
    files = await parseAll(migrations);
    scripts = [...files.scripts.values()];
  };
  // New tenants need every file; of public's, only the pending ones make what is not there yet.
  const readMore = async (session: Session, found: FleetState) => {
    const pending = new Set(found.public.plan.steps);
    const open = scripts.filter(({ migration }) => migration.scope === 'tenant' || pending.has(migration));
    const created = config.extensions.map((name) => ({ name, schema: null }));
    const settled = await settleExtensions(session, open, created, config);
    const byMigration = new Map(settled.scripts.map((script) => [script.migration, script]));
    scripts = scripts.map((script) => byMigration.get(script.migration) ?? script);
  };
  const reading = await readForCommand(config, options, { check, read: readMore, unlisted: true });
  const { database, fleet, unlisted } = reading;
  const targets = allTargets(reading);
  const found = [
    ...targets.flatMap((target) => findingsOf(target, database)),
    ...unlisted.map((target) => unlistedFinding(target, database)),
    ...downFindings(files.brokenDown, database),
  ];
  const news = newFiles(fleet, reading.migrations);
  const lints = lintFindings(
    scripts.filter(({ migration }) => options.strict === true || news.has(migration)),
    database,
  );
  const isPending = fleet.tenantsUnknown !== null || targets.some(({ plan }) => plan.pending > 0);
  return {
    ok:
      found.length === 0 &&
      (options.strict !== true || lints.length === 0) &&
      (options.checkPending !== true || !isPending),
    findings: [...found, ...lints],
    schemas: [...targets, ...unlisted].map((target) => verified(target, database)),
    ...(fleet.tenantsUnknown !== null && { tenantsUnknown: fleet.tenantsUnknown }),
  };
}

function verified({ schema, scope, rows, plan }: Target, database: string): VerifiedSchema {
  const compared = rows.filter(({ state }) => state === 'applied').length;
  return { database, schema, scope, version: plan.version, compared, pending: plan.pending };
}
