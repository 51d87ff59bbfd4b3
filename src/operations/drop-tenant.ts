import { hasSchema, inHome } from '../databases/home.ts';
import { SqlmigError } from '../errors.ts';
import { isStillListed } from '../fleet/enlist.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { readContents } from '../lifecycle/contents.ts';
import { readOutsideDependents } from '../lifecycle/dependents.ts';
import { dependentObjects, dropSchema } from '../lifecycle/drop.ts';
import { findTenant, noHistory, schemaMissing } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, type Kinds, tenantName, yesOrNo } from '../project/option.ts';
import { historyTablesIn } from '../project/scope-view.ts';
import type { ErrorDetails } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** The tenant to drop. */
export interface DropTenantOptions extends ChangeOptions {
  /** The name of its schema. */
  readonly name: string;
  /** Do not fail if the schema does not exist. */
  readonly ifExists?: boolean;
  /** Drop the schema although it has no sqlmig history of a tenant. */
  readonly withoutHistory?: boolean;
  /** Called once with what would be dropped; only `true` drops it. */
  readonly accept: (plan: TenantDrop) => boolean | Promise<boolean>;
}

/** What a drop would remove. */
export interface TenantDrop {
  readonly database: string;
  readonly host: string;
  readonly schema: string;
  /** The newest applied version; `null` if there is none, or if it is unknown. */
  readonly version: string | null;
  /** An earlier drop was interrupted, and this one continues it. */
  readonly halfDropped: boolean;
  /** The number of its tables, without histories, and of its views, sequences, functions and types. */
  readonly tables: number;
  readonly others: number;
}

/** How a drop ended. */
export interface DroppedTenant extends TenantDrop {
  readonly accepted: boolean;
  /** `absent` if the schema did not exist. */
  readonly state: 'dropped' | 'absent' | 'unchanged' | 'failed';
  /** The tenant source still lists it, so that `up` would create it again. */
  readonly listed: boolean;
  readonly error?: ErrorDetails;
}

const kinds: Kinds<DropTenantOptions> = {
  ...changeKinds,
  name: tenantName,
  ifExists: yesOrNo,
  withoutHistory: yesOrNo,
  accept: { ...callback, required: true },
};

/**
 * Drops a tenant's schema under the locks of a tenant file, so that `up` and the drop never work in it at the same
 * time. A schema with more objects than one transaction can lock is dropped in several: it is marked first, and if the
 * drop is interrupted, `up` refuses the schema (`half-dropped`) and the next call continues. Objects of other schemas
 * are never dropped: if some depend on the schema, the result has the error `dependent-objects`.
 * @throws SqlmigError `bad-tenant-name`, `schema-missing`, `no-history`, and if it cannot start: `bad-usage`,
 *   `config-invalid`, mistakes in the files, no connection.
 */
export async function dropTenant(config: Config, options: DropTenantOptions): Promise<DroppedTenant> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return inHome(config, options, {
    what: `a schema "${options.name}"`,
    isHere: (run) => hasSchema(run, options.name),
    work: (part, options) => traced('tenant drop', part, { options, work: drop }),
  });
}

async function drop(
  config: Config,
  { name, ifExists = false, withoutHistory = false, accept, ...change }: DropTenantOptions,
): Promise<DroppedTenant> {
  requireTenantName(name, config.publicSchema);
  const migrations = await readMigrations(config);
  const settings = migrateSettings(change, config);
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (run) => {
    const work: MigrationRun = { run, source, settings };
    const { target, isTenant } = await findTenant(work, name);
    const { database, server } = run;
    const halfDropped = target.trouble?.code === 'half-dropped';
    const { version } = target.plan;
    const { tables, others } = await run.read((session) =>
      readContents(session, name, historyTablesIn(config)),
    );
    const plan = { database, host: server.host, schema: name, version, halfDropped, tables, others };
    const end = { ...plan, accepted: false, listed: false };
    if (!target.exists && target.trouble === null) {
      if (!ifExists) throw schemaMissing(name, 'pass --if-exists to ignore this');
      return { ...end, state: 'absent', listed: await stillLists(work, name) };
    }
    if (target.trouble?.code === 'tenant-moved' && !withoutHistory) throw target.trouble;
    if (!isTenant && !withoutHistory) throw noHistory(target, 'to drop it anyway, pass --without-history');
    const failed = (error: ErrorDetails) => ({
      ...end,
      state: 'failed' as const,
      error: { ...error, database },
    });
    const outsiders = await run.read((session) => readOutsideDependents(session, name));
    if (outsiders.length > 0) return failed(dependentObjects(name, outsiders).details);
    const accepted = await accept(plan);
    checkValue('the answer of accept', accepted, yesOrNo);
    if (!accepted) return { ...end, state: 'unchanged' };
    const error = await dropSchema(work, target);
    if (error !== null) return { ...failed(error), accepted };
    return { ...end, accepted, state: 'dropped', listed: await stillLists(work, name) };
  });
}

/** Whether the tenant source still lists the schema; an error of the source is a warning. */
async function stillLists({ run, settings }: MigrationRun, name: string): Promise<boolean> {
  try {
    return await isStillListed(run, name);
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
    settings.emit({ type: 'warning', message: error.message });
    return false;
  }
}
