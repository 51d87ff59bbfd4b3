import { completePlan, type PlanOptions, planKinds } from '../decide/plan.ts';
import { extensionsToCreate, requireExtensions, settleExtensions } from '../fleet/extensions.ts';
import { detailsOf, refusalOf } from '../fleet/outcome.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { type Migrations, type ParsedFiles, parseAll } from '../project/migrations.ts';
import { checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import type { PlanResult } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { findingsOf } from '../state/findings.ts';
import type { FleetState } from '../state/fleet-state.ts';
import { downFindings, lintFindings, newFiles } from '../state/lints.ts';
import { requireFiles } from '../state/missing-files.ts';
import { allTargets, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';

/** What `plan` is for and how far the `up` it foretells would go. */
export interface PlanCommandOptions extends ReadOptions, Partial<PlanOptions> {
  /** Warn of what surprises in all files, not only in those that no schema has applied yet. */
  readonly lint?: boolean;
}

const planCommandKinds: Kinds<PlanCommandOptions> = { ...readKinds, ...planKinds, lint: yesOrNo };

/**
 * What `up` would do, touching nothing; `ok` is false where it would refuse a schema. All files are parsed.
 * @throws SqlmigError as `up` does where it cannot begin.
 */
export async function plan(config: Config, options: PlanCommandOptions = {}): Promise<PlanResult> {
  requireConfig(config);
  checkOptions(options, planCommandKinds);
  const settings = completePlan(options, config);
  let files: ParsedFiles = { scripts: new Map(), brokenDown: [] };
  const scripts = new Map<Migration, Script>();
  const check = async (migrations: Migrations) => {
    files = await parseAll(migrations);
    for (const [migration, script] of files.scripts) scripts.set(migration, script);
  };
  const pending = ({ public: shared, tenants, tenantsUnknown }: FleetState): Set<Migration> => {
    // A tenant that is not known yet will need every file.
    const unknown = tenantsUnknown === null ? [] : [...scripts.keys()].filter((m) => m.scope === 'tenant');
    return new Set([...[shared, ...tenants].flatMap((target) => target.plan.steps), ...unknown]);
  };
  const readMore = async (session: Session, found: FleetState) => {
    const open = [...pending(found)].flatMap((migration) => scripts.get(migration) ?? []);
    const created = await extensionsToCreate(session, open, config);
    const settled = await settleExtensions(session, open, created, config);
    requireExtensions(settled.missing);
    for (const script of settled.scripts) scripts.set(script.migration, script);
  };
  const reading = await readForCommand(config, options, { plan: settings, check, read: readMore });
  requireFiles(allTargets(reading), reading.migrations, config);
  const { database, server, fleet } = reading;
  const missing = allTargets(reading)
    .flatMap((target) => findingsOf(target, database))
    .filter(({ kind }) => kind === 'file-missing');
  const schemas = allTargets(reading).map((target) => {
    const refusal = refusalOf(target);
    return {
      database,
      schema: target.schema,
      scope: target.scope,
      version: target.plan.version,
      ...(target.isUnmanaged && { unmanaged: true as const }),
      migrations:
        refusal === null ? target.plan.steps.map(({ version, name, file }) => ({ version, name, file })) : [],
      ...(refusal && { error: detailsOf(refusal, target, database) }),
    };
  });
  return {
    ok: schemas.every((schema) => !('error' in schema)),
    host: server.host,
    database: server.database,
    schemas,
    warnings: [
      ...lintFindings(
        [...(options.lint === true ? scripts.keys() : newFiles(fleet, reading.migrations))].flatMap(
          (migration) => scripts.get(migration) ?? [],
        ),
        database,
      ),
      ...downFindings(files.brokenDown, database),
      ...missing,
    ],
    ...(fleet.tenantsUnknown !== null && { tenantsUnknown: fleet.tenantsUnknown }),
  };
}
