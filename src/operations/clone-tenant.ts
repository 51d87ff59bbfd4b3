import { hasSchema, inHome } from '../databases/home.ts';
import { currentPublic } from '../fleet/current-public.ts';
import { enlist, isListedBefore } from '../fleet/enlist.ts';
import { createMigrator, type MigrationRun } from '../fleet/migrator.ts';
import { openTenantPhase } from '../fleet/phase.ts';
import { type ClonedTable, completeClone } from '../lifecycle/clone.ts';
import { filesOf } from '../lifecycle/reproducible.ts';
import { readTenant, requireNoKinds } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { checkOptions, type Kinds, tenantName, yesOrNo } from '../project/option.ts';
import type { ErrorDetails } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import type { Session } from '../server/session.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { readTargets } from '../state/target.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** The tenant to clone. */
export interface CloneTenantOptions extends ChangeOptions {
  /** The name of its schema. */
  readonly name: string;
  /** The name of the new schema. */
  readonly to: string;
  /** Copy the rows as well. */
  readonly data?: boolean;
  /** Clone it even if the tenant source does not list the new name. */
  readonly unlisted?: boolean;
}

/** How a cloning ended. */
export interface ClonedTenant {
  readonly database: string;
  readonly schema: string;
  readonly to: string;
  readonly state: 'cloned' | 'failed';
  /** The version of both. */
  readonly version: string | null;
  /** The tables whose rows were copied. */
  readonly tables: readonly ClonedTable[];
  readonly error?: ErrorDetails;
}

const kinds: Kinds<CloneTenantOptions> = {
  ...changeKinds,
  name: tenantName,
  to: tenantName,
  data: yesOrNo,
  unlisted: yesOrNo,
};

/**
 * Creates a tenant with the structure and history of another one, and with `data` its rows, in one transaction. The new
 * schema is built from the files that the other one has applied, and must then have the same structure. Rows are
 * counted and compared; triggers are not fired. While rows are copied, the other tenant can be read and not written.
 * @throws SqlmigError `bad-tenant-name`, `schema-missing`, `tenant-exists`, `no-history`, `not-reproducible`,
 *   `unlisted-tenant`, `public-behind`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function cloneTenant(config: Config, options: CloneTenantOptions): Promise<ClonedTenant> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return inHome(config, options, {
    what: `a schema "${options.name}"`,
    isHere: (run) => hasSchema(run, options.name),
    work: (one, own) => traced('tenant clone', one, { options: own, work: clone }),
  });
}

async function clone(
  config: Config,
  { name, to, data = false, unlisted = false, ...change }: CloneTenantOptions,
): Promise<ClonedTenant> {
  for (const one of [name, to]) requireTenantName(one, config.publicSchema);
  const migrations = await readMigrations(config);
  const settings = { ...migrateSettings(change, config), sync: true };
  const every = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (run) => {
    const work: MigrationRun = { run, source: every, settings };
    const tenant = await readTenant(work, { name, to });
    requireNoKinds(tenant);
    const { target: from } = tenant;
    const { readSnapshot: _, ...files } = migrations;
    const source = { ...every, migrations: { ...files, tenant: filesOf(from, files.tenant) } };
    const migrator = createMigrator({ run, source, settings });
    await currentPublic(migrator);
    const listed = unlisted || (await isListedBefore(run, to));
    const targets = await run.read((_, reader) =>
      readTargets(tenantRequests(source, [to]), reader, config.historyTable),
    );
    await migrator.scripts.parse(targets.flatMap(({ plan }) => plan.steps));
    let tables: readonly ClonedTable[] = [];
    const whole = {
      finish: async (session: Session) => {
        tables = await completeClone(session, { from, to, data }, migrator.context);
      },
    };
    const phase = openTenantPhase(migrator, { shared: null, createsUnlisted: true, whole });
    const [made] = await phase.migrate(targets);
    if (made === undefined) throw new RangeError('one schema has one outcome');
    const outcome = listed || made.error !== undefined ? made : await enlist(run, made);
    const { version, error } = outcome;
    const base = { database: run.database, schema: name, to, version };
    return made.error === undefined
      ? { ...base, state: 'cloned', tables, ...(error && { error }) }
      : { ...base, state: 'failed', tables: [], ...(error && { error }) };
  });
}
